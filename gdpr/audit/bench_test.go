package audit

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// Target: 2 µs for an entry of one object, MAC included.
func BenchmarkAdd(b *testing.B) {
	for _, objects := range []int{1, 50, 1000} {
		b.Run(map[int]string{1: "one", 50: "page", 1000: "batch"}[objects], func(b *testing.B) {
			w := NewWriter(newMAC(), 1)
			l, err := w.Take(b.Context())
			require.NoError(b, err)
			e := testEntry(1)
			for len(e.Objects) < objects {
				e.Objects = append(e.Objects, Object("record", storage.NewID()))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Add(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeEntry(b *testing.B) {
	e := testEntry(1)
	b.ReportAllocs()
	for b.Loop() {
		EncodeEntry(&e)
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	e := testEntry(1)
	body := EncodeEntry(&e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEntry(body); err != nil {
			b.Fatal(err)
		}
	}
}

func bigProof(parts int) Proof {
	p := testProof(1)
	p.Parts = nil
	for i := range parts {
		p.Parts = append(p.Parts, ErasedPart{Record: storage.NewID(), Part: 1 + i%3, Version: 1, Subject: storage.NewID()})
	}
	return p
}

// A sweep's batch: 1,000 parts in one proof.
func BenchmarkNextProof(b *testing.B) {
	p := bigProof(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NextProof(newMAC(), nil, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeProof(b *testing.B) {
	row, err := NextProof(newMAC(), nil, bigProof(1000))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeProof(row.Body); err != nil {
			b.Fatal(err)
		}
	}
}

// With the fsync, which is nearly all of it.
func BenchmarkLedgerAppend(b *testing.B) {
	l, err := OpenLedger(filepath.Join(b.TempDir(), "ledger"), storeID, generation)
	require.NoError(b, err)
	defer l.Close()
	p := bigProof(1000)
	var last *storage.Proof
	b.ReportAllocs()
	for b.Loop() {
		row, err := NextProof(newMAC(), last, p)
		require.NoError(b, err)
		require.NoError(b, l.Append(b.Context(), row))
		last = &row
	}
}

// Sealing goes through all earlier segments: what 10,000 of them cost.
func BenchmarkReadSegments(b *testing.B) {
	r := &rows{}
	var done sealed
	lane := storage.NewID()
	for n := range uint64(10000) {
		seg := segment{N: n + 1, At: start, From: 4 * n, Size: 4*n + 4, Lanes: []span{{lane, 4*n + 1, 4*n + 4}}, Checkpoint: string(make([]byte, 300))}
		for range 15 {
			seg.Frontier = append(seg.Frontier, make([]byte, 32))
		}
		r.segments = append(r.segments, storage.Segment{N: n + 1, Body: seg.append(nil)})
	}
	b.ReportAllocs()
	for b.Loop() {
		done = sealed{}
		for _, row := range r.segments {
			if _, err := done.next(row); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// Per entry, in segments of 100.
func BenchmarkVerify(b *testing.B) {
	r := &indexed{rows: &rows{}}
	w := NewWriter(newMAC(), 1)
	for range 20 {
		for i := range 100 {
			l, _ := w.Take(b.Context())
			e, err := l.Add(testEntry(i))
			require.NoError(b, err)
			r.entries = append(r.entries, e)
			l.Done()
		}
		seg, err := Seal(b.Context(), r, newMAC(), newSigner(), storeID, start.Add(time.Hour))
		require.NoError(b, err)
		r.segments = append(r.segments, *seg)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(b.Context(), r, newMAC(), newSigner().PublicKey(), storeID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(r.entries)), "ns/entry")
}
