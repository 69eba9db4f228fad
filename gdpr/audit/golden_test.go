package audit

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// The vectors under testdata are docs/format.md parts 5 and 6 in bytes. A change of one of them is format version 2: they
// are written anew only together with that page.
//
// Keys: the trail keyset is HMAC-SHA256 with 32 bytes 07 and the Tink prefix 01 0a0b0c0d; the checkpoint keyset is Ed25519
// with the seed of 32 bytes 09. The store's id is 51000000-0000-0000-0000-000000000051.
var update = flag.Bool("update", false, "write the vectors anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, path)
}

func TestVectors(t *testing.T) {
	t.Parallel()
	full, small := fullEntry(), testEntry(1)
	golden(t, "entry", string(EncodeEntry(&full))+"\n"+string(EncodeEntry(&small))+"\n")

	// Two lanes of two entries, the first of them in two segments.
	r := &rows{}
	var macs strings.Builder
	for _, id := range []byte{0x1a, 0x1b} {
		l := &Lane{w: NewWriter(newMAC(), 1), end: tail{id: testID(id)}}
		for _, e := range []Entry{full, small} {
			e.Proof = ""
			row, err := l.Add(e)
			require.NoError(t, err)
			r.entries = append(r.entries, row)
			macs.WriteString(hex.EncodeToString(row.MAC) + "\n")
		}
	}
	golden(t, "mac", macs.String())

	whole := r.entries
	r.entries = whole[:1]
	r.seal(t)
	r.entries = whole
	r.seal(t)
	golden(t, "segment", string(r.segments[0].Body)+"\n"+string(r.segments[1].Body)+"\n")
	report, err := r.verify(t)
	require.NoError(t, err)
	golden(t, "checkpoint", report.Checkpoint)

	subjects := Proof{
		ID: testID(0x91), At: start.Add(time.Hour), Actor: Actor{Kind: Person, Name: "Åsa Öberg"}, Kind: ErasedSubjects, Controller: testID(0xc1),
		Subjects: []storage.ID{testID(0xd1), testID(0xd2)}, Method: []string{"key destroyed"},
	}
	first, err := NextProof(newMAC(), nil, testProof(1))
	require.NoError(t, err)
	second, err := NextProof(newMAC(), &first, subjects)
	require.NoError(t, err)
	golden(t, "proof", string(first.Body)+"\n"+hex.EncodeToString(first.Digest)+"\n"+hex.EncodeToString(first.MAC)+"\n"+
		string(second.Body)+"\n"+hex.EncodeToString(second.Digest)+"\n"+hex.EncodeToString(second.MAC)+"\n")

	path := filepath.Join(t.TempDir(), "ledger")
	require.NoError(t, openTest(t, path).Append(t.Context(), first, second))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	golden(t, "ledger", string(text))
}

// What earlier versions of the library wrote is read: the files themselves, not what this version would write.
func TestVectorsAreRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	text, err := os.ReadFile(filepath.Join("testdata", "ledger.golden"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	n, err := VerifyLedger(t.Context(), openTest(t, path), newMAC())
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)

	text, err = os.ReadFile(filepath.Join("testdata", "entry.golden"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		e, err := DecodeEntry([]byte(strings.TrimSuffix(line, "\n")))
		require.NoError(t, err)
		require.NoError(t, e.Check())
	}
}
