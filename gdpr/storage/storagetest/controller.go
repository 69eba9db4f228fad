package storagetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var controllerTests = []subtest{
	{"EraseController removes at most Limit rows of a controller, with their keys but no tombstone, until nothing is left", testEraseController},
	{"what is one controller's is no other's", testTenants},
}

// testTenants gives two controllers rows that are alike in all else, the same person and the same e-mail address among them.
func testTenants(t *testing.T, s storage.Store) {
	ctx := context.Background()
	type tenant struct {
		sub   storage.Subject
		parts []storage.Part
		w     world
	}
	token := []byte("samma brevlåda")
	newTenant := func() tenant {
		n := tenant{sub: newSubject()}
		var b storage.Batch
		for i := range 5 {
			p := newPart(n.sub)
			p.Labels, p.Due = map[string]string{"läge": "öppen"}, day(i)
			n.parts = append(n.parts, p)
			find := storage.IndexRow{Subject: n.sub.ID, Record: p.Record, Part: 1, Kind: "find-by", Token: token, Controller: n.sub.Controller}
			b.PutIndex = append(b.PutIndex, find)
			b.Keys.PutParts = append(b.Keys.PutParts, partKey(p.PartRef, 1))
			n.w.ids = append(n.w.ids, p.Record)
		}
		b.PutSubjects, b.PutParts = []storage.Subject{n.sub}, n.parts
		b.PutIndex = append(b.PutIndex, identifierRow(n.sub, "user.contact.email", string(token)))
		b.Keys.PutSubjects = []storage.SubjectKey{{ID: n.sub.ID, Controller: n.sub.Controller, Wrapped: []byte("w")}}
		b.Keys.PutControllers = []storage.ControllerKey{{ID: n.sub.Controller, Wrapped: []byte("w")}}
		apply(t, s, b)
		n.w.ids = append(n.w.ids, n.sub.ID, n.sub.Controller)
		slices.SortFunc(n.parts, func(a, b storage.Part) int { return a.PartRef.Compare(b.PartRef) })
		return n
	}
	a, b := newTenant(), newTenant()
	own := func(n tenant) {
		t.Helper()
		for _, q := range []storage.PartQuery{{}, {Family: n.parts[0].Family}, {Labels: n.parts[0].Labels}, {Subjects: []storage.ID{a.sub.ID, b.sub.ID}}} {
			q.Controller, q.Limit = n.sub.Controller, 3
			require.Equal(t, refs(n.parts), refs(walk(t, s, q)))
		}
	}
	own(a)
	own(b)
	rows, err := s.Lookup(ctx, [][]byte{token})
	require.NoError(t, err)
	require.Len(t, rows, 12)

	// What is erased of one leaves the other as it was.
	before := b.w.observe(t, s)
	apply(t, s, storage.Batch{EraseParts: erase(a.parts[0]), Keys: storage.KeyBatch{DestroyAllOf: []storage.PartRef{a.parts[0].PartRef}}})
	eraseAll(t, s, a.sub.Controller, 2)
	applyKeys(t, s, storage.KeyBatch{DestroyControllers: []storage.ID{a.sub.Controller}})
	own(b)
	after := b.w.observe(t, s)
	for _, of := range []string{"subjects", "events", "entries", "controller keys", "subject keys", "left"} {
		assert.Equal(t, before[of], after[of], of)
	}
	rows, err = s.Lookup(ctx, [][]byte{token})
	require.NoError(t, err)
	require.Len(t, rows, 6)
	for _, row := range rows {
		require.Equal(t, b.sub.ID, row.Subject)
		require.Equal(t, b.sub.Controller, row.Controller)
	}
	keys, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 99)
	require.NoError(t, err)
	require.Len(t, keys, len(b.parts))
	for i, p := range b.parts {
		require.Equal(t, p.PartRef, keys[i].PartRef)
	}
	assert.Empty(t, walk(t, s, storage.PartQuery{Controller: a.sub.Controller, Limit: 9}))
}

func testEraseController(t *testing.T, s storage.Store) {
	ctx := context.Background()
	controller := storage.NewID()
	rows := 0
	var b storage.Batch
	var gone []storage.Part
	for i := range 30 {
		sub := newSubject()
		other := newSubject()
		other.ID, other.Controller = idIn(sub.ID.Bucket()^1), controller
		if i%3 < 2 {
			sub.Controller = controller
		}
		b.PutSubjects = append(b.PutSubjects, sub)
		b.PutIndex = append(b.PutIndex, identifierRow(sub, "ref", sub.ID.String()))
		p := newPart(sub)
		find := identifierRow(sub, "find-by", "t")
		find.Record, find.Part = p.Record, 1
		b.PutParts = append(b.PutParts, p)
		b.PutIndex = append(b.PutIndex, find)
		if sub.Controller == controller {
			second := partOf(other, p.Record, 2) // in another bucket, of a subject without a row
			b.PutParts = append(b.PutParts, second)
			gone = append(gone, p, second)
			rows += 5
		}
	}
	for i, sub := range b.PutSubjects {
		b.Keys.PutSubjects = append(b.Keys.PutSubjects, storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte{byte(i)}})
	}
	for _, p := range b.PutParts {
		b.Keys.PutParts = append(b.Keys.PutParts, partKey(p.PartRef, 1), partKey(p.PartRef, 2))
	}
	b.HoldParts = []storage.PartHold{{PartRef: gone[0].PartRef, N: 1}}
	apply(t, s, b)
	tombstone := b.PutSubjects[0] // of the controller
	applyKeys(t, s, storage.KeyBatch{DestroySubjects: []storage.SubjectKey{{ID: tombstone.ID, Controller: controller}}})
	total, steps := 0, 0
	for {
		step := storage.ControllerErase{Controller: controller, Limit: 7}
		apply(t, s, storage.Batch{EraseController: &step})
		require.LessOrEqual(t, step.Erased, 7)
		if step.Erased == 0 {
			break
		}
		total += step.Erased
		steps++
		require.Less(t, steps, 200)
	}
	assert.Equal(t, rows, total)
	left, err := s.Parts(ctx, storage.PartQuery{Controller: controller, Limit: 9})
	require.NoError(t, err)
	assert.Empty(t, left)
	for _, p := range gone {
		parts, err := s.Record(ctx, p.Record)
		require.NoError(t, err)
		require.Empty(t, parts)
	}
	for _, sub := range b.PutSubjects {
		rows, err := s.IndexOf(ctx, sub.ID)
		require.NoError(t, err)
		_, err = s.Subject(ctx, sub.ID)
		if sub.Controller == controller {
			require.Empty(t, rows)
			require.ErrorIs(t, err, storage.ErrNotFound)
		} else {
			require.Len(t, rows, 2)
			require.NoError(t, err)
		}
		keys, err := s.SubjectKeys(ctx, []storage.ID{sub.ID})
		require.NoError(t, err)
		switch {
		case sub.ID == tombstone.ID:
			require.Equal(t, []storage.SubjectKey{{ID: sub.ID, Controller: controller, Destroyed: true}}, keys)
		case sub.Controller == controller:
			require.Empty(t, keys)
		default:
			require.Len(t, keys, 1)
		}
	}
	keys, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 999)
	require.NoError(t, err)
	assert.Len(t, keys, 20)
	others, err := s.Parts(ctx, storage.PartQuery{Limit: 99})
	require.NoError(t, err)
	assert.Len(t, others, 10)
}
