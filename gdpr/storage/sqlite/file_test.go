package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/faultsql"
)

func marked(n int) (*storage.Batch, []storage.PartErase) {
	b := &storage.Batch{}
	var gone []storage.PartErase
	for range n {
		sub := storage.NewID()
		p := storage.Part{
			PartRef: storage.PartRef{Bucket: sub.Bucket(), Record: storage.NewRecordID(sub, time.Now()), Part: 1},
			Rev:     1, Version: 1, Subject: sub, Family: "a", Sealed: bytes.Repeat([]byte("OUTPLÅNAS"), 40),
		}
		b.PutParts = append(b.PutParts, p)
		b.PutIndex = append(b.PutIndex, storage.IndexRow{Subject: sub, Record: p.Record, Part: 1, Kind: "k", Token: []byte("OUTPLÅNAS-token")})
		b.Keys.PutParts = append(b.Keys.PutParts, storage.PartKey{PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: 1}, Wrapped: []byte("OUTPLÅNAS-key")})
		gone = append(gone, storage.PartErase{PartRef: p.PartRef, Subject: sub})
	}
	return b, gone
}

func eraseMarked(t *testing.T, s storage.Store, gone []storage.PartErase) {
	t.Helper()
	b := &storage.Batch{EraseParts: gone}
	for _, e := range gone {
		b.Keys.DestroyAllOf = append(b.Keys.DestroyAllOf, e.PartRef)
	}
	require.NoError(t, s.Apply(context.Background(), b))
}

// residue counts what is left of erased rows in all files of a store.
func residue(t *testing.T, path string) (n int) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		n += bytes.Count(content, []byte("OUTPLÅNAS"))
	}
	return n
}

func TestFile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "åäö 100% #1?.db")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	b, _ := marked(3)
	require.NoError(t, s.Apply(ctx, b))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	require.NoError(t, s.Close())
	s, err = sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	n, err := s.Count(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 3, n)
	require.NoError(t, s.Close())

	for _, bad := range []string{"", ":memory:", "file:a.db", filepath.Join(t.TempDir(), "missing", "a.db")} {
		_, err := sqlite.Open(ctx, bad, nil)
		require.Error(t, err, bad)
	}
}

func TestOpenTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := sqlite.Open(context.Background(), path, nil)
			if !assert.NoError(t, err) {
				return
			}
			b, _ := marked(5)
			assert.NoError(t, s.Apply(context.Background(), b))
			assert.NoError(t, s.Close())
		})
	}
	wg.Wait()
	s, err := sqlite.Open(context.Background(), path, nil)
	require.NoError(t, err)
	n, err := s.Count(context.Background())
	require.NoError(t, err)
	assert.EqualValues(t, 20, n)
	require.NoError(t, s.Close())
}

func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	_, err := sqlite.Open(ctx, path, &sqlite.Options{KeepSchema: true})
	require.ErrorIs(t, err, storage.ErrSchemaOutdated)
	assert.ErrorContains(t, err, "run its migrations")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	_, err = s.Writer().ExecContext(ctx, "CREATE TABLE tickets (id INTEGER)") // of the host, beside ours
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = sqlite.Open(ctx, path, &sqlite.Options{KeepSchema: true})
	require.NoError(t, err)
	var others int
	require.NoError(t, s.Writer().QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema
		WHERE tbl_name NOT LIKE 'gallra\_%' ESCAPE '\' AND tbl_name NOT IN ('tickets', 'sqlite_sequence')`).Scan(&others))
	assert.Zero(t, others, "every table of ours has the prefix")
	_, err = s.Writer().ExecContext(ctx, "INSERT INTO "+sqlite.VersionTable+" (version_id, is_applied) VALUES (9999, 1)")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = sqlite.Open(ctx, path, nil)
	require.ErrorIs(t, err, storage.ErrSchemaOutdated)
	assert.ErrorContains(t, err, "update the library")
}

func TestOpenDB(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	for _, dsn := range []string{
		path,
		path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=secure_delete(1)",
		path + "?_pragma=journal_mode(WAL)&_pragma=secure_delete(0)",
	} {
		db, err := sql.Open("sqlite", dsn)
		require.NoError(t, err)
		_, err = sqlite.OpenDB(ctx, db, nil)
		require.ErrorContains(t, err, "DSN", dsn)
		require.NoError(t, db.Close())
	}
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	s, err := sqlite.OpenDB(ctx, db, nil)
	require.NoError(t, err)
	b, gone := marked(10)
	require.NoError(t, s.Apply(ctx, b))
	eraseMarked(t, s, gone)
	require.NoError(t, s.Scrub(ctx))
	require.NoError(t, s.Close())
	require.NoError(t, db.Ping(), "the caller's connections stay open")
	require.NoError(t, db.Close())
}

