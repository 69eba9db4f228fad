package faultsql_test

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/gallra/gallra/internal/faultsql"
)

func open(t *testing.T, path string) (*faultsql.Faults, *sql.DB) {
	t.Helper()
	connector, err := sqlite.NewConnector(path)
	require.NoError(t, err)
	faults := faultsql.New(connector)
	db := sql.OpenDB(faults)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS t (n INTEGER)`)
	require.NoError(t, err)
	return faults, db
}

// add is one transaction of four calls: begin, prepare, exec, commit.
func add(db *sql.DB) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	st, err := tx.Prepare(`INSERT INTO t VALUES (?)`)
	if err != nil {
		return err
	}
	if _, err := st.Exec(1); err != nil {
		return err
	}
	return tx.Commit()
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM t`).Scan(&n))
	return n
}

func TestEachCall(t *testing.T) {
	t.Parallel()
	faults, db := open(t, filepath.Join(t.TempDir(), "a.db"))
	want := []faultsql.Op{faultsql.Begin, faultsql.Prepare, faultsql.Exec, faultsql.Commit}
	start := faults.Calls()
	require.NoError(t, add(db))
	require.Equal(t, want, faults.Log()[start:])
	stored := 1
	for i, op := range want {
		for _, mode := range []faultsql.Mode{faultsql.Before, faultsql.After} {
			require.NoError(t, db.Ping())
			faults.At(faults.Calls()+i+1, mode)
			require.ErrorIs(t, add(db), faultsql.ErrInjected, "%s", op)
			if op == faultsql.Commit && mode == faultsql.After {
				stored++ // an error, and yet it is there
			}
			assert.Equal(t, stored, count(t, db), "%s, mode %d", op, mode)
			require.NoError(t, add(db), "the next connection works")
			stored++
		}
	}
}

func TestQueryAndConnect(t *testing.T) {
	t.Parallel()
	faults, db := open(t, filepath.Join(t.TempDir(), "a.db"))
	var n int
	faults.At(faults.Calls()+1, faultsql.Before)
	require.ErrorIs(t, db.QueryRow(`SELECT COUNT(*) FROM t`).Scan(&n), faultsql.ErrInjected)
	for _, mode := range []faultsql.Mode{faultsql.Before, faultsql.After} {
		db.SetMaxIdleConns(0) // the next call connects
		faults.At(faults.Calls()+1, mode)
		require.ErrorIs(t, db.Ping(), faultsql.ErrInjected)
	}
	faults.At(faults.Calls()+1, faultsql.None)
	assert.Zero(t, count(t, db))
}

// TestKill runs itself as a child, which dies at its commit.
func TestKill(t *testing.T) {
	if path := os.Getenv("FAULTSQL_CHILD"); path != "" {
		faults, db := open(t, path)
		require.NoError(t, add(db))
		faults.At(faults.Calls()+4, faultsql.Kill)
		_ = add(db)
		t.Fatal("outlived its death")
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "FAULTSQL_CHILD="+path)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", out)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, syscall.SIGKILL, status.Signal(), "%s", out)
	_, db := open(t, path)
	assert.Equal(t, 1, count(t, db))
}
