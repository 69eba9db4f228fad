package crypto

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// KEK is the key encryption key: any Tink AEAD with a context, such as those of the cloud key services. It must be safe for concurrent use
// and bind its associated data.
type KEK = tink.AEADWithContext

// FromAEAD returns an AEAD without a context as a KEK. A call that hangs cannot be broken off: the ring returns when its context
// ends and drops the answer when it comes.
func FromAEAD(a tink.AEAD) KEK { return plainKEK{aead: a} }

type plainKEK struct {
	redacted
	aead tink.AEAD
}

func (k plainKEK) EncryptWithContext(_ context.Context, plain, ad []byte) ([]byte, error) {
	return k.aead.Encrypt(plain, ad)
}

func (k plainKEK) DecryptWithContext(_ context.Context, sealed, ad []byte) ([]byte, error) {
	return k.aead.Decrypt(sealed, ad)
}

// wrap returns the keyset encrypted by the KEK, as Tink's binary EncryptedKeyset.
func wrap(ctx context.Context, kek KEK, h *keyset.Handle, at *bound) ([]byte, error) {
	var out bytes.Buffer
	call := &kekCall{kek: kek}
	if err := h.WriteWithContext(ctx, keyset.NewBinaryWriter(&out), call, at.digest()); err != nil {
		return nil, call.unavailable(err)
	}
	return out.Bytes(), nil
}

// unwrap opens a keyset. A KEK opens a row by the copy that it wrapped: the recovery KEK, too, is simply given as the KEK.
func unwrap(ctx context.Context, kek KEK, wrapped, recovery []byte, at *bound) (*keyset.Handle, error) {
	h, err := unwrapOne(ctx, kek, wrapped, at)
	if err == nil || recovery == nil || ctx.Err() != nil {
		return h, err
	}
	if h, second := unwrapOne(ctx, kek, recovery, at); second == nil {
		return h, nil
	}
	return nil, err
}

func unwrapOne(ctx context.Context, kek KEK, wrapped []byte, at *bound) (*keyset.Handle, error) {
	call := &kekCall{kek: kek}
	h, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(wrapped)), call, at.digest())
	if err != nil {
		return nil, call.unavailable(err)
	}
	return h, nil
}

// kekCall is one call to a KEK that outlasts neither its context nor a panic, and whose error is kept: Tink hands on its text only.
type kekCall struct {
	kek KEK
	err error
}

func (c *kekCall) EncryptWithContext(ctx context.Context, plain, ad []byte) ([]byte, error) {
	return c.do(ctx, c.kek.EncryptWithContext, plain, ad)
}

func (c *kekCall) DecryptWithContext(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	return c.do(ctx, c.kek.DecryptWithContext, sealed, ad)
}

func (c *kekCall) do(ctx context.Context, f func(context.Context, []byte, []byte) ([]byte, error), in, ad []byte) (out []byte, err error) {
	defer func() { c.err = err }()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type answer struct {
		out []byte
		err error
	}
	done := make(chan answer, 1) // buffered: a late answer is dropped and its goroutine ends
	go func() {
		a := answer{err: errors.New("the KEK panicked")}
		defer func() {
			_ = recover() // what it said may hold a key
			done <- a
		}()
		a.out, a.err = f(ctx, in, ad)
	}()
	select {
	case a := <-done:
		return a.out, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *kekCall) unavailable(err error) error {
	if c.err != nil {
		err = c.err
	}
	return fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
}
