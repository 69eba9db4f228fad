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

var indexTests = []subtest{
	{"PutIndex: an identifier must be new for (controller, kind, token)", testIdentifier},
	{"IndexRow: a row with Part 0 is an identifier: it must be unique for (controller, kind, token)", testUniqueIdentifier},
	{"PutIndex: a find-by row replaces itself", testFindBy},
	{"EraseIndex: absent is no error", testEraseIndex},
	{"Lookup must return every row whose token is among tokens, in the order of (bucket, subject, record, part, kind, token)", testLookup},
	{"Identifiers must return the rows of Lookup that are identifiers, in the same order, without reading the others", testIdentifiers},
	{"IndexOf must return every row of one subject, in the same order", testIndexOf},
}

func identifierRow(sub storage.Subject, kind, token string) storage.IndexRow {
	return storage.IndexRow{Subject: sub.ID, Kind: kind, Token: []byte(token), Controller: sub.Controller, Sealed: []byte("förseglad")}
}

func testIdentifier(t *testing.T, s storage.Store) {
	first, second := newSubject(), newSubject()
	second.Controller = first.Controller
	row := identifierRow(first, "user.contact.email", "token")
	taken := func(r storage.IndexRow) storage.Failure {
		return storage.Failure{Kind: storage.KindIndex, ID: r.Subject, Name: r.Kind, Reason: storage.Exists}
	}
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{row}})
	for _, sub := range []storage.Subject{first, second} {
		double := identifierRow(sub, row.Kind, "token")
		refused(t, s, storage.Batch{PutIndex: []storage.IndexRow{double}}, taken(double))
	}
	refused(t, s, storage.Batch{PutIndex: []storage.IndexRow{identifierRow(first, row.Kind, "ny"), identifierRow(second, row.Kind, "ny")}},
		taken(identifierRow(second, row.Kind, "ny"))) // also within one batch
	apply(t, s, storage.Batch{EraseIndex: []storage.IndexRow{row}})
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{identifierRow(second, row.Kind, "token")}})
}

// testUniqueIdentifier puts rows that are alike in all but one of controller, kind, token and part.
func testUniqueIdentifier(t *testing.T, s storage.Store) {
	sub := newSubject()
	row := identifierRow(sub, "user.contact.email", "token")
	elsewhere := newSubject()
	findBy, other := row, row
	findBy.Record, findBy.Part = storage.NewID(), 1
	other.Subject, other.Record, other.Part = elsewhere.ID, storage.NewID(), 1
	all := []storage.IndexRow{
		row, identifierRow(sub, "user.unique_id", "token"), identifierRow(sub, row.Kind, "other"), identifierRow(elsewhere, row.Kind, "token"), findBy, other,
	}
	apply(t, s, storage.Batch{PutIndex: all})
	got, err := s.Lookup(context.Background(), [][]byte{[]byte("token"), []byte("other")})
	require.NoError(t, err)
	assert.ElementsMatch(t, all, got)
}

func testFindBy(t *testing.T, s storage.Store) {
	sub := newSubject()
	row := identifierRow(sub, "user.name", "token")
	row.Record, row.Part = storage.NewID(), 2
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{row}})
	row.Sealed = []byte("ny")
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{row}})
	got, err := s.IndexOf(context.Background(), sub.ID)
	require.NoError(t, err)
	assert.Equal(t, []storage.IndexRow{row}, got)
}

func testEraseIndex(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	a, b := identifierRow(sub, "user.contact.email", "a"), identifierRow(sub, "user.contact.email", "b")
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{a, b}})
	for range 2 {
		apply(t, s, storage.Batch{EraseIndex: []storage.IndexRow{{Subject: sub.ID, Kind: a.Kind, Token: a.Token}}})
		got, err := s.IndexOf(ctx, sub.ID)
		require.NoError(t, err)
		assert.Equal(t, []storage.IndexRow{b}, got)
	}
	got, err := s.Lookup(ctx, [][]byte{a.Token})
	require.NoError(t, err)
	assert.Empty(t, got)
}

