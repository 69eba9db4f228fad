package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// testMAC is HMAC-SHA256 with the five bytes that Tink puts before a tag: its tags are Tink's, byte for byte.
type testMAC struct{ key []byte }

var testPrefix = []byte{1, 0x0a, 0x0b, 0x0c, 0x0d}

func newMAC() testMAC { return testMAC{bytes.Repeat([]byte{7}, 32)} }

func (m testMAC) ComputeMAC(data []byte) ([]byte, error) {
	h := hmac.New(sha256.New, m.key)
	h.Write(data)
	return h.Sum(slices.Clone(testPrefix)), nil
}

func (m testMAC) VerifyMAC(mac, data []byte) error {
	want, _ := m.ComputeMAC(data)
	if !hmac.Equal(mac, want) {
		return errors.New("invalid mac")
	}
	return nil
}

type brokenMAC struct{ testMAC }

func (brokenMAC) ComputeMAC([]byte) ([]byte, error) { return nil, errors.New("no key") }

type testSigner struct{ key ed25519.PrivateKey }

func newSigner() testSigner {
	return testSigner{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))}
}

func (s testSigner) Sign(data []byte) ([]byte, error) { return ed25519.Sign(s.key, data), nil }
func (s testSigner) PublicKey() []byte                { return s.key.Public().(ed25519.PublicKey) }

// ids that a reader can tell apart.
func testID(n byte) storage.ID {
	var id storage.ID
	id[0], id[15] = n, n
	return id
}

var (
	storeID    = testID(0x51)
	generation = testID(0x61)
	start      = time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)
)

func testEntry(i int) Entry {
	return Entry{
		At:      start.Add(time.Duration(i) * time.Second),
		Actor:   Actor{Kind: Person, Name: "Åsa Öberg"},
		Grant:   "support",
		Action:  "put",
		Purpose: "support-ticket",
		Objects: []string{Object("record", testID(byte(i)))},
		Fields:  []string{"email", "user.contact.phone_number"},
		Outcome: Done,
	}
}

func testProof(i int) Proof {
	return Proof{
		ID: testID(byte(0x80 + i)), At: start.Add(time.Duration(i) * time.Minute),
		Actor: Actor{Kind: Job, Name: "sweep", Run: "v0.1.0 2026-03-02"}, Case: "ärende 12",
		Kind: ErasedParts, Controller: testID(0xc1),
		Because: []Because{{
			Family: "support-ticket", Role: "controller", Purposes: []string{"support-ticket"}, Rule: "P1Y after assignment-ended",
			Event: "assignment-ended", Start: date(2025, 2, 28), Last: date(2026, 2, 28), Register: 3, Calendar: "se-2026", Ground: "Art. 5(1)(e)",
		}},
		Parts:  []ErasedPart{{Record: testID(byte(i)), Part: 1, Version: 2, Subject: testID(0xd1)}},
		Method: []string{"row erased", "key destroyed"},
		Copies: date(2026, 4, 1),
	}
}

func date(y int, m time.Month, d int) civil.Date { return civil.Date{Year: y, Month: m, Day: d} }

// rows is a store of trail and proofs in slices; a test changes them as somebody with the database in hand would.
type rows struct {
	entries  []storage.Entry
	segments []storage.Segment
	proofs   []storage.Proof
	err      error // of every read
}

func (r *rows) clone() *rows {
	c := &rows{segments: slices.Clone(r.segments), entries: slices.Clone(r.entries), proofs: slices.Clone(r.proofs)}
	for i := range c.entries {
		c.entries[i].Body, c.entries[i].MAC = bytes.Clone(c.entries[i].Body), bytes.Clone(c.entries[i].MAC)
	}
	for i := range c.segments {
		c.segments[i].Body = bytes.Clone(c.segments[i].Body)
	}
	for i := range c.proofs {
		p := &c.proofs[i]
		p.Body, p.MAC, p.Digest, p.Prev = bytes.Clone(p.Body), bytes.Clone(p.MAC), bytes.Clone(p.Digest), bytes.Clone(p.Prev)
	}
	return c
}

// apply stores entries as an adapter must: each is one over its lane's last.
func (r *rows) apply(entries ...storage.Entry) error {
	for _, e := range entries {
		lanes, _ := r.Lanes(context.Background())
		var last uint64
		for _, l := range lanes {
			if l.ID == e.Lane {
				last = l.Last
			}
		}
		if e.Seq != last+1 {
			return &storage.ConditionError{Failures: []storage.Failure{{Kind: storage.KindEntry, ID: e.Lane, Reason: storage.Stale}}}
		}
		r.entries = append(r.entries, e)
	}
	return nil
}

