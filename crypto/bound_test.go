package crypto_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was moved to another place does not open: one test for each thing that is bound.

func TestPartOpensAtItsPlaceAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, _ := controller(t, r)
	s, _ := subject(t, c)
	at := place()
	sealed, key, err := s.SealPart(at, []byte("plain"))
	require.NoError(t, err)
	assert.Len(t, key, 65)
	assert.Len(t, sealed, 5+12+5+16)

	move := func(f func(*crypto.Place)) crypto.Place { p := at; f(&p); return p }
	sameBucket := at.Record
	sameBucket[15]++
	for name, to := range map[string]crypto.Place{
		"record":            move(func(p *crypto.Place) { p.Record = storage.NewID() }),
		"record, last byte": move(func(p *crypto.Place) { p.Record = sameBucket }),
		"part":              move(func(p *crypto.Place) { p.Part = 2 }),
		"part, high byte":   move(func(p *crypto.Place) { p.Part = 257 }),
		"version":           move(func(p *crypto.Place) { p.Version = 2 }),
		"version, high":     move(func(p *crypto.Place) { p.Version = 1<<24 + 1 }),
		"activity":          move(func(p *crypto.Place) { p.Family = "sales-contact" }),
		"activity, shorter": move(func(p *crypto.Place) { p.Family = "support-ticke" }),
	} {
		_, err := s.OpenPart(to, key, sealed)
		require.ErrorIs(t, err, crypto.ErrSealed, name)
		// Its key alone, beside a ciphertext that belongs there, and the other way round.
		there, thereKey, err := s.SealPart(to, []byte("there"))
		require.NoError(t, err)
		_, err = s.OpenPart(to, key, there)
		require.ErrorIs(t, err, crypto.ErrSealed, name)
		_, err = s.OpenPart(to, thereKey, sealed)
		require.ErrorIs(t, err, crypto.ErrSealed, name)
	}

	other, _ := subject(t, c)
	_, err = other.OpenPart(at, key, sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "subject")
	c2, _ := controller(t, r)
	twin, _, err := c2.NewSubject(s.ID())
	require.NoError(t, err)
	_, err = twin.OpenPart(at, key, sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "controller")

	plain, err := s.OpenPart(at, key, sealed)
	require.NoError(t, err)
	assert.Equal(t, "plain", string(plain))
}

func TestEachSealHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	c, _ := controller(t, newRing(t, newKEK(t), nil))
	s, _ := subject(t, c)
	at := place()
	sealed1, key1, err := s.SealPart(at, []byte("x"))
	require.NoError(t, err)
	sealed2, key2, err := s.SealPart(at, []byte("x"))
	require.NoError(t, err)
	_, err = s.OpenPart(at, key2, sealed1)
	require.ErrorIs(t, err, crypto.ErrSealed)
	_, err = s.OpenPart(at, key1, sealed2)
	require.ErrorIs(t, err, crypto.ErrSealed)
}

func TestChangedOrCutDoesNotOpen(t *testing.T) {
	t.Parallel()
	c, _ := controller(t, newRing(t, newKEK(t), nil))
	s, row := subject(t, c)
	at := place()
	sealed, key, err := s.SealPart(at, []byte("x"))
	require.NoError(t, err)
	for i := range sealed {
		bad := append([]byte(nil), sealed...)
		bad[i] ^= 1
		_, err := s.OpenPart(at, key, bad)
		require.ErrorIs(t, err, crypto.ErrSealed, i)
		_, err = s.OpenPart(at, key, sealed[:i])
		require.ErrorIs(t, err, crypto.ErrSealed, i)
	}
	for i := range key {
		bad := append([]byte(nil), key...)
		bad[i] ^= 1
		_, err := s.OpenPart(at, bad, sealed)
		require.ErrorIs(t, err, crypto.ErrSealed, i)
		_, err = s.OpenPart(at, key[:i], sealed)
		require.ErrorIs(t, err, crypto.ErrSealed, i)
	}
	for i := range row.Wrapped {
		bad := row
		bad.Wrapped = append([]byte(nil), row.Wrapped...)
		bad.Wrapped[i] ^= 1
		_, err := c.OpenSubject(bad)
		require.ErrorIs(t, err, crypto.ErrSealed, i)
	}
	_, err = s.OpenPart(at, nil, nil)
	require.ErrorIs(t, err, crypto.ErrSealed)
	_, err = c.OpenSubject(storage.SubjectKey{ID: row.ID, Controller: row.Controller})
	require.ErrorIs(t, err, crypto.ErrSealed)
}

