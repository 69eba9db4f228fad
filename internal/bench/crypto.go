package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr/storage"
)

var errWrong = errors.New("wrong result")

// cryptoBench is row 7: the crypto layer without a database, against crypto/cipher and against a Tink keyset for each subject.
func cryptoBench(ctx context.Context, p plan) ([]Result, error) {
	kek, err := insecurekeyfile.Open(filepath.Join(p.dir, "crypto.kek"))
	if err != nil {
		return nil, err
	}
	ring, _, err := crypto.Create(ctx, kek, storage.NewID(), nil)
	if err != nil {
		return nil, err
	}
	id := storage.NewID()
	_, row, err := ring.NewController(ctx, id)
	if err != nil {
		return nil, err
	}
	ctl, err := ring.OpenController(ctx, row)
	if err != nil {
		return nil, err
	}
	var out []Result
	add := func(r Result, err error) error {
		out = append(out, r)
		return err
	}
	n := p.of(200_000, 2_000)
	for _, size := range []int{32, 1024} {
		if err := fieldBench(ctx, p, ctl, size, n, add); err != nil {
			return nil, err
		}
	}
	if err := subjectBench(ctx, p, ctl, n/10, add); err != nil {
		return nil, err
	}
	return out, indexBench(ctx, p, ring, id, n, add)
}

// fieldBench seals and opens with an open key, against AES-GCM of the standard library with the same associated data.
func fieldBench(ctx context.Context, p plan, ctl *crypto.Controller, size, n int, add func(Result, error) error) error {
	file := storage.NewID()
	plain := bytes.Repeat([]byte("å"), size/2)
	raw, err := rawGCM()
	if err != nil {
		return err
	}
	ad := make([]byte, 82)
	rawSeal := func() []byte {
		nonce := make([]byte, 12, 12+len(plain)+16)
		_, _ = rand.Read(nonce)
		return raw.Seal(nonce, nonce, plain, ad)
	}
	sealed, err := ctl.SealText("hold", file, 1, plain)
	if err != nil {
		return err
	}
	boxed := rawSeal()
	if err := add(cost(ctx, fmt.Sprintf("field seal, %d bytes, of crypto/cipher", size), "<= 1.25", p.rounds,
		func(context.Context, int) (spent, error) {
			return loop(n, func() error { _ = rawSeal(); return nil })
		},
		func(context.Context, int) (spent, error) {
			return loop(n, func() error { _, err := ctl.SealText("hold", file, 1, plain); return err })
		})); err != nil {
		return err
	}
	return add(cost(ctx, fmt.Sprintf("field open, %d bytes, of crypto/cipher", size), "<= 1.25", p.rounds,
		func(context.Context, int) (spent, error) {
			return loop(n, func() error {
				got, err := raw.Open(nil, boxed[:12], boxed[12:], ad)
				if err != nil || len(got) != len(plain) {
					return errWrong
				}
				return nil
			})
		},
		func(context.Context, int) (spent, error) {
			return loop(n, func() error {
				got, err := ctl.OpenText("hold", file, 1, sealed)
				if err != nil || len(got) != len(plain) {
					return errWrong
				}
				return nil
			})
		}))
}

func rawGCM() (cipher.AEAD, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// subjectBench makes and opens subject keys, against the raw floor and against a Tink keyset for each subject.
func subjectBench(ctx context.Context, p plan, ctl *crypto.Controller, n int, add func(Result, error) error) error {
	wrap, err := rawGCM()
	if err != nil {
		return err
	}
	rawNew := func() error {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		if _, err := cipher.NewGCM(block); err != nil {
			return err
		}
		nonce := make([]byte, 12, 60)
		_, _ = rand.Read(nonce)
		_ = wrap.Seal(nonce, nonce, key, make([]byte, 82))
		return nil
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	kek, err := aead.New(handle)
	if err != nil {
		return err
	}
	var wrapped bytes.Buffer
	fullNew := func() error {
		h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		wrapped.Reset()
		if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), kek, []byte("ad")); err != nil {
			return err
		}
		_, err = aead.New(h)
		return err
	}
	if err := fullNew(); err != nil {
		return err
	}
	stored := bytes.Clone(wrapped.Bytes())
	fullOpen := func() error {
		h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(stored)), kek, []byte("ad"))
		if err != nil {
			return err
		}
		_, err = aead.New(h)
		return err
	}
	ours := func() error {
		_, _, err := ctl.NewSubject(storage.NewID())
		return err
	}
	rows := make([]storage.SubjectKey, n)
	for i := range rows {
		if _, rows[i], err = ctl.NewSubject(storage.NewID()); err != nil {
			return err
		}
	}
	at := 0
	oursOpen := func() error {
		at = (at + 1) % len(rows)
		_, err := ctl.OpenSubject(rows[at])
		return err
	}
	side := func(fn func() error) timed {
		return func(context.Context, int) (spent, error) { return loop(n, fn) }
	}
	if err := add(cost(ctx, "subject key made, of the raw floor", "<= 1.4", p.rounds, side(rawNew), side(ours))); err != nil {
		return err
	}
	if err := add(cost(ctx, "subject key made, of a Tink keyset each", "<= 0.35", p.rounds, side(fullNew), side(ours))); err != nil {
		return err
	}
	return add(cost(ctx, "subject key opened, of a Tink keyset each", "<= 0.35", p.rounds, side(fullOpen), side(oursOpen)))
}

// indexBench is the blind index of one value, against Tink's bare AES-CMAC PRF of the same input.
func indexBench(ctx context.Context, p plan, ring *crypto.Ring, controller storage.ID, n int, add func(Result, error) error) error {
	handle, err := keyset.NewHandle(prf.AESCMACPRFKeyTemplate())
	if err != nil {
		return err
	}
	set, err := prf.NewPRFSet(handle)
	if err != nil {
		return err
	}
	input := make([]byte, 24+1+18+32)
	const address = "åsa.öberg.vägen12345@kund.example"
	return add(cost(ctx, "blind index, of Tink's bare PRF", "<= 3", p.rounds,
		func(context.Context, int) (spent, error) {
			return loop(n, func() error { _, err := set.ComputePrimaryPRF(input, 16); return err })
		},
		func(context.Context, int) (spent, error) {
			return loop(n, func() error { _, err := ring.Token(controller, "user.contact.email", address); return err })
		}))
}
