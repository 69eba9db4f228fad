package crypto_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCreateThenOpenReadsTheSame(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	first, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)
	var names []string
	for _, row := range rows {
		names = append(names, row.Name)
		assert.Nil(t, row.Recovery, "no recovery KEK was given")
	}
	assert.Equal(t, []string{"checkpoint", "index", "suppression", "trail"}, names)
	assert.EqualValues(t, 4, k.encrypts.Load())

	slices.Reverse(rows)
	second, err := crypto.Open(t.Context(), k, store, rows, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 4, k.decrypts.Load())

	_, row, err := first.NewController(t.Context(), storage.NewID())
	require.NoError(t, err)
	c, err := first.OpenController(t.Context(), row)
	require.NoError(t, err)
	s, subjectRow := subject(t, c)
	at := place()
	sealed, key, err := s.SealPart(at, []byte("Hur gör jag när skrivaren krånglar?"))
	require.NoError(t, err)

	c2, err := second.OpenController(t.Context(), row)
	require.NoError(t, err)
	assert.Equal(t, row.ID, c2.ID())
	s2, err := c2.OpenSubject(subjectRow)
	require.NoError(t, err)
	assert.Equal(t, subjectRow.ID, s2.ID())
	assert.Equal(t, row.ID, s2.Controller())
	plain, err := s2.OpenPart(at, key, sealed)
	require.NoError(t, err)
	assert.Equal(t, "Hur gör jag när skrivaren krånglar?", string(plain))
}

func TestOpenRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	_, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)

	_, err = crypto.Open(t.Context(), newKEK(t), store, rows, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "another KEK")

	_, err = crypto.Open(t.Context(), k, storage.NewID(), rows, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "another store")

	_, err = crypto.Open(t.Context(), k, store, nil, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "no rows")

	for i := range rows {
		missing := slices.Delete(slices.Clone(rows), i, i+1)
		_, err = crypto.Open(t.Context(), k, store, missing, nil)
		require.ErrorIs(t, err, crypto.ErrKeysUnavailable, rows[i].Name)
		require.ErrorContains(t, err, rows[i].Name)
	}

	// index and suppression are keysets of one type: only associated data keeps them apart.
	moved := slices.Clone(rows)
	moved[1].Wrapped, moved[2].Wrapped = moved[2].Wrapped, moved[1].Wrapped
	_, err = crypto.Open(t.Context(), k, store, moved, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "a keyset under another name")

	cut := slices.Clone(rows)
	cut[0].Wrapped = cut[0].Wrapped[:20]
	_, err = crypto.Open(t.Context(), k, store, cut, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable, "a keyset cut short")
}

func TestOptionsAndArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	k := newKEK(t)
	for name, opt := range map[string]*crypto.Options{
		"size": {CacheSize: -1},
		"ttl":  {TTL: -time.Second},
	} {
		_, _, err := crypto.Create(t.Context(), k, storage.NewID(), opt)
		require.Error(t, err, name)
		_, err = crypto.Open(t.Context(), k, storage.NewID(), nil, opt)
		require.Error(t, err, name)
	}
	_, _, err := crypto.Create(t.Context(), nil, storage.NewID(), nil)
	require.Error(t, err)
	_, _, err = crypto.Create(t.Context(), k, storage.ID{}, nil)
	require.ErrorIs(t, err, crypto.ErrPlace)

	r := newRing(t, k, nil)
	_, _, err = r.NewController(t.Context(), storage.ID{})
	require.ErrorIs(t, err, crypto.ErrPlace)
	c, _ := controller(t, r)
	_, _, err = c.NewSubject(storage.ID{})
	require.ErrorIs(t, err, crypto.ErrPlace)
}