func TestKeyOfAnotherLevelDoesNotOpen(t *testing.T) {
	t.Parallel()
	c, _ := controller(t, newRing(t, newKEK(t), nil))
	s, row := subject(t, c)
	at := place()
	sealed, key, err := s.SealPart(at, []byte("x"))
	require.NoError(t, err)
	_, err = s.OpenPart(at, row.Wrapped, sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "subject key as part key")
	_, err = s.OpenPart(at, sealed, key)
	require.ErrorIs(t, err, crypto.ErrSealed, "content and key exchanged")
	_, err = s.OpenIdentifier("support-ticket", key)
	require.ErrorIs(t, err, crypto.ErrSealed, "part key as identifier")
	moved := row
	moved.Wrapped = key
	_, err = c.OpenSubject(moved)
	require.ErrorIs(t, err, crypto.ErrSealed, "part key as subject key")
}

func TestSubjectKeyOpensInItsRowAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, _ := controller(t, r)
	_, row := subject(t, c)

	moved := row
	moved.ID = storage.NewID()
	_, err := c.OpenSubject(moved)
	require.ErrorIs(t, err, crypto.ErrSealed, "another subject")

	c2, _ := controller(t, r)
	_, err = c2.OpenSubject(row)
	require.ErrorIs(t, err, crypto.ErrSealed, "another controller")
	moved = row
	moved.Controller = c2.ID()
	_, err = c2.OpenSubject(moved)
	require.ErrorIs(t, err, crypto.ErrSealed, "another controller, row and all")

	_, err = c.OpenSubject(row)
	require.NoError(t, err)
}

func TestControllerKeysetOpensInItsRowAlone(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	r, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)
	_, row, err := r.NewController(t.Context(), storage.NewID())
	require.NoError(t, err)
	moved := row
	moved.ID = storage.NewID()
	_, err = r.OpenController(t.Context(), moved)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "another controller")
	moved = row
	moved.Wrapped = rows[1].Wrapped
	_, err = r.OpenController(t.Context(), moved)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "a store keyset as a controller's")
	moved.Wrapped = nil
	_, err = r.OpenController(t.Context(), moved)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "no keyset, and no tombstone")
	// The store's id in a controller's place: the kind keeps them apart.
	_, asStore, err := r.NewController(t.Context(), store)
	require.NoError(t, err)
	swapped := append([]storage.StoreKey(nil), rows...)
	swapped[0].Wrapped = asStore.Wrapped
	_, err = crypto.Open(t.Context(), k, store, swapped, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
}

func TestIdentifierOpensForItsSubjectAndKindAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, _ := controller(t, r)
	s, _ := subject(t, c)
	const kind, value = "user.contact.email", "åsa.öberg@kund.example"
	sealed, err := s.SealIdentifier(kind, value)
	require.NoError(t, err)
	again, err := s.SealIdentifier(kind, value)
	require.NoError(t, err)
	assert.NotEqual(t, sealed, again, "sealed form does not show that two are equal")
	got, err := s.OpenIdentifier(kind, sealed)
	require.NoError(t, err)
	assert.Equal(t, value, got)

	_, err = s.OpenIdentifier("user.contact.phone_number", sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "kind")
	other, _ := subject(t, c)
	_, err = other.OpenIdentifier(kind, sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "subject")
	c2, _ := controller(t, r)
	twin, _, err := c2.NewSubject(s.ID())
	require.NoError(t, err)
	_, err = twin.OpenIdentifier(kind, sealed)
	require.ErrorIs(t, err, crypto.ErrSealed, "controller")

	for _, n := range []int{0, 1, 100, 300, 5000} { // also past the scratch
		long := strings.Repeat("ö", n)
		sealed, err := s.SealIdentifier(kind, long)
		require.NoError(t, err)
		got, err := s.OpenIdentifier(kind, sealed)
		require.NoError(t, err)
		assert.Equal(t, long, got)
	}
}

func TestTextOpensInItsFileAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, _ := controller(t, r)
	file := storage.NewID()
	sealed, err := c.SealText("request", file, 3, []byte("Begäran från Åsa"))
	require.NoError(t, err)
	plain, err := c.OpenText("request", file, 3, sealed)
	require.NoError(t, err)
	assert.Equal(t, "Begäran från Åsa", string(plain))

	c2, _ := controller(t, r)
	for name, open := range map[string]func() ([]byte, error){
		"kind":       func() ([]byte, error) { return c.OpenText("hold", file, 3, sealed) },
		"file":       func() ([]byte, error) { return c.OpenText("request", storage.NewID(), 3, sealed) },
		"revision":   func() ([]byte, error) { return c.OpenText("request", file, 4, sealed) },
		"controller": func() ([]byte, error) { return c2.OpenText("request", file, 3, sealed) },
		"changed":    func() ([]byte, error) { return c.OpenText("request", file, 3, sealed[1:]) },
	} {
		_, err := open()
		require.ErrorIs(t, err, crypto.ErrSealed, name)
	}
}

func TestPlacesOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, _ := controller(t, r)
	s, _ := subject(t, c)
	long := strings.Repeat("x", 256)
	for name, f := range map[string]func(*crypto.Place){
		"record is missing":             func(p *crypto.Place) { p.Record = storage.ID{} },
		"part must be 1 to 65535":       func(p *crypto.Place) { p.Part = 0 },
		"part must be 1 to 65535 ":      func(p *crypto.Place) { p.Part = 65536 },
		"part must be 1 to 65535  ":     func(p *crypto.Place) { p.Part = -1 },
		"version must be 1 to":          func(p *crypto.Place) { p.Version = 0 },
		"version must be 1 to ":         func(p *crypto.Place) { p.Version = 1 << 32 },
		"family must have 1 to":         func(p *crypto.Place) { p.Family = "" },
		"family must have 1 to 255 byt": func(p *crypto.Place) { p.Family = long },
	} {
		at := place()
		f(&at)
		_, _, err := s.SealPart(at, nil)
		require.ErrorIs(t, err, crypto.ErrPlace, name)
		require.ErrorContains(t, err, strings.TrimSpace(name))
		_, err = s.OpenPart(at, nil, nil)
		require.ErrorIs(t, err, crypto.ErrPlace, name)
	}
	for _, at := range []crypto.Place{
		{Record: storage.NewID(), Part: 65535, Version: 1<<32 - 1, Family: long[:255]},
		{Record: storage.NewID(), Part: 1, Version: 1, Family: "x"},
	} {
		sealed, key, err := s.SealPart(at, nil)
		require.NoError(t, err)
		plain, err := s.OpenPart(at, key, sealed)
		require.NoError(t, err)
		assert.Empty(t, plain)
	}

	for _, kind := range []string{"", long} {
		_, err := s.SealIdentifier(kind, "hemligt")
		require.ErrorIs(t, err, crypto.ErrPlace)
		assert.NotContains(t, fmt.Sprint(err), "hemligt")
		_, err = s.OpenIdentifier(kind, nil)
		require.ErrorIs(t, err, crypto.ErrPlace)
		_, err = c.SealText(kind, storage.NewID(), 1, nil)
		require.ErrorIs(t, err, crypto.ErrPlace)
		_, err = r.Token(c.ID(), kind, "hemligt")
		require.ErrorIs(t, err, crypto.ErrPlace)
		_, err = r.Tokens(c.ID(), kind, "hemligt")
		require.ErrorIs(t, err, crypto.ErrPlace)
	}
	for _, rev := range []int64{0, -1, 1 << 32} {
		_, err := c.SealText("request", storage.NewID(), rev, nil)
		require.ErrorIs(t, err, crypto.ErrPlace)
		_, err = c.OpenText("request", storage.NewID(), rev, nil)
		require.ErrorIs(t, err, crypto.ErrPlace)
	}
	_, err := c.SealText("request", storage.ID{}, 1, nil)
	require.ErrorIs(t, err, crypto.ErrPlace)
	_, err = r.Token(storage.ID{}, "user.unique_id", "x")
	require.ErrorIs(t, err, crypto.ErrPlace)
}

func TestTombstonesOpenNothing(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, row := controller(t, r)
	_, subjectRow := subject(t, c)
	_, err := c.OpenSubject(subjectRow)
	require.NoError(t, err)

	// Even with the key still in it: a tombstone is a tombstone.
	subjectRow.Destroyed = true
	_, err = c.OpenSubject(subjectRow)
	require.ErrorIs(t, err, crypto.ErrDestroyed)
	_, ok := r.Subject(c.ID(), subjectRow.ID)
	assert.False(t, ok, "the sight of a tombstone empties the cache")
	_, err = c.OpenSubject(storage.SubjectKey{ID: subjectRow.ID, Controller: c.ID(), Destroyed: true})
	require.ErrorIs(t, err, crypto.ErrDestroyed)

	row.Destroyed = true
	_, err = r.OpenController(t.Context(), row)
	require.ErrorIs(t, err, crypto.ErrDestroyed)
	_, ok = r.Controller(c.ID())
	assert.False(t, ok)
}
