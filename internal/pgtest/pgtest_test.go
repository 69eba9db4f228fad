package pgtest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/pgtest"
)

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	_, err := db.Exec("CREATE TABLE kunder (namn text)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO kunder VALUES ($1)", "Åsa Öberg")
	require.NoError(t, err)
}

// read reads one value as text.
func read(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var value string
	require.NoError(t, db.QueryRow(query, args...).Scan(&value))
	return value
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	one, other := open(t, pgtest.DSN(t)), open(t, pgtest.DSN(t))
	fill(t, one)
	fill(t, other)
	assert.Equal(t, "1", read(t, one, "SELECT count(*) FROM kunder"))
}

func TestDatabaseIsDropped(t *testing.T) {
	t.Parallel()
	others := open(t, pgtest.DSN(t))
	const query = "SELECT count(*) FROM pg_database WHERE datname = $1"
	var left *sql.DB
	var name string
	t.Run("with a session open", func(t *testing.T) {
		var err error
		left, err = sql.Open("postgres", pgtest.DSN(t))
		require.NoError(t, err)
		name = read(t, left, "SELECT current_database()")
		assert.Equal(t, "1", read(t, others, query, name))
	})
	assert.Equal(t, "0", read(t, others, query, name))
	assert.Error(t, left.Ping())
	assert.NoError(t, left.Close())
}

// A database sorts by the rules of a language, and its server keeps the time of a place: tests do not pass by luck.
func TestNothingIsGivenByLuck(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.New(t, nil).DSN("postgres"))
	assert.Equal(t, "true", read(t, db, "SELECT 'å' < 'ä' AND 'a' < 'B' AND 'z' < 'å'"))
	assert.Equal(t, "Europe/Stockholm", read(t, db, "SHOW timezone"))
}

func TestServerOfSomebodyElse(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, nil)
	admin := open(t, server.DSN("postgres"))
	_, err := admin.Exec("CREATE ROLE visitor LOGIN")
	require.NoError(t, err)

	// run runs a test of this package as a test binary of its own.
	run := func() (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDatabasesAreApart$")
		cmd.Env = append(os.Environ(), "GALLRA_TEST_POSTGRES="+server.DSN("postgres", "user=visitor"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	require.Error(t, err)
	assert.Contains(t, out, "permission denied to create database")

	_, err = admin.Exec("ALTER ROLE visitor CREATEDB")
	require.NoError(t, err)
	out, err = run()
	require.NoError(t, err, out)
	assert.Equal(t, "3", read(t, admin, "SELECT count(*) FROM pg_database"), "no test database is left")
}

// A recorder is a test of which one sees how it ended.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Skip(args ...any)  { r.said = append(r.said, "skip: "+fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any) { r.said = append(r.said, "fail: "+fmt.Sprint(args...)) }

func TestWant(t *testing.T) {
	missing := fmt.Errorf("Postgres is %w", pgtest.ErrMissing)
	other := errors.New("the disk is full")
	for _, c := range []struct {
		require, server string
		err             error
		want            string
	}{
		{"", "", missing, "skip: Postgres is not installed"},
		{"1", "", missing, "fail: Postgres is not installed"},
		{"1", "postgres://server.example", missing, "skip: Postgres is not installed"},
		{"", "", other, "fail: the disk is full"},
		{"1", "", other, "fail: the disk is full"},
		{"", "postgres://server.example", other, "fail: the disk is full"},
	} {
		t.Setenv("GALLRA_REQUIRE", c.require)
		t.Setenv("GALLRA_TEST_POSTGRES", c.server)
		r := &recorder{TB: t}
		pgtest.Fail(r, c.err)
		assert.Equal(t, c.want, r.said[0], "%+v", c)
	}
}
