package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
)

// TestTogether has two pools of connections on one file, as two processes have them.
func TestTogether(t *testing.T) {
	t.Parallel()
	storagetest.RunTogether(t, func(t *testing.T) (a, b storage.Store) {
		path := filepath.Join(t.TempDir(), "gallra.db")
		a, err := sqlite.Open(context.Background(), path, nil)
		require.NoError(t, err)
		b, err = sqlite.Open(context.Background(), path, nil)
		require.NoError(t, err)
		return a, b
	})
}

func TestWithFaults(t *testing.T) {
	t.Parallel()
	storagetest.RunWithFaults(t, func(t *testing.T) (storage.Store, *storagetest.Faults) {
		connector, err := modernc.NewConnector(sqlite.DSN(filepath.Join(t.TempDir(), "gallra.db")))
		require.NoError(t, err)
		faults := storagetest.Break(connector)
		db := sql.OpenDB(faults)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		s, err := sqlite.OpenDB(context.Background(), db, nil)
		require.NoError(t, err)
		return s, faults
	}, overtaken(t))
}

// overtaken is the error by which SQLite asks to try again: somebody wrote after this transaction began to read.
func overtaken(t *testing.T) error {
	t.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db")+"?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(ctx, "CREATE TABLE t (n INTEGER)")
	require.NoError(t, err)
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	var n int
	require.NoError(t, tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM t").Scan(&n))
	_, err = db.ExecContext(ctx, "INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "INSERT INTO t VALUES (2)")
	var busy *modernc.Error
	require.ErrorAs(t, err, &busy)
	require.Equal(t, lib.SQLITE_BUSY_SNAPSHOT, busy.Code())
	return err
}

func TestWithFiles(t *testing.T) {
	t.Parallel()
	storagetest.RunWithFiles(t, func(t *testing.T, dir string) storage.Store {
		s, err := sqlite.Open(context.Background(), filepath.Join(dir, "gallra.db"), nil)
		require.NoError(t, err)
		return s
	})
}