func (r *rows) Lanes(context.Context) ([]storage.Lane, error) {
	var lanes []storage.Lane
	for _, e := range r.entries {
		i := slices.IndexFunc(lanes, func(l storage.Lane) bool { return l.ID == e.Lane })
		if i < 0 {
			lanes = append(lanes, storage.Lane{ID: e.Lane, Last: e.Seq})
		} else {
			lanes[i].Last = max(lanes[i].Last, e.Seq)
		}
	}
	slices.SortFunc(lanes, func(a, b storage.Lane) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return lanes, r.err
}

func (r *rows) Entries(_ context.Context, lane storage.ID, after uint64, limit int) ([]storage.Entry, error) {
	var out []storage.Entry
	for _, e := range r.entries {
		if e.Lane == lane && e.Seq > after {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b storage.Entry) int { return int(a.Seq) - int(b.Seq) })
	return out[:min(limit, len(out))], r.err
}

func (r *rows) Segments(_ context.Context, after uint64, limit int) ([]storage.Segment, error) {
	var out []storage.Segment
	for _, s := range r.segments {
		if s.N > after {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b storage.Segment) int { return int(a.N) - int(b.N) })
	return out[:min(limit, len(out))], r.err
}

func (r *rows) LastSegment(ctx context.Context) (storage.Segment, error) {
	all, _ := r.Segments(ctx, 0, 1<<30)
	if len(all) == 0 && r.err == nil {
		return storage.Segment{}, fmt.Errorf("read segment: %w", storage.ErrNotFound)
	}
	if r.err != nil {
		return storage.Segment{}, r.err
	}
	return all[len(all)-1], nil
}

func (r *rows) Proofs(_ context.Context, after uint64, limit int) ([]storage.Proof, error) {
	var out []storage.Proof
	for _, p := range r.proofs {
		if p.N > after {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b storage.Proof) int { return int(a.N) - int(b.N) })
	return out[:min(limit, len(out))], r.err
}

func (r *rows) LastProof(ctx context.Context) (storage.Proof, error) {
	all, _ := r.Proofs(ctx, 0, 1<<30)
	if len(all) == 0 && r.err == nil {
		return storage.Proof{}, fmt.Errorf("read proof: %w", storage.ErrNotFound)
	}
	if r.err != nil {
		return storage.Proof{}, r.err
	}
	last := all[len(all)-1]
	last.Body = nil
	return last, nil
}

func (r *rows) ProofOf(context.Context, storage.ID) ([]storage.Proof, error) { return nil, r.err }
func (r *rows) OpenProofs(context.Context) ([]storage.Proof, error)          { return nil, r.err }

// write puts n acts into one lane, in a batch of their own each.
func (r *rows) write(t *testing.T, w *Writer, n int) storage.ID {
	t.Helper()
	var lane storage.ID
	for i := range n {
		l, err := w.Take(t.Context())
		require.NoError(t, err)
		e, err := l.Add(testEntry(i))
		require.NoError(t, err)
		require.NoError(t, r.apply(e))
		l.Done()
		lane = e.Lane
	}
	return lane
}

// erase writes a proof and the entry that names it.
func (r *rows) erase(t *testing.T, w *Writer, i int) {
	t.Helper()
	var last *storage.Proof
	if n := len(r.proofs); n > 0 {
		last = &r.proofs[n-1]
	}
	row, err := NextProof(newMAC(), last, testProof(i))
	require.NoError(t, err)
	e := testEntry(i)
	e.Action, e.Proof = "sweep", ProofDigest(row)
	l, err := w.Take(t.Context())
	require.NoError(t, err)
	entry, err := l.Add(e)
	require.NoError(t, err)
	require.NoError(t, r.apply(entry))
	r.proofs = append(r.proofs, row)
	l.Done()
}

func (r *rows) seal(t *testing.T) *storage.Segment {
	t.Helper()
	seg, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start.Add(time.Hour))
	require.NoError(t, err)
	if seg != nil {
		r.segments = append(r.segments, *seg)
	}
	return seg
}

func (r *rows) verify(t *testing.T) (Report, error) {
	t.Helper()
	return Verify(t.Context(), r, newMAC(), newSigner().PublicKey(), storeID)
}

// smallLog is two lanes, three segments, three proofs and an unsealed end.
func smallLog(t *testing.T) *rows {
	t.Helper()
	r := &rows{}
	a, b := NewWriter(newMAC(), 1), NewWriter(newMAC(), 1)
	r.write(t, a, 3)
	r.erase(t, b, 1)
	r.seal(t)
	r.write(t, a, 2)
	r.seal(t)
	r.erase(t, a, 2)
	r.write(t, b, 2)
	r.erase(t, b, 3)
	r.seal(t)
	r.write(t, a, 1)
	r.write(t, b, 2)
	_, err := r.verify(t)
	require.NoError(t, err)
	return r
}

func requireBroken(t *testing.T, err error, kind string, lane storage.ID, n uint64) *BrokenError {
	t.Helper()
	var broken *BrokenError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, []any{kind, lane, n}, []any{broken.Kind, broken.Lane, broken.N}, broken.What)
	return broken
}

// indexed is rows of a single lane, read as fast as a database reads them.
type indexed struct{ *rows }

func (r *indexed) Lanes(context.Context) ([]storage.Lane, error) {
	last := r.entries[len(r.entries)-1]
	return []storage.Lane{{ID: last.Lane, Last: last.Seq}}, nil
}

func (r *indexed) Entries(_ context.Context, _ storage.ID, after uint64, limit int) ([]storage.Entry, error) {
	return r.entries[after:min(int(after)+limit, len(r.entries))], nil
}
