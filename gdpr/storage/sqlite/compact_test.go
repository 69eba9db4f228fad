package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// TestCompactLeavesNoByte: rows of many sizes, so that pages split, of which every second is erased. After Compact no byte of those is in the
// files, and the others are whole.
func TestCompactLeavesNoByte(t *testing.T) {
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
	b := &storage.Batch{}
	for i := 0; i < n; i += 2 {
		b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: all[i].PartRef, Subject: all[i].Subject})
	}
	require.NoError(t, s.Apply(ctx, b))
	require.NoError(t, s.Compact(ctx))

	var files []byte
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + end)
		require.NoError(t, err)
		files = append(files, content...)
	}
	for i := range n {
		require.Equal(t, i%2 == 1, bytes.Contains(files, mark(i)), "row %d", i)
	}
	left, err := s.Count(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n/2, left)
}
