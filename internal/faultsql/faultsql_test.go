package faultsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
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

// state is an error as a database gives it.
type state string

func (s state) Error() string    { return "of the database: " + string(s) }
func (s state) SQLState() string { return string(s) }

// TestRefuse: the database's own error ends the transaction, not the connection.
func TestRefuse(t *testing.T) {
	t.Parallel()
	faults, db := open(t, filepath.Join(t.TempDir(), "a.db"))
	db.SetMaxOpenConns(1)
	require.NoError(t, add(db))
	connects := func() (n int) {
		for _, op := range faults.Log() {
			if op == faultsql.Connect {
				n++
			}
		}
		return n
	}
	before := connects()
	for i := range 4 {
		faults.Refuse(faults.Calls()+i+1, state("40001"))
		var coded interface{ SQLState() string }
		require.ErrorAs(t, add(db), &coded)
		assert.Equal(t, "40001", coded.SQLState())
		assert.Equal(t, 1, count(t, db), "call %d", i)
	}
	assert.Equal(t, before, connects())
	require.NoError(t, add(db))
}

// TestLose: a connection that the driver calls bad makes database/sql send a statement again, though it was done.
func TestLose(t *testing.T) {
	t.Parallel()
	faults, db := open(t, filepath.Join(t.TempDir(), "a.db"))
	faults.Lose(faults.Calls()+1, faultsql.After, driver.ErrBadConn)
	_, err := db.Exec(`INSERT INTO t VALUES (1)`)
	require.NoError(t, err)
	assert.Equal(t, 2, count(t, db))
	faults.Lose(faults.Calls()+4, faultsql.After, io.ErrUnexpectedEOF)
	require.ErrorIs(t, add(db), io.ErrUnexpectedEOF)
	assert.Equal(t, 3, count(t, db))
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
