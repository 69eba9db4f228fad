package storagetest

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var keyTests = []subtest{
	{"ApplyKeys must do all of the batch or nothing of it", testKeysAllOrNothing},
	{"ApplyKeys must refuse to put a key over a tombstone, or over another key, with a ConditionError", testKeyOver},
	{"ApplyKeys: to destroy what is not there must leave a tombstone all the same (for a part key: nothing)", testTombstones},
	{"Destroying comes first", testDestroyFirst},
	{"DestroyAllOf all versions of these parts, DestroyParts one", testDestroyParts},
	{"StoreKeys must return the store's own keysets, ordered by name", testStoreKeys},
	{"ControllerKey must return one row, a tombstone included, or ErrNotFound", testControllerKey},
	{"SubjectKeys must return the rows of the given subjects, tombstones included, in the order of (bucket, id)", testSubjectKeys},
	{"PartKeys must return the rows of the given part versions, in the order of (bucket, record, part, version)", testPartKeys},
	{"AllPartKeys must return at most limit part keys that follow after, in the same order", testAllPartKeys},
}

func applyKeys(t *testing.T, s storage.Store, b storage.KeyBatch) {
	t.Helper()
	require.NoError(t, s.ApplyKeys(context.Background(), &b))
}

func refusedKeys(t *testing.T, s storage.Store, b storage.KeyBatch, want ...storage.Failure) {
	t.Helper()
	assertRefused(t, s.ApplyKeys(context.Background(), &b), want...)
}

func partKey(p storage.PartRef, version int) storage.PartKey {
	return storage.PartKey{PartKeyRef: storage.PartKeyRef{PartRef: p, Version: version}, Wrapped: []byte("inslagen")}
}

func testKeysAllOrNothing(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	p := newPart(sub)
	applyKeys(t, s, storage.KeyBatch{
		PutControllers: []storage.ControllerKey{{ID: sub.Controller, Wrapped: []byte("w")}},
		PutParts:       []storage.PartKey{partKey(p.PartRef, 1)},
	})
	refusedKeys(t, s, storage.KeyBatch{
		DestroyControllers: []storage.ID{sub.Controller},
		DestroySubjects:    []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller}},
		DestroyAllOf:       []storage.PartRef{p.PartRef},
		PutSubjects:        []storage.SubjectKey{{ID: sub.ID, Wrapped: []byte("w")}},
		PutStore:           []storage.StoreKey{{Name: "trail", Wrapped: []byte("w")}},
	}, storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Erased})
	k, err := s.ControllerKey(ctx, sub.Controller)
	require.NoError(t, err)
	assert.Equal(t, storage.ControllerKey{ID: sub.Controller, Wrapped: []byte("w")}, k)
	keys, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 9)
	require.NoError(t, err)
	assert.Len(t, keys, 1)
	subjects, err := s.SubjectKeys(ctx, []storage.ID{sub.ID})
	require.NoError(t, err)
	assert.Empty(t, subjects)
	own, err := s.StoreKeys(ctx)
	require.NoError(t, err)
	assert.Empty(t, own)
}

func testKeyOver(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	b := storage.KeyBatch{
		PutStore:       []storage.StoreKey{{Name: "trail", Wrapped: []byte("w")}},
		PutControllers: []storage.ControllerKey{{ID: sub.Controller, Wrapped: []byte("w")}},
		PutSubjects:    []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}},
		PutParts:       []storage.PartKey{partKey(p.PartRef, 1)},
	}
	applyKeys(t, s, b)
	refusedKeys(t, s, b,
		storage.Failure{Kind: storage.KindStoreKey, Name: "trail", Reason: storage.Exists},
		storage.Failure{Kind: storage.KindControllerKey, ID: sub.Controller, Reason: storage.Exists},
		storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Exists},
		storage.Failure{Kind: storage.KindPartKey, ID: p.Record, Part: 1, Reason: storage.Exists},
	)
	applyKeys(t, s, storage.KeyBatch{PutParts: []storage.PartKey{partKey(p.PartRef, 2)}})

	applyKeys(t, s, storage.KeyBatch{DestroyControllers: []storage.ID{sub.Controller}, DestroySubjects: b.PutSubjects})
	refusedKeys(t, s, storage.KeyBatch{PutControllers: b.PutControllers, PutSubjects: b.PutSubjects},
		storage.Failure{Kind: storage.KindControllerKey, ID: sub.Controller, Reason: storage.Erased},
		storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Erased})
}

