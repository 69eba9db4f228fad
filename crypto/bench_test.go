package crypto

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// pair runs an operation and its baseline in turn, in one process, and reports the median of the ratios of their times.
func pair(b *testing.B, name string, op, baseline func()) {
	b.Run(name, func(b *testing.B) {
		const rounds, each = 21, 500
		run := func(f func()) float64 {
			start := time.Now()
			for range each {
				f()
			}
			return float64(time.Since(start).Nanoseconds()) / each
		}
		var ratios, ops []float64
		for b.Loop() {
			for range rounds {
				base := run(baseline)
				ns := run(op)
				ratios, ops = append(ratios, ns/base), append(ops, ns)
			}
		}
		slices.Sort(ratios)
		slices.Sort(ops)
		b.ReportMetric(ratios[len(ratios)/2], "ratio")
		b.ReportMetric(ratios[len(ratios)/4], "p25")
		b.ReportMetric(ratios[len(ratios)*3/4], "p75")
		b.ReportMetric(ops[len(ops)/2], "ns/one")
		b.ReportMetric(testing.AllocsPerRun(100, op), "allocs/one")
		b.ReportMetric(0, "ns/op")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func rawGCM(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

func rawSeal(g cipher.AEAD, plain, ad []byte) []byte {
	dst := make([]byte, 12, 12+len(plain)+16)
	_, _ = rand.Read(dst)
	return g.Seal(dst, dst[:12], plain, ad)
}

var text string // so that the conversion is not optimized away

// BenchmarkRow7 is row 7 of the performance targets: field <= 1.25x raw and <= 2 allocations; subject create <= 1.4x of the raw floor and
// open <= 0.35x of a full keyset; index <= 150 ns.
func BenchmarkRow7(b *testing.B) {
	ring, _, err := Create(b.Context(), FromAEAD(must(aead.New(must(keyset.NewHandle(aead.AES256GCMKeyTemplate()))))), storage.NewID(), nil)
	require.NoError(b, err)
	_, row, err := ring.NewController(b.Context(), storage.NewID())
	require.NoError(b, err)
	c, err := ring.OpenController(b.Context(), row)
	require.NoError(b, err)
	id := storage.NewID()
	s, subjectRow, err := c.NewSubject(id)
	require.NoError(b, err)

	rawKey := make([]byte, 32)
	_, _ = rand.Read(rawKey)
	raw := rawGCM(rawKey)
	kind := "user.contact.email"
	for _, size := range []int{32, 1024} {
		value := strings.Repeat("å", size/2)
		plain := []byte(value)
		ad := s.boundIdentifier(kind, new(scratch))
		sealed := must(s.SealIdentifier(kind, value))
		rawSealed := rawSeal(raw, plain, ad)
		name := map[int]string{32: "32B", 1024: "1KiB"}[size]
		// By an open key, associated data in hand: what row 7 asks.
		pair(b, "field/seal/"+name, func() { must(s.aead.Encrypt(plain, ad)) }, func() { rawSeal(raw, plain, ad) })
		pair(b, "field/open/"+name, func() { must(s.aead.Decrypt(sealed, ad)) }, func() { must(raw.Open(nil, rawSealed[:12], rawSealed[12:], ad)) })
		// Through the package, which makes the associated data and takes and gives strings.
		pair(b, "identifier/seal/"+name, func() { must(s.SealIdentifier(kind, value)) }, func() { rawSeal(raw, []byte(value), ad) })
		pair(b, "identifier/open/"+name, func() { must(s.OpenIdentifier(kind, sealed)) }, func() {
			text = string(must(raw.Open(nil, rawSealed[:12], rawSealed[12:], ad)))
		})
	}

	// The floor makes a key, wraps it and readies it, by hand.
	floor := func(wrapBy cipher.AEAD, ad []byte) (cipher.AEAD, []byte) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return rawGCM(key), rawSeal(wrapBy, key, ad)
	}
	// Design A makes a whole Tink keyset for each subject.
	var wrapped bytes.Buffer
	createA := func(by tink.AEAD, ad []byte) tink.AEAD {
		h := must(keyset.NewHandle(aead.AES256GCMKeyTemplate()))
		wrapped.Reset()
		if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), by, ad); err != nil {
			panic(err)
		}
		return must(aead.New(h))
	}
	ad := c.boundSubject(id, new(scratch))
	create := func() { _, _, _ = must2(c.NewSubject(id)) }
	pair(b, "subject/create/floor", create, func() { floor(raw, ad) })
	pair(b, "subject/create/keyset", create, func() { createA(c.aead, ad) })
	createA(c.aead, ad)
	wrappedA := bytes.Clone(wrapped.Bytes())
	pair(b, "subject/open/keyset", func() {
		ring.cache.subjects.Remove(subjectRef{c.id, id})
		must(c.OpenSubject(subjectRow))
	}, func() {
		must(aead.New(must(keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrappedA)), c.aead, ad))))
	})
	pair(b, "subject/cached/keyset", func() {
		if _, ok := ring.Subject(c.id, id); !ok {
			panic("not cached")
		}
	}, func() {
		must(aead.New(must(keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrappedA)), c.aead, ad))))
	})

	place := Place{Record: storage.NewID(), Part: 1, Version: 1, Family: "support-ticket"}
	for _, size := range []int{32, 256, 1024} {
		plain := bytes.Repeat([]byte("a"), size)
		partAD, _ := s.boundPart(place, new(scratch))
		sealed, key, err := s.SealPart(place, plain)
		require.NoError(b, err)
		name := map[int]string{32: "32B", 256: "256B", 1024: "1KiB"}[size]
		pair(b, "part/seal/"+name+"/floor", func() { _, _, _ = must2(s.SealPart(place, plain)) }, func() {
			g, _ := floor(raw, partAD)
			rawSeal(g, plain, partAD)
		})
		partKey := make([]byte, 32)
		rawWrapped, rawSealed := rawSeal(raw, partKey, partAD), rawSeal(rawGCM(partKey), plain, partAD)
		pair(b, "part/open/"+name+"/floor", func() { must(s.OpenPart(place, key, sealed)) }, func() {
			g := rawGCM(must(raw.Open(nil, rawWrapped[:12], rawWrapped[12:], partAD)))
			must(g.Open(nil, rawSealed[:12], rawSealed[12:], partAD))
		})
	}

	value := "anna.åkerström@kund.example"
	in := tokenInput(new(scratch), kindToken, c.id, kind, value)
	pair(b, "index/token/prf", func() { must(ring.Token(c.id, kind, value)) }, func() { must(ring.index.prfs[0].ComputePRF(in, tokenSize)) })
}

func must2[A, B any](a A, b B, err error) (A, B, error) {
	if err != nil {
		panic(err)
	}
	return a, b, nil
}
