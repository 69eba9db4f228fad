package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/gallra/gallra/gdpr/storage"
)

// naiveRoot is RFC 6962, 2.1, as written there: over all leaves at once.
func naiveRoot(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		return rfc6962.DefaultHasher.EmptyRoot()
	case 1:
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return rfc6962.DefaultHasher.HashChildren(naiveRoot(leaves[:k]), naiveRoot(leaves[k:]))
}

// Sealing step by step gives the root of all leaves at once, whatever the steps.
func TestSealIsIncremental(t *testing.T) {
	t.Parallel()
	r := &rows{}
	writers := []*Writer{NewWriter(newMAC(), 1), NewWriter(newMAC(), 1), NewWriter(newMAC(), 1)}
	for step := range 12 {
		for i, w := range writers {
			r.write(t, w, (step*(i+2)+i)%5)
		}
		if seg := r.seal(t); seg == nil {
			continue
		}
		// The leaves in the order in which the segments list them, hashed by hand.
		var leaves [][]byte
		for _, s := range r.segments {
			seg, err := decodeSegment(s.Body)
			require.NoError(t, err)
			for _, l := range seg.Lanes {
				for _, e := range r.entries {
					if e.Lane == l.Lane && l.First <= e.Seq && e.Seq <= l.Last {
						leaf := append(e.Lane[:], 0, 0, 0, 0, 0, 0, 0, byte(e.Seq))
						leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(append(leaf, e.MAC...)))
					}
				}
			}
		}
		require.Len(t, leaves, len(r.entries), "every entry is listed, once")
		report, err := r.verify(t)
		require.NoError(t, err)
		want := base64.StdEncoding.EncodeToString(naiveRoot(leaves))
		assert.Equal(t, want, strings.Split(report.Checkpoint, "\n")[2], "step %d", step)
	}
	require.Greater(t, len(r.segments), 8)
}

func TestNothingToSeal(t *testing.T) {
	t.Parallel()
	r := &rows{}
	require.Nil(t, r.seal(t))
	r.write(t, NewWriter(newMAC(), 1), 1)
	require.NotNil(t, r.seal(t))
	require.Nil(t, r.seal(t))
	require.Len(t, r.segments, 1)
}

func TestSealVerifiesWhatItTakesIn(t *testing.T) {
	t.Parallel()
	whole := smallLog(t) // three entries are not sealed
	for i, e := range whole.entries {
		r := whole.clone()
		r.entries[i].Body[10] ^= 1
		_, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
		if e.Seq > sealedLanes(t, whole)[e.Lane] {
			requireBroken(t, err, KindEntry, e.Lane, e.Seq)
		}
	}
	t.Run("lane is gone", func(t *testing.T) {
		t.Parallel()
		r := whole.clone()
		gone := r.entries[0].Lane
		r.entries = nil
		for _, e := range whole.entries {
			if e.Lane != gone {
				r.entries = append(r.entries, e)
			}
		}
		_, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
		requireBroken(t, err, KindEntry, gone, 1)
	})
	t.Run("checkpoint of another", func(t *testing.T) {
		t.Parallel()
		_, err := Seal(t.Context(), whole, newMAC(), newSigner(), testID(1), start)
		requireBroken(t, err, KindCheckpoint, storage.ID{}, 3)
	})
	t.Run("frontier", func(t *testing.T) {
		t.Parallel()
		r := whole.clone()
		seg, err := decodeSegment(r.segments[2].Body)
		require.NoError(t, err)
		seg.Frontier[0][0] ^= 1
		r.segments[2].Body = seg.append(nil)
		_, err = Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
		requireBroken(t, err, KindCheckpoint, storage.ID{}, 3)
		seg.Frontier = seg.Frontier[1:]
		r.segments[2].Body = seg.append(nil)
		_, err = Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
		requireBroken(t, err, KindSegment, storage.ID{}, 3)
	})
}

// Two processes seal at once: both make segment 1, the store takes one, and the rest goes into the next.
func TestSealRace(t *testing.T) {
	t.Parallel()
	r := &rows{}
	w := NewWriter(newMAC(), 1)
	r.write(t, w, 2)
	first, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
	require.NoError(t, err)
	r.write(t, w, 2)
	second, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
	require.NoError(t, err)
	require.Equal(t, first.N, second.N)
	r.segments = append(r.segments, *first)
	require.EqualValues(t, 2, r.seal(t).N)
	report, err := r.verify(t)
	require.NoError(t, err)
	assert.Equal(t, 4, report.Entries)
	assert.Zero(t, report.Unsealed)
}

// Anybody can verify a checkpoint with the public tools of C2SP signed notes.
func TestCheckpointIsASignedNote(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.write(t, NewWriter(newMAC(), 1), 5)
	r.seal(t)
	report, err := r.verify(t)
	require.NoError(t, err)

	key, err := CheckpointKey(storeID, newSigner().PublicKey())
	require.NoError(t, err)
	verifier, err := note.NewVerifier(key)
	require.NoError(t, err)
	n, err := note.Open([]byte(report.Checkpoint), note.VerifierList(verifier))
	require.NoError(t, err)
	lines := strings.Split(n.Text, "\n")
	require.Len(t, lines, 5)
	assert.Equal(t, []string{"gallra/" + storeID.String(), "5"}, lines[:2])
	require.Len(t, n.Sigs, 1)
	assert.Equal(t, "gallra/"+storeID.String(), n.Sigs[0].Name)

	_, err = note.Open([]byte(strings.Replace(report.Checkpoint, "\n5\n", "\n4\n", 1)), note.VerifierList(verifier))
	require.Error(t, err)
	other, _ := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	key, err = CheckpointKey(storeID, other)
	require.NoError(t, err)
	verifier, err = note.NewVerifier(key)
	require.NoError(t, err)
	_, err = note.Open([]byte(report.Checkpoint), note.VerifierList(verifier))
	require.Error(t, err)
}
