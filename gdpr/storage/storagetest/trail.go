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
	{"an entry must be one over the lane's last", testEntries},
	{"Lanes must return each lane with its last number, ordered by id", testLanes},
	{"a segment must be one over the last", testSegments},
	{"a proof must be one over the last and its Prev the last one's digest", testProofs},
	{"OpenProofs must return the proofs that are not confirmed", testOpenProofs},
	{"ProofOf must return the proofs whose body names the id", testProofOf},
}

func entry(lane storage.ID, seq uint64) storage.Entry {
	return storage.Entry{Lane: lane, Seq: seq, At: t0, Body: []byte{'{', byte(seq), '}'}, MAC: []byte{byte(seq)}}
}

func testEntries(t *testing.T, s storage.Store) {
	ctx := context.Background()
	lane, other := storage.NewID(), storage.NewID()
	put := func(entries ...storage.Entry) storage.Batch { return storage.Batch{Entries: entries} }
	stale := storage.Failure{Kind: storage.KindEntry, ID: lane, Reason: storage.Stale}
	refused(t, s, put(entry(lane, 2)), stale)
	refused(t, s, put(entry(lane, 0)), stale)
	apply(t, s, put(entry(lane, 1)))
	refused(t, s, put(entry(lane, 1)), stale)
	refused(t, s, put(entry(lane, 3)), stale)
	apply(t, s, put(entry(lane, 2), entry(other, 1), entry(lane, 3), entry(lane, 4)))
	refused(t, s, put(entry(lane, 5), entry(lane, 7)), stale)
	got, err := s.Entries(ctx, lane, 0, 100)
	require.NoError(t, err)
	assert.Equal(t, []storage.Entry{entry(lane, 1), entry(lane, 2), entry(lane, 3), entry(lane, 4)}, got)
	got, err = s.Entries(ctx, lane, 1, 2)
	require.NoError(t, err)
	assert.Equal(t, []storage.Entry{entry(lane, 2), entry(lane, 3)}, got)
	got, err = s.Entries(ctx, lane, 4, 2)
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

func testSegments(t *testing.T, s storage.Store) {
	ctx := context.Background()
	seg := func(n uint64) storage.Segment { return storage.Segment{N: n, Body: []byte{'{', byte(n), '}'}} }
	put := func(segments ...storage.Segment) storage.Batch { return storage.Batch{Segments: segments} }
	stale := storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale}
	refused(t, s, put(seg(2)), stale)
	apply(t, s, put(seg(1)))
	apply(t, s, put(seg(2), seg(3)))
	refused(t, s, put(seg(3)), stale)
	refused(t, s, put(seg(5)), stale)
	got, err := s.Segments(ctx, 0, 9)
	require.NoError(t, err)
	assert.Equal(t, []storage.Segment{seg(1), seg(2), seg(3)}, got)
	got, err = s.Segments(ctx, 1, 1)
	require.NoError(t, err)
	assert.Equal(t, []storage.Segment{seg(2)}, got)
	last, err := s.LastSegment(ctx)
	require.NoError(t, err)
	assert.Equal(t, seg(3), last)
}

func proof(n uint64, body string) storage.Proof {
	p := storage.Proof{N: n, ID: storage.NewID(), At: t0, Digest: bytes.Repeat([]byte{byte(n)}, 32), MAC: []byte("mac"), Body: []byte(body)}
	p.Prev = bytes.Repeat([]byte{byte(n - 1)}, 32)
	return p
}

func testProofs(t *testing.T, s storage.Store) {
	ctx := context.Background()
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
	got, err := s.Proofs(ctx, 0, 9)
	require.NoError(t, err)
	assert.Equal(t, all, got)
	got, err = s.Proofs(ctx, 1, 1)
	require.NoError(t, err)
	assert.Equal(t, all[1:2], got)
	last, err := s.LastProof(ctx)
	require.NoError(t, err)
	assert.Equal(t, all[2], last)
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
