package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// TestScrubLeavesNoByte: rows of many sizes, so that pages split, of which every second is erased, half of them at a time: the first Scrub reads
// the whole file, the second what the log names. No byte of what is erased is in the files, and the others are whole.
func TestScrubLeavesNoByte(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "data.db")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })

	const n = 2000
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	mark := func(i int) []byte { return fmt.Appendf(nil, "<innehåll %d>", i) }
	var all []storage.Part
	for i := range n {
		subject := storage.NewID()
		p := storage.Part{PartRef: storage.PartRef{Bucket: subject.Bucket(), Record: storage.NewRecordID(subject, now), Part: 1}, Rev: 1, Version: 1,
			Controller: storage.NewID(), Subject: subject, Family: "ärende", Purposes: []string{"ärende"}, Role: "controller", Class: "internal",
			Sealed: bytes.Repeat(mark(i), 1+i%40)}
		all = append(all, p)
		require.NoError(t, s.Apply(ctx, &storage.Batch{PutSubjects: []storage.Subject{{ID: subject, Controller: p.Controller, Rev: 1, Created: now}},
			PutParts: []storage.Part{p}}))
	}
	for i := range all { // a larger version splits the pages
		p := all[i]
		p.Rev, p.Version, p.Sealed = 2, 2, bytes.Repeat(mark(i), 1+(i*7)%90)
		require.NoError(t, s.Apply(ctx, &storage.Batch{RevisePart: []storage.Part{p}}))
	}
	for half := range 2 {
		b := &storage.Batch{}
		for i := 2 * half; i < n; i += 4 {
			b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: all[i].PartRef, Subject: all[i].Subject})
		}
		require.NoError(t, s.Apply(ctx, b))
		require.NoError(t, s.Scrub(ctx))

		var files []byte
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + end)
			require.NoError(t, err)
			files = append(files, content...)
		}
		for i := range n {
			erased := i%4 == 0 || half == 1 && i%4 == 2
			require.Equal(t, !erased, bytes.Contains(files, mark(i)), "row %d", i)
		}
		var sound string
		require.NoError(t, s.Writer().QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&sound))
		require.Equal(t, "ok", sound)
	}
	left, err := s.Count(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n/2, left)
}

// TestScrubAfterAnother: somebody else has moved the log into the file and truncated it, so that no log names what changed.
func TestScrubAfterAnother(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "data.db")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	other, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	mark := func(i int) []byte { return fmt.Appendf(nil, "<innehåll %d>", i) }
	rows := make([]storage.IndexRow, 900)
	b := &storage.Batch{}
	for i := range rows {
		if i == 300 {
			require.NoError(t, s.Scrub(ctx))
		}
		sub := storage.Subject{ID: storage.NewID(), Controller: storage.NewID(), Rev: 1}
		rows[i] = storage.IndexRow{Subject: sub.ID, Kind: "user.contact.email", Token: mark(i), Controller: sub.Controller, Sealed: bytes.Repeat(mark(i), 1+i%5)}
		require.NoError(t, s.Apply(ctx, &storage.Batch{PutSubjects: []storage.Subject{sub}, PutIndex: rows[i : i+1]}))
		if i%3 > 0 {
			b.EraseIndex = append(b.EraseIndex, rows[i])
		}
	}
	left := func() (n int) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := range rows {
			if i%3 > 0 && bytes.Contains(content, mark(i)) {
				n++
			}
		}
		return n
	}
	require.NoError(t, s.Apply(ctx, b))
	_, err = other.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
	require.Positive(t, left(), "there is something to overwrite")
	require.NoError(t, s.Scrub(ctx))
	require.Zero(t, left())
}
