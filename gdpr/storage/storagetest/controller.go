package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var controllerTests = []subtest{
	{"EraseController removes at most Limit rows of a controller, with their keys but no tombstone, until nothing is left", testEraseController},
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
