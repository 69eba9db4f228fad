package storagetest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var largeTests = []subtest{
	{"a mebibyte in one row", testLargeRow},
	{"ten thousand rows in one batch", testLargeBatch},
}

func testLargeRow(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	p := newPart(sub)
	large := bytes.Repeat([]byte("0123456789åäö\x00"), 1<<20/16)
	p.Sealed, p.Family = large, strings.Repeat("ö", 500)
	apply(t, s, storage.Batch{
		PutParts: []storage.Part{p},
		PutFiles: []storage.File{{Kind: "register", ID: sub.ID, Rev: 1, Body: large}},
		Proofs:   []storage.Proof{{N: 1, Body: large}},
	})
	got := readPart(t, s, p)
	assert.True(t, bytes.Equal(large, got.Sealed))
	assert.Equal(t, p.Family, got.Family)
	f, err := s.File(ctx, "register", sub.ID)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(large, f.Body))
	proofs, err := s.Proofs(ctx, 0, 1)
	require.NoError(t, err)
	require.Len(t, proofs, 1)
	assert.True(t, bytes.Equal(large, proofs[0].Body))
}

// testLargeBatch puts, reads and erases more rows at once than any database takes parameters.
func testLargeBatch(t *testing.T, s storage.Store) {
	ctx := context.Background()
	n := tries(10_000)
	if n > 10_000 {
		n = 10_000
	}
	controller := storage.NewID()
	var b storage.Batch
	var ids []storage.ID
	var tokens [][]byte
	var keyRefs []storage.PartKeyRef
	for range n {
		sub := newSubject()
		sub.Controller = controller
		p := newPart(sub)
		p.Due = day(1)
		row := storage.IndexRow{Subject: sub.ID, Record: p.Record, Part: 1, Kind: "find-by", Token: p.Record[:], Controller: controller}
		b.PutSubjects, b.PutParts, b.PutIndex = append(b.PutSubjects, sub), append(b.PutParts, p), append(b.PutIndex, row)
		b.Keys.PutSubjects = append(b.Keys.PutSubjects, storage.SubjectKey{ID: sub.ID, Controller: controller, Wrapped: []byte("w")})
		b.Keys.PutParts = append(b.Keys.PutParts, partKey(p.PartRef, 1))
		ids, tokens, keyRefs = append(ids, sub.ID), append(tokens, row.Token), append(keyRefs, storage.PartKeyRef{PartRef: p.PartRef, Version: 1})
	}
	apply(t, s, b)
	want := refs(b.PutParts)
	slices.SortFunc(want, storage.PartRef.Compare)

	for name, q := range map[string]storage.PartQuery{"all": {}, "of everybody": {Subjects: ids}, "of the controller": {Controller: controller}} {
		for _, limit := range []int{n / 3, n} {
			q.Light, q.Limit = true, limit
			require.Equal(t, want, refs(walk(t, s, q)), "%s, limit %d", name, limit)
		}
	}
	due, err := s.Due(ctx, storage.DueQuery{Before: day(1), Limit: n})
	require.NoError(t, err)
	require.Equal(t, want, refs(due))
	for _, p := range due {
		require.NotEmpty(t, p.Key)
		require.NotEmpty(t, p.SubjectKey)
	}
	rows, err := s.Lookup(ctx, tokens)
	require.NoError(t, err)
	require.Len(t, rows, n)
	some, err := left(ctx, s, ids)
	require.NoError(t, err)
	require.Len(t, some, n)
	subjectKeys, err := s.SubjectKeys(ctx, ids)
	require.NoError(t, err)
	require.Len(t, subjectKeys, n)
	partKeys, err := s.PartKeys(ctx, keyRefs)
	require.NoError(t, err)
	require.Len(t, partKeys, n)

	gone := storage.Batch{EraseParts: erase(b.PutParts...), Keys: storage.KeyBatch{DestroySubjects: b.Keys.PutSubjects}}
	for i := range ids {
		gone.Subjects = append(gone.Subjects, storage.SubjectCond{ID: ids[i], Exclusive: true, NotHeld: true, Bare: true})
		gone.EraseSubjects = append(gone.EraseSubjects, storage.SubjectErase{ID: ids[i]})
		gone.Keys.DestroyAllOf = append(gone.Keys.DestroyAllOf, keyRefs[i].PartRef)
	}
	apply(t, s, gone)
	assert.Empty(t, walk(t, s, storage.PartQuery{Limit: n}))
	rows, err = s.Lookup(ctx, tokens)
	require.NoError(t, err)
	assert.Empty(t, rows)
	keys, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, n)
	require.NoError(t, err)
	assert.Empty(t, keys)
}
