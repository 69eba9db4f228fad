package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	_ "github.com/gallra/gallra/internal/seeded"
)

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func open(t *testing.T) storage.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "rader.journal"))
}

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open)
}

// TestModel holds a journal against memory that is read anew, as after a crash, again and again.
func TestModel(t *testing.T) {
	t.Parallel()
	storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, func(t *testing.T) storage.Store {
		path := filepath.Join(t.TempDir(), "rader.journal")
		return &crashing{openAt(t, path), path, 0}
	})
}

// crashing is left open and opened again before every third batch.
type crashing struct {
	*Store
	path string
	n    int
}

func (c *crashing) Apply(ctx context.Context, b *storage.Batch) error {
	if c.n++; c.n%3 == 0 {
		next, err := Open(c.path)
		if err != nil {
			return err
		}
		if err := c.Store.Close(); err != nil {
			return err
		}
		c.Store = next
	}
	return c.Store.Apply(ctx, b)
}

// TestWithFaults breaks each call to the file.
func TestWithFaults(t *testing.T) {
	t.Parallel()
	storagetest.RunWithFaults(t, func(t *testing.T) (storage.Store, *storagetest.Faults) {
		s := openAt(t, filepath.Join(t.TempDir(), "rader.journal"))
		faults := storagetest.Break(nil)
		s.file = breaking{s.file, faults}
		return s, faults
	})
}

// breaking makes calls to a file by way of faults. What decides is that the disk has it.
type breaking struct {
	file
	faults *storagetest.Faults
}

func (b breaking) Write(p []byte) (n int, err error) {
	err = b.faults.Do("write", func() error { n, err = b.file.Write(p); return err })
	return n, err
}

func (b breaking) Sync() error { return b.faults.Do(storagetest.Commit, b.file.Sync) }

func (b breaking) Truncate(size int64) error {
	return b.faults.Do("truncate", func() error { return b.file.Truncate(size) })
}

func subjects(n int) (rows []storage.Subject) {
	for range n {
		rows = append(rows, storage.Subject{ID: storage.NewID(), Rev: 1, Created: time.Date(2026, 6, 19, 7, 30, 0, 0, time.UTC)})
	}
	return rows
}

func put(t *testing.T, s *Store, rows ...storage.Subject) {
	t.Helper()
	require.NoError(t, s.Apply(t.Context(), &storage.Batch{PutSubjects: rows}))
}

func has(t *testing.T, s *Store, row storage.Subject) bool {
	t.Helper()
	got, err := s.Subject(t.Context(), row.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return false
	}
	require.NoError(t, err)
	require.Equal(t, row, got)
	return true
}

// TestTornTail cuts the last line at each of its bytes.
func TestTornTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "hel.journal")
	s := openAt(t, path)
	rows := subjects(2)
	put(t, s, rows[0])
	one := s.size
	put(t, s, rows[1])
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, whole, int(s.size))
	for cut := one; cut <= s.size; cut++ {
		path := filepath.Join(dir, "avbruten.journal")
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		torn, err := Open(path)
		require.NoError(t, err)
		require.True(t, has(t, torn, rows[0]))
		require.Equal(t, cut == s.size, has(t, torn, rows[1]), "cut at %d of %d", cut, s.size)
		third := subjects(1)[0]
		put(t, torn, third)
		require.NoError(t, torn.Close())
		torn, err = Open(path)
		require.NoError(t, err)
		require.True(t, has(t, torn, third), "what was written after it is whole")
		require.NoError(t, torn.Close())
	}
}

// TestDamage turns a bit of each byte. A crash does not do that, so nothing is dropped, but where the very end seems to be missing.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rader.journal")
	s := openAt(t, path)
	rows := subjects(2)
	put(t, s, rows[0])
	put(t, s, rows[1])
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 2
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		s, err := Open(path)
		if i < len(whole)-1 {
			require.ErrorContains(t, err, "open journal: damaged at byte", "byte %d", i)
			continue
		}
		require.NoError(t, err)
		require.True(t, has(t, s, rows[0]))
		require.False(t, has(t, s, rows[1]))
		require.NoError(t, s.Close())
	}
}

// dead is a file whose disk has gone.
type dead struct{ file }

var errDead = errors.New("input/output error")

func (dead) Sync() error          { return errDead }
func (dead) Truncate(int64) error { return errDead }

func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rader.journal")
	s := openAt(t, path)
	row := subjects(1)[0]
	s.file = dead{s.file}
	err := s.Apply(t.Context(), &storage.Batch{PutSubjects: []storage.Subject{row}})
	require.ErrorIs(t, err, storage.ErrOutcomeUnknown)
	require.ErrorIs(t, err, errDead)
	_, err = s.Subject(t.Context(), row.ID)
	require.ErrorIs(t, err, storage.ErrClosed, "nobody is told what may turn out wrong")
	require.ErrorIs(t, s.Apply(t.Context(), &storage.Batch{}), storage.ErrClosed)
	assert.True(t, has(t, openAt(t, path), row), "here it was stored")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	_, err := Open(filepath.Join(t.TempDir(), "saknas", "rader.journal"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "rader.journal")
	require.NoError(t, openAt(t, path).Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
