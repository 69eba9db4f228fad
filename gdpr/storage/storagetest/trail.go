package storagetest

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var trailTests = []subtest{
	{"Entries (Lane, Seq) must be new and Seq one over the lane's last", testPutEntries},
	{"Entries must return the entries of one lane with a number over after, in order, at most limit", testEntries},
	{"Lanes must return each lane with its last number, ordered by lane id", testLanes},
	{"Segments: N must be one over the last", testPutSegments},
	{"Segments must return the segments with a number over after, in order, at most limit", testSegments},
	{"LastSegment must return the segment with the highest number, or ErrNotFound", testLastSegment},
	{"Proofs: N must be one over the last and Prev its digest", testPutProofs},
	{"Proofs must return the proofs with a number over after, in order, at most limit", testProofs},
	{"LastProof must return the proof with the highest number, without its body, or ErrNotFound", testLastProof},
	{"OpenProofs must return the proofs that are not confirmed, in order", testOpenProofs},
	{"ProofOf must return the proofs whose body names the given id, in order", testProofOf},
}

// newMAC is a MAC that no other entry has: the very same entry again means the very same batch.
func newMAC() []byte { id := storage.NewID(); return id[:] }

func entry(lane storage.ID, seq uint64) storage.Entry {
	return storage.Entry{Lane: lane, Seq: seq, At: t0, Body: []byte{'{', byte(seq), '}'}, MAC: newMAC()}
}

func testPutEntries(t *testing.T, s storage.Store) {
	lane, other := storage.NewID(), storage.NewID()
	put := func(entries ...storage.Entry) storage.Batch { return storage.Batch{Entries: entries} }
	stale := storage.Failure{Kind: storage.KindEntry, ID: lane, Reason: storage.Stale}
	refused(t, s, put(entry(lane, 2)), stale)
	refused(t, s, put(entry(lane, 0)), stale)
	all := []storage.Entry{entry(lane, 1), entry(lane, 2), entry(lane, 3), entry(lane, 4)}
	apply(t, s, put(all[0]))
	refused(t, s, put(entry(lane, 1)), stale)
	refused(t, s, put(entry(lane, 3)), stale)
	apply(t, s, put(all[1], entry(other, 1), all[2], all[3]))
	refused(t, s, put(entry(lane, 5), entry(lane, 7)), stale)
	got, err := s.Entries(context.Background(), lane, 0, 100)
	require.NoError(t, err)
	assert.Equal(t, all, got)
}

// pages asserts what a read of numbered rows returns, from each place and with each limit.
func pages[T any](t *testing.T, all []T, read func(after uint64, limit int) ([]T, error)) {
	t.Helper()
	for after := range uint64(len(all)) + 2 {
		for _, limit := range []int{1, 2, len(all), 1000} {
			got, err := read(after, limit)
			require.NoError(t, err)
			from := min(int(after), len(all))
			assert.Equal(t, all[from:min(from+limit, len(all))], append([]T{}, got...), "after %d, at most %d", after, limit)
		}
	}
}

func testEntries(t *testing.T, s storage.Store) {
	lane := storage.NewID()
	var all []storage.Entry
	for i := range uint64(12) {
		all = append(all, entry(lane, i+1))
		apply(t, s, storage.Batch{Entries: []storage.Entry{all[i], entry(storage.NewID(), 1)}})
	}
	pages(t, all, func(after uint64, limit int) ([]storage.Entry, error) {
		return s.Entries(context.Background(), lane, after, limit)
	})
	got, err := s.Entries(context.Background(), storage.NewID(), 0, 9)
	require.NoError(t, err)
	assert.Empty(t, got)
}

func testLanes(t *testing.T, s storage.Store) {
	ctx := context.Background()
	none, err := s.Lanes(ctx)
	require.NoError(t, err)
	assert.Empty(t, none)
	var want []storage.Lane
	for i := range 9 {
		lane := idIn(i * 25)
		for seq := range i%3 + 1 {
			apply(t, s, storage.Batch{Entries: []storage.Entry{entry(lane, uint64(seq)+1)}})
		}
		want = append(want, storage.Lane{ID: lane, Last: uint64(i%3) + 1})
	}
	got, err := s.Lanes(ctx)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func seg(n uint64) storage.Segment { return storage.Segment{N: n, Body: []byte{'{', byte(n), '}'}} }

func testPutSegments(t *testing.T, s storage.Store) {
	put := func(segments ...storage.Segment) storage.Batch { return storage.Batch{Segments: segments} }
	stale := storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale}
	refused(t, s, put(seg(2)), stale)
	apply(t, s, put(seg(1)))
	apply(t, s, put(seg(2), seg(3)))
	refused(t, s, put(seg(3)), stale)
	refused(t, s, put(seg(5)), stale)
	got, err := s.Segments(context.Background(), 0, 9)
	require.NoError(t, err)
	assert.Equal(t, []storage.Segment{seg(1), seg(2), seg(3)}, got)
}

