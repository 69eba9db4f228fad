package crypto_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// kek is a KEK that counts its calls and may be told to answer otherwise.
type kek struct {
	aead     tink.AEAD
	encrypts atomic.Int32
	decrypts atomic.Int32
	mu       sync.Mutex
	before   func(context.Context) error // if set, comes first
}

func newKEK(t *testing.T) *kek {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	require.NoError(t, err)
	a, err := aead.New(h)
	require.NoError(t, err)
	return &kek{aead: a}
}

// do sets what comes first from now on.
func (k *kek) do(before func(context.Context) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before = before
}

func (k *kek) first(ctx context.Context) error {
	k.mu.Lock()
	before := k.before
	k.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx)
}

func (k *kek) EncryptWithContext(ctx context.Context, plain, ad []byte) ([]byte, error) {
	k.encrypts.Add(1)
	if err := k.first(ctx); err != nil {
		return nil, err
	}
	return k.aead.Encrypt(plain, ad)
}

func (k *kek) DecryptWithContext(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	k.decrypts.Add(1)
	if err := k.first(ctx); err != nil {
		return nil, err
	}
	return k.aead.Decrypt(sealed, ad)
}

// clock is a time that tests turn.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time           { return time.Unix(1_800_000_000, c.nanos.Load()).UTC() }
func (c *clock) turn(by time.Duration)    { c.nanos.Add(int64(by)) }
func (c *clock) options() *crypto.Options { return &crypto.Options{Now: c.now} }

func newRing(t *testing.T, k crypto.KEK, opt *crypto.Options) *crypto.Ring {
	t.Helper()
	r, _, err := crypto.Create(t.Context(), k, storage.NewID(), opt)
	require.NoError(t, err)
	return r
}

// controller makes a controller and opens it, so that it is kept open.
func controller(t *testing.T, r *crypto.Ring) (*crypto.Controller, storage.ControllerKey) {
	t.Helper()
	_, row, err := r.NewController(t.Context(), storage.NewID())
	require.NoError(t, err)
	c, err := r.OpenController(t.Context(), row)
	require.NoError(t, err)
	return c, row
}

func subject(t *testing.T, c *crypto.Controller) (*crypto.Subject, storage.SubjectKey) {
	t.Helper()
	s, row, err := c.NewSubject(storage.NewID())
	require.NoError(t, err)
	return s, row
}

func place() crypto.Place {
	return crypto.Place{Record: storage.NewID(), Part: 1, Version: 1, Family: "support-ticket"}
}

func mustAEAD(t *testing.T, h *keyset.Handle) tink.AEAD {
	t.Helper()
	a, err := aead.New(h)
	require.NoError(t, err)
	return a
}
