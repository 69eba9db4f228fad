package gdpr_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

func zzPart(i int, mark []byte) (storage.Subject, storage.Part) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	subject := storage.NewID()
	p := storage.Part{PartRef: storage.PartRef{Bucket: subject.Bucket(), Record: storage.NewRecordID(subject, now), Part: 1}, Rev: 1, Version: 1,
		Controller: storage.NewID(), Subject: subject, Family: "a", Purposes: []string{"a"}, Role: "controller", Class: "internal",
		Sealed: bytes.Repeat(mark, 1+i%40)}
	return storage.Subject{ID: subject, Controller: p.Controller, Rev: 1, Created: now}, p
}

func zzLeft(t *testing.T, path string, n int, mark func(int) []byte) int {
	var files []byte
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + end)
		if err == nil {
			files = append(files, content...)
		}
	}
	found := 0
	for i := range n {
		if bytes.Contains(files, mark(i)) {
			found++
		}
	}
	return found
}

// churn writes n rows, makes them larger, erases all.
func zzChurn(t *testing.T, s *sqlite.Store, n int, mark func(int) []byte, erase bool) []storage.Part {
	ctx := t.Context()
	var all []storage.Part
	for i := range n {
		sub, p := zzPart(i, mark(i))
		all = append(all, p)
		require.NoError(t, s.Apply(ctx, &storage.Batch{PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p}}))
	}
	for i := range all {
		p := all[i]
		p.Rev, p.Version, p.Sealed = 2, 2, bytes.Repeat(mark(i), 1+(i*7)%90)
		require.NoError(t, s.Apply(ctx, &storage.Batch{RevisePart: []storage.Part{p}}))
	}
	if erase {
		b := &storage.Batch{}
		for i := range all {
			b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: all[i].PartRef, Subject: all[i].Subject})
		}
		require.NoError(t, s.Apply(ctx, b))
	}
	return all
}

func TestZZScrubLogEmptiedByAnother(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "d.db")
	a, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	defer a.Close()
	keep := func(i int) []byte { return fmt.Appendf(nil, "<keep %d>", i) }
	mark := func(i int) []byte { return fmt.Appendf(nil, "<mark %d>", i) }
	zzChurn(t, a, 600, keep, false)
	require.NoError(t, a.Scrub(ctx))
	all := zzChurn(t, a, 600, mark, false)
	b := &storage.Batch{}
	for i := range all {
		if i%2 == 0 {
			b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: all[i].PartRef, Subject: all[i].Subject})
		}
	}
	require.NoError(t, a.Apply(ctx, b))
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	var x, y, z int
	require.NoError(t, db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&x, &y, &z))
	t.Log("checkpoint by a tool", x, y, z)
	require.NoError(t, a.Scrub(ctx))
	t.Log("erased marks left:", zzLeft(t, path, 300, func(i int) []byte { return mark(2 * i) }))
	db.Close()
}

func TestZZScrubTwoProcesses(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "d.db")
	a, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	defer a.Close()
	b, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	defer b.Close()
	keep := func(i int) []byte { return fmt.Appendf(nil, "<keep %d>", i) }
	mark := func(i int) []byte { return fmt.Appendf(nil, "<mark %d>", i) }
	zzChurn(t, a, 300, keep, false)
	require.NoError(t, a.Scrub(ctx))
	require.NoError(t, b.Scrub(ctx))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	n := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if a.Scrub(ctx) == nil {
				n++
			}
			time.Sleep(time.Millisecond)
		}
	})
	all := zzChurn(t, b, 1500, mark, false)
	close(stop)
	wg.Wait()
	bt := &storage.Batch{}
	for i := range all {
		if i%2 == 0 {
			bt.EraseParts = append(bt.EraseParts, storage.PartErase{PartRef: all[i].PartRef, Subject: all[i].Subject})
		}
	}
	require.NoError(t, b.Apply(ctx, bt))
	require.NoError(t, b.Scrub(ctx))
	l1 := zzLeft(t, path, 750, func(i int) []byte { return mark(2 * i) })
	require.NoError(t, a.Scrub(ctx))
	t.Log("scrubs", n, "left after b:", l1, "after a:", zzLeft(t, path, 750, func(i int) []byte { return mark(2 * i) }))
	var sound string
	require.NoError(t, a.Writer().QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&sound))
	t.Log(sound)
}