func TestScrub(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	b, gone := marked(500)
	require.NoError(t, s.Apply(ctx, b))
	require.NoError(t, s.Scrub(ctx))
	require.NotZero(t, residue(t, path), "the test finds what is there")
	eraseMarked(t, s, gone)
	require.NotZero(t, residue(t, path), "the main file still has it")

	// A reader of the old state, as a backup would be.
	db, err := sql.Open("sqlite", sqlite.DSN(path)+"&_pragma=query_only(1)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRow("SELECT COUNT(*) FROM gallra_parts").Scan(&n))
	other, _ := marked(1) // a change that the reader does not see
	other.PutParts[0].Sealed, other.PutIndex, other.Keys.PutParts = []byte("x"), nil, nil
	require.NoError(t, s.Apply(ctx, other))
	require.ErrorIs(t, s.Scrub(ctx), storage.ErrBusy)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Scrub(short), context.DeadlineExceeded)
	require.NoError(t, tx.Rollback())
	require.NoError(t, s.Scrub(ctx))
	assert.Zero(t, residue(t, path))
	count, err := s.Count(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, count)
}

// TestResidueOfCrash copies a store's files while it is open: that is what a crash leaves.
func TestResidueOfCrash(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	s, err := sqlite.Open(ctx, path, nil)
	require.NoError(t, err)
	b, gone := marked(100)
	require.NoError(t, s.Apply(ctx, b))
	eraseMarked(t, s, gone)
	crashed := filepath.Join(dir, "b.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(crashed+suffix, content, 0o600))
	}
	require.NoError(t, s.Close())
	require.NotZero(t, residue(t, crashed))
	s, err = sqlite.Open(ctx, crashed, nil)
	require.NoError(t, err)
	assert.Zero(t, residue(t, crashed))
	n, err := s.Count(ctx)
	require.NoError(t, err)
	assert.Zero(t, n)
	require.NoError(t, s.Close())
}

// TestWaitEnds: another process holds the file's lock, and the caller's patience ends first.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := sqlite.Open(context.Background(), path, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.Begin()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	b, _ := marked(1)
	start := time.Now()
	require.ErrorIs(t, s.Apply(ctx, b), context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 3*time.Second)
	_, err = s.Count(context.Background())
	require.NoError(t, err, "readers do not wait for writers")
	require.NoError(t, tx.Rollback())
	require.NoError(t, s.Apply(context.Background(), b))
}

// TestFaults cuts a batch short at each of its calls: it is there as a whole or not at all, and the error says what is known.
func TestFaults(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	connector, err := modernc.NewConnector(sqlite.DSN(filepath.Join(t.TempDir(), "a.db")))
	require.NoError(t, err)
	faults := faultsql.New(connector)
	db := sql.OpenDB(faults)
	defer func() { require.NoError(t, db.Close()) }()
	s, err := sqlite.OpenDB(ctx, db, nil)
	require.NoError(t, err)
	warm, _ := marked(2)
	require.NoError(t, s.Apply(ctx, warm)) // prepares the statements
	warm, _ = marked(2)
	require.NoError(t, s.Apply(ctx, warm))
	stored := int64(4)
	unknown := 0
	for _, mode := range []faultsql.Mode{faultsql.Before, faultsql.After} {
		for n := 1; ; n++ {
			b, _ := marked(2)
			start := faults.Calls()
			faults.At(start+n, mode)
			err := s.Apply(ctx, b)
			calls := faults.Log()[start:]
			faults.At(0, faultsql.None)
			got, countErr := s.Count(ctx)
			require.NoError(t, countErr)
			if err == nil {
				require.Equal(t, stored+2, got)
				stored = got
				break // the batch has fewer calls
			}
			require.ErrorIs(t, err, faultsql.ErrInjected)
			atCommit := calls[n-1] == faultsql.Commit
			require.Equal(t, atCommit, errors.Is(err, storage.ErrOutcomeUnknown), "%v", calls)
			if atCommit {
				unknown++
			}
			if atCommit && mode == faultsql.After {
				stored += 2
			}
			require.Equal(t, stored, got, "mode %d, calls %v", mode, calls)
		}
	}
	assert.Equal(t, 2, unknown)
}