func testTombstones(t *testing.T, s storage.Store) {
	ctx := context.Background()
	alive, never := newSubject(), newSubject()
	applyKeys(t, s, storage.KeyBatch{
		PutControllers: []storage.ControllerKey{{ID: alive.Controller, Wrapped: []byte("w"), Recovery: []byte("r")}},
		PutSubjects:    []storage.SubjectKey{{ID: alive.ID, Controller: alive.Controller, Wrapped: []byte("w")}},
	})
	destroy := storage.KeyBatch{
		DestroyControllers: []storage.ID{alive.Controller, never.Controller},
		DestroySubjects:    []storage.SubjectKey{{ID: alive.ID, Controller: alive.Controller}, {ID: never.ID, Controller: never.Controller}},
		DestroyParts:       []storage.PartKeyRef{{Version: 1}},
		DestroyAllOf:       []storage.PartRef{{Part: 1}},
	}
	for range 2 { // twice: a tombstone stays as it is
		applyKeys(t, s, destroy)
		for _, sub := range []storage.Subject{alive, never} {
			c, err := s.ControllerKey(ctx, sub.Controller)
			require.NoError(t, err)
			assert.Equal(t, storage.ControllerKey{ID: sub.Controller, Destroyed: true}, c)
			k, err := s.SubjectKeys(ctx, []storage.ID{sub.ID})
			require.NoError(t, err)
			assert.Equal(t, []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Destroyed: true}}, k)
			refusedKeys(t, s, storage.KeyBatch{
				PutControllers: []storage.ControllerKey{{ID: sub.Controller, Wrapped: []byte("w")}},
				PutSubjects:    []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}},
			},
				storage.Failure{Kind: storage.KindControllerKey, ID: sub.Controller, Reason: storage.Erased},
				storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Erased})
		}
		destroy.DestroySubjects[0].Controller = storage.NewID()
	}
}

func testDestroyFirst(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	applyKeys(t, s, storage.KeyBatch{PutParts: []storage.PartKey{partKey(p.PartRef, 1)}})
	applyKeys(t, s, storage.KeyBatch{DestroyAllOf: []storage.PartRef{p.PartRef}, PutParts: []storage.PartKey{partKey(p.PartRef, 2)}})
	got, err := s.AllPartKeys(context.Background(), storage.PartKeyRef{}, 9)
	require.NoError(t, err)
	assert.Equal(t, []storage.PartKeyRef{{PartRef: p.PartRef, Version: 2}}, got)
	refusedKeys(t, s, storage.KeyBatch{
		DestroySubjects: []storage.SubjectKey{{ID: sub.ID}}, PutSubjects: []storage.SubjectKey{{ID: sub.ID, Wrapped: []byte("w")}},
	}, storage.Failure{Kind: storage.KindSubjectKey, ID: sub.ID, Reason: storage.Erased})
}

