package pgtest_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/pgtest"
)

// Who has the address has the server.
func TestAddressIsEnough(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	dsn := func() string {
		c, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: dir})
		require.NoError(t, err)
		return c.DSN("postgres") // it stops with this binary
	}()
	db := open(t, dsn)
	for range 50 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
		require.NoError(t, db.Ping())
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	fast := pgtest.New(t, &pgtest.Options{Settings: map[string]string{"application_name": "Åsas prov", "max_connections": "20"}})
	safe := pgtest.New(t, &pgtest.Options{Durable: true})
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		assert.Equal(t, "off", read(t, open(t, fast.DSN("postgres")), "SHOW "+name))
		assert.Equal(t, "on", read(t, open(t, safe.DSN("postgres")), "SHOW "+name))
	}
	assert.Equal(t, "20", read(t, open(t, fast.DSN("postgres")), "SHOW max_connections"))
	assert.Equal(t, "200", read(t, open(t, safe.DSN("postgres")), "SHOW max_connections"))
}

func TestBadSetting(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	_, err := pgtest.Start(t.Context(), &pgtest.Options{Dir: dir, Settings: map[string]string{"no_such_setting": "it's"}})
	require.ErrorContains(t, err, "no_such_setting")
	assert.Empty(t, within(t, dir))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	require.NoError(t, c.CreateDatabase(t.Context(), "Ärenden & kunder"))
	db := open(t, c.DSN("Ärenden & kunder"))
	assert.Equal(t, "Ärenden & kunder", read(t, db, "SELECT current_database()"))
	_, err := db.Exec("CREATE ROLE anna LOGIN")
	require.NoError(t, err)
	assert.Equal(t, "anna", read(t, open(t, c.DSN("postgres", "user=anna")), "SELECT current_user"))
	assert.Equal(t, "prov", read(t, open(t, c.DSN("postgres", "application_name=prov")), "SHOW application_name"))
	u, err := url.Parse(c.DSN("postgres"))
	require.NoError(t, err)
	socket := open(t, "host="+c.Socket()+" port="+u.Port()+" user=postgres dbname=postgres sslmode=disable")
	assert.Equal(t, "true", read(t, socket, "SELECT inet_server_addr() IS NULL"))
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	c := pgtest.New(t, &pgtest.Options{Durable: true, Dir: dir})
	db := open(t, c.DSN("postgres"))
	fill(t, db)

	// A session that is busy does not notice by itself that its server is gone.
	busy := make(chan error, 1)
	go func() {
		_, err := db.Exec("SELECT count(*) FROM generate_series(1, 10000000000)")
		busy <- err
	}()
	require.Eventually(t, func() bool {
		return read(t, db, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()") == "1"
	}, time.Minute, time.Millisecond)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("DELETE FROM kunder")
	require.NoError(t, err)

	require.NoError(t, c.Kill())
	assert.Empty(t, processes(t, c.Dir()))
	require.Error(t, tx.Commit())
	require.Error(t, <-busy)
	require.Error(t, db.Ping())
	require.NoError(t, c.Kill(), "nothing to kill")

	require.NoError(t, c.Restart(t.Context()))
	assert.Equal(t, "Åsa Öberg", read(t, db, "SELECT namn FROM kunder"), "at the old address")
	require.NoError(t, c.Kill())
	require.NoError(t, c.Stop())
	assert.Empty(t, within(t, dir))
	require.ErrorContains(t, c.Restart(t.Context()), "was stopped")
}

func TestKilledServerLeavesNoMemory(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	text, err := os.ReadFile(filepath.Join(c.Dir(), "postmaster.pid"))
	require.NoError(t, err)
	segment := strings.Fields(strings.Split(string(text), "\n")[6])[1]
	if _, err := os.Stat("/proc/sysvipc/shm"); err == nil {
		assert.Contains(t, segments(t), segment)
	}
	require.NoError(t, c.Kill())
	require.NoError(t, c.Stop())
	assert.NotContains(t, segments(t), segment)
}

// segments returns the ids of the System V memory segments, where the system lists them.
func segments(t *testing.T) (ids []string) {
	t.Helper()
	text, _ := os.ReadFile("/proc/sysvipc/shm")
	for line := range strings.Lines(string(text)) {
		ids = append(ids, strings.Fields(line)[1])
	}
	return ids
}

func TestShutdownAndRestart(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	db := open(t, c.DSN("postgres"))
	fill(t, db)
	require.NoError(t, c.Shutdown(t.Context()))
	assert.FileExists(t, filepath.Join(c.Dir(), "PG_VERSION"))

	// Somebody takes the port meanwhile, and gives it back after the first try.
	u, err := url.Parse(c.DSN("postgres"))
	require.NoError(t, err)
	thief, err := net.Listen("tcp4", u.Host)
	require.NoError(t, err)
	tried := func() bool {
		log, err := os.ReadFile(filepath.Join(filepath.Dir(c.Dir()), "log"))
		require.NoError(t, err)
		return strings.Contains(string(log), "Address already in use")
	}
	require.False(t, tried())
	gave := make(chan bool)
	go func() {
		defer close(gave)
		for !tried() {
			time.Sleep(time.Millisecond)
		}
		thief.Close()
	}()
	require.NoError(t, c.Restart(t.Context()))
	<-gave
	assert.Equal(t, "Åsa Öberg", read(t, db, "SELECT namn FROM kunder"))

	require.NoError(t, c.Restart(t.Context()), "while it runs")
	assert.Equal(t, "Åsa Öberg", read(t, db, "SELECT namn FROM kunder"))
}

func TestReplica(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	c := pgtest.New(t, &pgtest.Options{Dir: dir, Settings: map[string]string{"wal_writer_delay": "10s"}})
	r, err := c.Replica(t.Context())
	require.NoError(t, err)
	primary, replica := open(t, c.DSN("postgres")), open(t, r.DSN("postgres"))
	fill(t, primary)
	for n := range 20 {
		require.NoError(t, r.CatchUp(t.Context()))
		assert.Equal(t, strconv.Itoa(n+1), read(t, replica, "SELECT count(*) FROM kunder"))
		_, err = primary.Exec("INSERT INTO kunder VALUES ($1)", "Åke Ängström")
		require.NoError(t, err)
	}
	_, err = replica.Exec("DELETE FROM kunder")
	require.ErrorContains(t, err, "read-only")

	require.ErrorContains(t, c.CatchUp(t.Context()), "not a replica")
	require.NoError(t, c.Stop())
	assert.Empty(t, within(t, dir))
	_, err = c.Replica(t.Context())
	require.ErrorContains(t, err, "does not run")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, &pgtest.Options{TLS: true})
	const query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
	assert.Equal(t, "true", read(t, open(t, c.DSN("postgres", "sslmode=require")), query))
	assert.Equal(t, "true", read(t, open(t, c.DSN("postgres", "sslmode=verify-full", "sslrootcert="+c.Certificate())), query))
	assert.Equal(t, "false", read(t, open(t, c.DSN("postgres")), query))
	plain := pgtest.New(t, nil)
	require.ErrorContains(t, open(t, plain.DSN("postgres", "sslmode=require")).Ping(), "SSL is not enabled")
}

func TestBouncer(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	dsn := pgtest.Bouncer(t, c)
	one, other := open(t, dsn("postgres", "binary_parameters=yes")), open(t, dsn("postgres", "binary_parameters=yes"))
	fill(t, one)
	assert.Equal(t, "Åsa Öberg", read(t, other, "SELECT namn FROM kunder"))

	// Two transactions at once need two connections.
	first, err := one.Begin()
	require.NoError(t, err)
	second, err := other.Begin()
	require.NoError(t, err)
	var a, b string
	require.NoError(t, first.QueryRow("SELECT pg_backend_pid()").Scan(&a))
	require.NoError(t, second.QueryRow("SELECT pg_backend_pid()").Scan(&b))
	require.NotEqual(t, a, b)
	require.NoError(t, first.Commit())
	require.NoError(t, second.Commit())

	// From now on a client that has one connection to PgBouncer meets both.
	one.SetMaxOpenConns(1)
	met := map[string]bool{}
	for range 4 {
		met[read(t, one, "SELECT pg_backend_pid()")] = true
	}
	assert.Equal(t, map[string]bool{a: true, b: true}, met)
}