func testSegments(t *testing.T, s storage.Store) {
	var all []storage.Segment
	for i := range uint64(12) {
		all = append(all, seg(i+1))
	}
	apply(t, s, storage.Batch{Segments: all})
	pages(t, all, func(after uint64, limit int) ([]storage.Segment, error) {
		return s.Segments(context.Background(), after, limit)
	})
}

func testLastSegment(t *testing.T, s storage.Store) {
	_, err := s.LastSegment(context.Background())
	require.ErrorIs(t, err, storage.ErrNotFound)
	for i := range uint64(12) {
		apply(t, s, storage.Batch{Segments: []storage.Segment{seg(i + 1)}})
		last, err := s.LastSegment(context.Background())
		require.NoError(t, err)
		assert.Equal(t, seg(i+1), last)
	}
}

func proof(n uint64, body string) storage.Proof {
	p := storage.Proof{N: n, ID: storage.NewID(), At: t0, Digest: bytes.Repeat([]byte{byte(n)}, 32), MAC: []byte("mac"), Body: []byte(body)}
	p.Prev = bytes.Repeat([]byte{byte(n - 1)}, 32)
	return p
}

func testPutProofs(t *testing.T, s storage.Store) {
	all := []storage.Proof{proof(1, "a"), proof(2, "b"), proof(3, "c")}
	put := func(proofs ...storage.Proof) storage.Batch { return storage.Batch{Proofs: proofs} }
	stale := func(p storage.Proof) storage.Failure {
		return storage.Failure{Kind: storage.KindProof, ID: p.ID, Reason: storage.Stale}
	}
	refused(t, s, put(all[1]), stale(all[1]))
	apply(t, s, put(all[0]))
	refused(t, s, put(all[0]), stale(all[0]))
	refused(t, s, put(all[2]), stale(all[2]))
	forked := proof(2, "x")
	forked.Prev = bytes.Repeat([]byte{9}, 32)
	refused(t, s, put(forked), stale(forked))
	apply(t, s, put(all[1], all[2]))
	got, err := s.Proofs(context.Background(), 0, 9)
	require.NoError(t, err)
	assert.Equal(t, all, got)
}

func testProofs(t *testing.T, s storage.Store) {
	var all []storage.Proof
	for i := range uint64(12) {
		all = append(all, proof(i+1, "{}"))
	}
	apply(t, s, storage.Batch{Proofs: all})
	pages(t, all, func(after uint64, limit int) ([]storage.Proof, error) {
		return s.Proofs(context.Background(), after, limit)
	})
}

func testLastProof(t *testing.T, s storage.Store) {
	_, err := s.LastProof(context.Background())
	require.ErrorIs(t, err, storage.ErrNotFound)
	for i := range uint64(12) {
		p := proof(i+1, "{}")
		apply(t, s, storage.Batch{Proofs: []storage.Proof{p}})
		last, err := s.LastProof(context.Background())
		require.NoError(t, err)
		p.Body = nil
		assert.Equal(t, p, last)
	}
}

func testOpenProofs(t *testing.T, s storage.Store) {
	ctx := context.Background()
	all := []storage.Proof{proof(1, "a"), proof(2, "b"), proof(3, "c"), proof(4, "d")}
	apply(t, s, storage.Batch{Proofs: all[:3]})
	apply(t, s, storage.Batch{Proofs: all[3:], Confirm: []uint64{4, 2, 77}})
	apply(t, s, storage.Batch{Confirm: []uint64{2}})
	got, err := s.OpenProofs(ctx)
	require.NoError(t, err)
	assert.Equal(t, []storage.Proof{all[0], all[2]}, got)
	last, err := s.LastProof(ctx)
	require.NoError(t, err)
	assert.True(t, last.Confirmed)
}

func testProofOf(t *testing.T, s storage.Store) {
	ctx := context.Background()
	a, b := storage.NewID(), storage.NewID()
	all := []storage.Proof{
		proof(1, `{"subject":"`+a.String()+`"}`), proof(2, `{"parts":[["`+b.String()+`",1],["`+a.String()+`",2]]}`), proof(3, `{"subject":"`+b.String()+`"}`),
	}
	apply(t, s, storage.Batch{Proofs: all})
	for id, want := range map[storage.ID][]storage.Proof{a: all[:2], b: all[1:], storage.NewID(): nil} {
		got, err := s.ProofOf(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
