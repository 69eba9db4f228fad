package storagetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// Begin begins a transaction of the application. ctx joins it; end commits it, or rolls it back.
type Begin func(t *testing.T) (ctx context.Context, end func(commit bool) error)

// RunInTx runs what a [storage.Joiner] has to keep. open must return an empty store, each time another one, and what begins a transaction of the
// application beside it.
func RunInTx(t *testing.T, open func(t *testing.T) (storage.Store, Begin)) {
	t.Helper()
	for _, test := range joinTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, begin := open(t)
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			require.Implements(t, (*storage.Joiner)(nil), s)
			test.run(t, s, begin)
		})
	}
}

var joinTests = []struct {
	name string
	run  func(t *testing.T, s storage.Store, begin Begin)
}{
	{"Joiner: Apply and ApplyKeys must write within it and leave it usable when they fail: a batch that is refused must leave nothing in it", testJoinApply},
	{"Joiner: reads must see what was written in it", testJoinReads},
	{"FreeLane must return a lane of the trail that no other open transaction writes to, with its last number and the MAC of that entry, and keep it", testFreeLane},
}

func testJoinApply(t *testing.T, s storage.Store, begin Begin) {
	there := rich(newSubject(), 1, nil)
	apply(t, s, there)
	n, prev := uint64(1), there.Proofs[0].Digest
	for _, commit := range []bool{false, true} {
		sub := newSubject()
		b := rich(sub, n+1, prev)
		keys := storage.KeyBatch{PutStore: []storage.StoreKey{{Name: fmt.Sprint("gäst ", commit), Wrapped: []byte("w")}}}
		w := world{ids: []storage.ID{sub.ID, sub.Controller, b.PutParts[0].Record}, kinds: []string{"agreement"}}
		before := w.observe(t, s)

		ctx, end := begin(t)
		require.NoError(t, s.Apply(ctx, &b))
		written := w.observeIn(ctx, t, s)
		other := newSubject()
		refused := storage.Batch{ // fails at its very end
			PutSubjects: []storage.Subject{other}, PutMeta: map[string][]byte{"rich": []byte("x")},
			RetimeParts: []storage.Retime{{PartRef: b.PutParts[0].PartRef, Rev: 1}},
			Keys:        storage.KeyBatch{PutSubjects: b.Keys.PutSubjects},
		}
		assertRefused(t, s.Apply(ctx, &refused), storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Exists})
		assertRefused(t, s.ApplyKeys(ctx, &b.Keys),
			storage.Failure{Kind: storage.KindStoreKey, Name: sub.ID.String(), Reason: storage.Exists},
			storage.Failure{Kind: storage.KindControllerKey, ID: sub.Controller, Reason: storage.Exists},
			storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Exists},
			storage.Failure{Kind: storage.KindPartKey, ID: b.PutParts[0].Record, Part: 1, Reason: storage.Exists})
		assert.Equal(t, written, w.observeIn(ctx, t, s), "what was refused left nothing in it")
		_, err := s.Subject(ctx, other.ID)
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.NoError(t, s.ApplyKeys(ctx, &keys), "it is usable")
		require.NoError(t, end(commit))

		after := w.observe(t, s)
		if !commit {
			assert.Equal(t, before, after, "rolled back")
			continue
		}
		written["store keys"] = after["store keys"]
		assert.Equal(t, written, after, "committed")
		own, err := s.StoreKeys(context.Background())
		require.NoError(t, err)
		assert.Contains(t, own, keys.PutStore[0])
		assert.Len(t, own, 3)
	}
}

func testJoinReads(t *testing.T, s storage.Store, begin Begin) {
	sub := newSubject()
	b := rich(sub, 1, nil)
	w := world{ids: []storage.ID{sub.ID, sub.Controller, b.PutParts[0].Record}, kinds: []string{"agreement"}}
	outside := w.observe(t, s)
	ctx, end := begin(t)
	require.NoError(t, s.Apply(ctx, &b))
	inside := w.observeIn(ctx, t, s)
	for of, was := range outside {
		assert.NotEqual(t, was, inside[of], of)
	}
	assert.Equal(t, outside, w.observeIn(storage.Apart(ctx), t, s), "apart from it nothing is seen")
	require.NoError(t, end(true))
	assert.Equal(t, inside, w.observe(t, s))
}

// testFreeLane: transactions that are open at once get lanes of their own, and write to them.
func testFreeLane(t *testing.T, s storage.Store, begin Begin) {
	joiner, ok := s.(storage.Joiner)
	require.True(t, ok)
	known := map[storage.ID]storage.Entry{}
	for round := range 3 {
		type open struct {
			lane storage.Lane
			end  func(bool) error
			last storage.Entry
		}
		var all []open
		taken := map[storage.ID]bool{}
		for i := range 3 {
			ctx, end := begin(t)
			lane, mac, err := joiner.FreeLane(ctx)
			require.NoError(t, err)
			require.False(t, taken[lane.ID], "a lane of two transactions")
			taken[lane.ID] = true
			last := known[lane.ID]
			require.Equal(t, last.Seq, lane.Last, "round %d", round)
			require.Equal(t, last.MAC, mac)
			e := entry(lane.ID, lane.Last+1)
			e.MAC = fmt.Appendf(nil, "mac %d %d", round, i)
			require.NoError(t, s.Apply(ctx, &storage.Batch{Entries: []storage.Entry{e}}))
			all = append(all, open{lane, end, e})
		}
		for i, o := range all {
			commit := i != round
			require.NoError(t, o.end(commit))
			if commit {
				known[o.lane.ID] = o.last
			}
		}
	}
	// Many at once, each with an entry: the lanes stay dense.
	var wg sync.WaitGroup
	n := tries(200)
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				ctx, end := begin(t)
				lane, _, err := joiner.FreeLane(ctx)
				if !assert.NoError(t, err) {
					return
				}
				assert.NoError(t, s.Apply(ctx, &storage.Batch{Entries: []storage.Entry{entry(lane.ID, lane.Last+1)}}))
				assert.NoError(t, end(true))
			}
		})
	}
	wg.Wait()
	lanes, err := s.Lanes(context.Background())
	require.NoError(t, err)
	total := 0
	for _, l := range lanes {
		rows, err := s.Entries(context.Background(), l.ID, 0, n+9)
		require.NoError(t, err)
		require.Len(t, rows, int(l.Last))
		total += len(rows)
	}
	assert.Equal(t, 6+n/4*4, total)
}
