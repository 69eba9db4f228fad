package sqlite_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// benchBatch is n new parts, one for each of n new subjects, as the engine writes them: with two find-by rows and a key each.
func benchBatch(n int, keys bool) *storage.Batch {
	b := &storage.Batch{}
	controller := storage.NewID()
	sealed := make([]byte, 256)
	for range n {
		sub := storage.NewID()
		ref := storage.PartRef{Bucket: sub.Bucket(), Record: storage.NewRecordID(sub, time.Now()), Part: 1}
		b.PutParts = append(b.PutParts, storage.Part{
			PartRef: ref, Rev: 1, Version: 1, Controller: controller, Subject: sub, Family: "inquiry", Purposes: []string{"inquiry"},
			Role: "controller", Class: "customer-data", Due: time.Unix(1_800_000_000+rand.Int64N(1e6), 0), Facts: []byte(`{"collected":"2026-06-19"}`), Sealed: sealed,
		})
		for _, kind := range []string{"user.name", "user.contact.email"} {
			token := storage.NewID()
			b.PutIndex = append(b.PutIndex, storage.IndexRow{Subject: sub, Record: ref.Record, Part: 1, Kind: kind, Token: token[:], Controller: controller})
		}
		if keys {
			b.Keys.PutParts = append(b.Keys.PutParts, storage.PartKey{PartKeyRef: storage.PartKeyRef{PartRef: ref, Version: 1}, Wrapped: make([]byte, 65)})
		}
	}
	return b
}

func benchStore(b *testing.B) (*sqlite.Store, string) {
	path := filepath.Join(b.TempDir(), "bench.db")
	s, err := sqlite.Open(context.Background(), path, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close() })
	return s, path
}

func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkPutParts(b *testing.B) {
	const n = 1000
	for _, keys := range []bool{true, false} {
		b.Run(map[bool]string{true: "keys", false: "no keys"}[keys], func(b *testing.B) {
			s, _ := benchStore(b)
			for b.Loop() {
				b.StopTimer()
				batch := benchBatch(n, keys)
				b.StartTimer()
				require.NoError(b, s.Apply(context.Background(), batch))
			}
			perRow(b, n)
		})
	}
	b.Run("plain inserts", func(b *testing.B) { // the same rows without keys, by hand
		_, path := benchStore(b)
		db, err := sql.Open("sqlite", sqlite.DSN(path))
		require.NoError(b, err)
		db.SetMaxOpenConns(1)
		b.Cleanup(func() { _ = db.Close() })
		part, err := db.Prepare(`INSERT INTO gallra_parts (bucket, record, part, rev, version, controller, subject, family, purposes, role, class,
			hangs, due, held, restricted, labels, facts, sealed) VALUES (?, ?, ?, 1, 1, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, '', ?, ?)`)
		require.NoError(b, err)
		index, err := db.Prepare(`INSERT INTO gallra_index (bucket, subject, record, part, kind, token, controller) VALUES (?, ?, ?, ?, ?, ?, ?)`)
		require.NoError(b, err)
		for b.Loop() {
			b.StopTimer()
			batch := benchBatch(n, false)
			b.StartTimer()
			tx, err := db.Begin()
			require.NoError(b, err)
			part, index := tx.Stmt(part), tx.Stmt(index)
			for _, p := range batch.PutParts {
				_, err := part.Exec(p.Bucket, p.Record[:], p.Part, p.Controller[:], p.Subject[:], p.Family, p.Purposes[0], p.Role, p.Class, p.Due.UnixMicro(), p.Facts, p.Sealed)
				require.NoError(b, err)
			}
			for _, r := range batch.PutIndex {
				_, err := index.Exec(r.Subject.Bucket(), r.Subject[:], r.Record[:], r.Part, r.Kind, r.Token, r.Controller[:])
				require.NoError(b, err)
			}
			require.NoError(b, tx.Commit())
		}
		perRow(b, n)
	})
}

// BenchmarkErase erases the due parts of a store of 100,000, 5,000 a batch, with their index rows and keys.
func BenchmarkErase(b *testing.B) {
	const n = 5000
	ctx := context.Background()
	s, _ := benchStore(b)
	for range 100 {
		require.NoError(b, s.Apply(ctx, benchBatch(1000, true)))
	}
	for b.Loop() {
		b.StopTimer()
		for range n / 1000 {
			require.NoError(b, s.Apply(ctx, benchBatch(1000, true)))
		}
		due, err := s.Due(ctx, storage.DueQuery{Before: time.Unix(2e9, 0), Light: true, Limit: n})
		require.NoError(b, err)
		batch := &storage.Batch{}
		for _, p := range due {
			batch.EraseParts = append(batch.EraseParts, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject, Rev: p.Rev})
			batch.Keys.DestroyAllOf = append(batch.Keys.DestroyAllOf, p.PartRef)
		}
		b.StartTimer()
		require.NoError(b, s.Apply(ctx, batch))
	}
	perRow(b, n)
}
