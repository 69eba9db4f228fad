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
	{"an identifier must be new for controller, kind and token", testIdentifier},
	{"a find-by row replaces itself", testFindBy},
	{"EraseIndex of an absent row is no error", testEraseIndex},
	{"Lookup must return every row whose token is among tokens, and IndexOf every row of one subject, in order", testLookup},
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
	elsewhere := second
	elsewhere.Controller = storage.NewID()
	findBy := identifierRow(second, row.Kind, "token")
	findBy.Record, findBy.Part = storage.NewID(), 1
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{
		identifierRow(second, "user.unique_id", "token"), identifierRow(second, row.Kind, "other"), identifierRow(elsewhere, row.Kind, "token"), findBy,
	}})
	apply(t, s, storage.Batch{EraseIndex: []storage.IndexRow{row}})
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{identifierRow(first, row.Kind, "token")}})
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

func testLookup(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var rows []storage.IndexRow
	var tokens [][]byte
	var subs []storage.Subject
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
	for _, sub := range subs[:3] {
		got, err := s.IndexOf(ctx, sub.ID)
		require.NoError(t, err)
		assert.Equal(t, slices.DeleteFunc(slices.Clone(rows), func(r storage.IndexRow) bool { return r.Subject != sub.ID }), got)
	}
}