func testDestroyParts(t *testing.T, s storage.Store) {
	p, other := newPart(newSubject()).PartRef, newPart(newSubject()).PartRef
	next := p
	next.Part = 2
	applyKeys(t, s, storage.KeyBatch{PutParts: []storage.PartKey{
		partKey(p, 1), partKey(p, 2), partKey(p, 3), partKey(next, 1), partKey(other, 1),
	}})
	left := func(want ...storage.PartKey) {
		t.Helper()
		got, err := s.PartKeys(context.Background(), []storage.PartKeyRef{
			{PartRef: p, Version: 1}, {PartRef: p, Version: 2}, {PartRef: p, Version: 3}, {PartRef: next, Version: 1},
		})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	applyKeys(t, s, storage.KeyBatch{DestroyParts: []storage.PartKeyRef{{PartRef: p, Version: 2}}})
	left(partKey(p, 1), partKey(p, 3), partKey(next, 1))
	applyKeys(t, s, storage.KeyBatch{DestroyAllOf: []storage.PartRef{p}})
	left(partKey(next, 1))
}

func testStoreKeys(t *testing.T, s storage.Store) {
	want := []storage.StoreKey{{Name: "checkpoint", Wrapped: []byte("a"), Recovery: []byte("b")}, {Name: "index", Wrapped: []byte("c")}, {Name: "trail", Wrapped: []byte("d")}}
	applyKeys(t, s, storage.KeyBatch{PutStore: []storage.StoreKey{want[2], want[0], want[1]}})
	got, err := s.StoreKeys(context.Background())
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func testControllerKey(t *testing.T, s storage.Store) {
	ctx := context.Background()
	c := storage.ControllerKey{ID: storage.NewID(), Wrapped: []byte("e"), Recovery: []byte("f")}
	bare := storage.ControllerKey{ID: storage.NewID(), Wrapped: []byte("g")}
	applyKeys(t, s, storage.KeyBatch{PutControllers: []storage.ControllerKey{c, bare}})
	for _, want := range []storage.ControllerKey{c, bare} {
		got, err := s.ControllerKey(ctx, want.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	applyKeys(t, s, storage.KeyBatch{DestroyControllers: []storage.ID{c.ID}})
	got, err := s.ControllerKey(ctx, c.ID)
	require.NoError(t, err)
	assert.Equal(t, storage.ControllerKey{ID: c.ID, Destroyed: true}, got, "nothing of the key is left")
	_, err = s.ControllerKey(ctx, storage.NewID())
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func testSubjectKeys(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var all []storage.SubjectKey
	var ids []storage.ID
	for range 600 {
		sub := newSubject()
		all = append(all, storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")})
		ids = append(ids, sub.ID, storage.NewID())
	}
	applyKeys(t, s, storage.KeyBatch{PutSubjects: all})
	applyKeys(t, s, storage.KeyBatch{DestroySubjects: all[:1]})
	all[0].Wrapped, all[0].Destroyed = nil, true
	slices.SortFunc(all, func(a, b storage.SubjectKey) int { return a.ID.Compare(b.ID) })
	got, err := s.SubjectKeys(ctx, append(ids, ids[0]))
	require.NoError(t, err)
	assert.Equal(t, all, got)
	none, err := s.SubjectKeys(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

// manyPartKeys puts three keys each of four hundred parts, and returns them in order.
func manyPartKeys(t *testing.T, s storage.Store) (all []storage.PartKey) {
	t.Helper()
	for i := range 400 {
		p := newPart(newSubject()).PartRef
		p.Part = i%12 + 1
		all = append(all, partKey(p, 1), partKey(p, 12), partKey(p, 2))
	}
	applyKeys(t, s, storage.KeyBatch{PutParts: all})
	slices.SortFunc(all, func(a, b storage.PartKey) int {
		return cmp.Or(a.PartRef.Compare(b.PartRef), cmp.Compare(a.Version, b.Version))
	})
	return all
}

func testPartKeys(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var want []storage.PartKey
	var asked []storage.PartKeyRef
	for _, k := range manyPartKeys(t, s) {
		if k.Version != 2 {
			want = append(want, k)
			asked = append(asked, k.PartKeyRef, storage.PartKeyRef{PartRef: k.PartRef, Version: 3})
		}
	}
	slices.Reverse(asked)
	got, err := s.PartKeys(ctx, append(asked, asked[0]))
	require.NoError(t, err)
	assert.Equal(t, want, got)
	none, err := s.PartKeys(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func testAllPartKeys(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var order []storage.PartKeyRef
	for _, k := range manyPartKeys(t, s) {
		order = append(order, k.PartKeyRef)
	}
	for _, limit := range []int{7, 1200, 1300} {
		var walked []storage.PartKeyRef
		var after storage.PartKeyRef
		for {
			page, err := s.AllPartKeys(ctx, after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			walked = append(walked, page...)
			after = page[len(page)-1]
		}
		assert.Equal(t, order, walked)
	}
}