func TestRecoveryKEKOpensTheSameRows(t *testing.T) {
	t.Parallel()
	k, recovery, store := newKEK(t), newKEK(t), storage.NewID()
	r, rows, err := crypto.Create(t.Context(), k, store, &crypto.Options{Recovery: recovery})
	require.NoError(t, err)
	_, row, err := r.NewController(t.Context(), storage.NewID())
	require.NoError(t, err)
	assert.EqualValues(t, 5, recovery.encrypts.Load(), "four store keysets and one controller")
	c, err := r.OpenController(t.Context(), row)
	require.NoError(t, err)
	assert.Zero(t, recovery.decrypts.Load(), "while the KEK is there the recovery KEK opens nothing")
	s, subjectRow := subject(t, c)
	at := place()
	sealed, key, err := s.SealPart(at, []byte("åäö"))
	require.NoError(t, err)
	token, err := r.Token(row.ID, "user.contact.email", "anna@kund.example")
	require.NoError(t, err)

	// The KEK is lost: the recovery KEK stands in its place.
	again, err := crypto.Open(t.Context(), recovery, store, rows, nil)
	require.NoError(t, err)
	c, err = again.OpenController(t.Context(), row)
	require.NoError(t, err)
	s, err = c.OpenSubject(subjectRow)
	require.NoError(t, err)
	plain, err := s.OpenPart(at, key, sealed)
	require.NoError(t, err)
	assert.Equal(t, "åäö", string(plain))
	same, err := again.Token(row.ID, "user.contact.email", "anna@kund.example")
	require.NoError(t, err)
	assert.Equal(t, token, same)

	// A recovery copy is bound to its row, too.
	other := row
	other.ID = storage.NewID()
	_, err = again.OpenController(t.Context(), other)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
	// A third KEK opens neither copy.
	_, err = crypto.Open(t.Context(), newKEK(t), store, rows, nil)
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
	// No controller is made without its copy.
	recovery.do(func(context.Context) error { return errors.New("the safe is locked") })
	_, _, err = r.NewController(t.Context(), storage.NewID())
	require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
	require.ErrorContains(t, err, "recovery KEK")
}

func TestKEKIsAskedOnceForEachController(t *testing.T) {
	t.Parallel()
	k := newKEK(t)
	r := newRing(t, k, nil)
	asked := k.encrypts.Load()
	id := storage.NewID()
	_, row, err := r.NewController(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, asked+1, k.encrypts.Load())
	_, ok := r.Controller(id)
	assert.False(t, ok, "not kept open before its row was stored")

	for range 20 {
		c, err := r.OpenController(t.Context(), row)
		require.NoError(t, err)
		s, subjectRow := subject(t, c)
		_, err = c.OpenSubject(subjectRow)
		require.NoError(t, err)
		at := place()
		sealed, key, err := s.SealPart(at, []byte("x"))
		require.NoError(t, err)
		_, err = s.OpenPart(at, key, sealed)
		require.NoError(t, err)
		_, err = r.Tokens(id, "user.contact.email", "anna@kund.example")
		require.NoError(t, err)
	}
	assert.EqualValues(t, 1, k.decrypts.Load())
	assert.Equal(t, asked+1, k.encrypts.Load())
}

func TestKEKFailsHangsOrPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKEK(t)
		r := newRing(t, k, nil)
		_, row, err := r.NewController(t.Context(), storage.NewID())
		require.NoError(t, err)

		denied := errors.New("access denied")
		k.do(func(context.Context) error { return denied })
		_, err = r.OpenController(t.Context(), row)
		require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
		require.ErrorIs(t, err, denied)
		_, _, err = r.NewController(t.Context(), storage.NewID())
		require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
		_, _, err = crypto.Create(t.Context(), k, storage.NewID(), nil)
		require.ErrorIs(t, err, denied)

		release := make(chan struct{})
		for name, hang := range map[string]func(context.Context) error{
			"honors its context":  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			"ignores its context": func(context.Context) error { <-release; return nil },
		} {
			k.do(hang)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err = r.OpenController(ctx, row)
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			require.ErrorIs(t, err, crypto.ErrKeysUnavailable, name)
			_, _, err = r.NewController(ctx, storage.NewID())
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			_, _, err = crypto.Create(ctx, k, storage.NewID(), nil)
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			assert.Equal(t, 5*time.Second, time.Since(start), name)
			cancel()
		}
		close(release)
		synctest.Wait()

		k.do(func(context.Context) error { panic("hemlig nyckel") })
		_, err = r.OpenController(t.Context(), row)
		require.ErrorIs(t, err, crypto.ErrKeysUnavailable)
		assert.NotContains(t, err.Error(), "hemlig")

		// It recovers, and nothing of the failures was kept.
		k.do(nil)
		_, err = r.OpenController(t.Context(), row)
		require.NoError(t, err)
	})
}

func TestFromAEAD(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	_, rows, err := crypto.Create(t.Context(), crypto.FromAEAD(k.aead), store, nil)
	require.NoError(t, err)
	_, err = crypto.Open(t.Context(), k, store, rows, nil)
	require.NoError(t, err, "the same AEAD in another dress")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = crypto.Open(ctx, crypto.FromAEAD(k.aead), store, rows, nil)
	require.ErrorIs(t, err, context.Canceled)
}