// manyRows puts index rows of forty persons in five buckets, and returns them in order.
func manyRows(t *testing.T, s storage.Store) (rows []storage.IndexRow, subs []storage.Subject) {
	t.Helper()
	for i := range 40 {
		sub := newSubject()
		sub.ID = idIn(i % 5 * 50)
		subs = append(subs, sub)
		for _, kind := range []string{"user.name", "user.contact.email"} {
			row := identifierRow(sub, kind, string(rune('a'+i%20)))
			rows = append(rows, row)
			row.Record, row.Part = storage.NewID(), i%3+1
			rows = append(rows, row)
			row.Token = append([]byte{0}, row.Token...)
			rows = append(rows, row)
		}
	}
	apply(t, s, storage.Batch{PutIndex: rows})
	slices.SortFunc(rows, func(a, b storage.IndexRow) int {
		return cmp.Or(a.Subject.Compare(b.Subject), a.Record.Compare(b.Record), cmp.Compare(a.Part, b.Part),
			cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Token, b.Token))
	})
	return rows, subs
}

func testLookup(t *testing.T, s storage.Store) {
	ctx := context.Background()
	rows, _ := manyRows(t, s)
	var tokens [][]byte
	check := func(tokens [][]byte, want func(storage.IndexRow) bool) {
		t.Helper()
		got, err := s.Lookup(ctx, tokens)
		require.NoError(t, err)
		assert.Equal(t, slices.DeleteFunc(slices.Clone(rows), func(r storage.IndexRow) bool { return !want(r) }), got)
	}
	check([][]byte{[]byte("c")}, func(r storage.IndexRow) bool { return string(r.Token) == "c" })
	check([][]byte{[]byte("d"), []byte("c"), []byte("\x00c"), []byte("d"), []byte("saknas")}, func(r storage.IndexRow) bool {
		return string(r.Token) == "c" || string(r.Token) == "d" || string(r.Token) == "\x00c"
	})
	for i := range 2000 {
		tokens = append(tokens, []byte{byte(i), byte(i >> 8), 0})
	}
	for i := range 20 {
		tokens = append(tokens, []byte{byte('a' + i)})
	}
	check(tokens, func(r storage.IndexRow) bool { return len(r.Token) == 1 })
	none, err := s.Lookup(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func testIdentifiers(t *testing.T, s storage.Store) {
	ctx := context.Background()
	manyRows(t, s)
	var tokens [][]byte
	for _, token := range []string{"d", "c", "\x00c", "d", "saknas"} {
		tokens = append(tokens, []byte(token))
		all, err := s.Lookup(ctx, tokens)
		require.NoError(t, err)
		got, err := s.Identifiers(ctx, tokens)
		require.NoError(t, err)
		assert.Equal(t, slices.DeleteFunc(all, func(r storage.IndexRow) bool { return r.Part > 0 }), got)
		assert.Len(t, got, map[int]int{1: 4}[len(tokens)]+map[bool]int{true: 8}[len(tokens) > 1])
	}
	none, err := s.Identifiers(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
	none, err = s.Identifiers(ctx, [][]byte{[]byte("\x00c")})
	require.NoError(t, err)
	assert.Nil(t, none, "rows of parts alone")
}

func testIndexOf(t *testing.T, s storage.Store) {
	ctx := context.Background()
	rows, subs := manyRows(t, s)
	none, err := s.IndexOf(ctx, storage.NewID())
	require.NoError(t, err)
	assert.Empty(t, none)
	for _, sub := range subs {
		got, err := s.IndexOf(ctx, sub.ID)
		require.NoError(t, err)
		assert.Equal(t, slices.DeleteFunc(slices.Clone(rows), func(r storage.IndexRow) bool { return r.Subject != sub.ID }), got)
	}
}
