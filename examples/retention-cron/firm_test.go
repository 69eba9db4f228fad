package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/csv"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/invented"
	"github.com/gallra/gallra/internal/pgtest"
)

var (
	boss    = gdpr.Person("Åsa Ägare")
	dpo     = gdpr.Person("Örjan Dataskydd")
	clerk   = gdpr.Person("Märta Ekström")
	support = gdpr.Job("ärenden")
)

// password stands in the DSN of every Postgres store here. It reads the same in a URL.
const password = "hemligt-4711"

// firm is an application that has kept tickets for some years, and what the program needs to work on its store.
type firm struct {
	t      *testing.T
	dir    string
	data   storage.Store // as the application opens it
	keys   storage.Store // nil: with the data
	engine *gdpr.Engine
	now    time.Time // zero: the time of day
	env    map[string]string
	db     *sql.DB // the database of data, as its owner sees it
	tables string  // of db: a query that lists them
	never  []string
	people []invitee
}

// invitee is somebody invented who writes a ticket.
type invitee struct{ name, email, message string }

// eachStore runs a test on SQLite and on Postgres.
func eachStore(t *testing.T, run func(t *testing.T, f *firm)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, onSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, onPostgres(t))
	})
}

func onSQLite(t *testing.T) *firm {
	t.Helper()
	f := newFirm(t)
	path := filepath.Join(f.dir, "data.db")
	f.data, f.env["GALLRA_DSN"] = openSQLite(t, path), "sqlite:"+path
	f.db = openDB(t, "sqlite", sqlite.DSN(path))
	f.tables = `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`
	f.open()
	return f
}

// onPostgres has its tables made by their owner, and gives the program a role that may not change them.
func onPostgres(t *testing.T) *firm {
	t.Helper()
	f := newFirm(t)
	owner := pgtest.DSN(t)
	var err error
	f.data, err = postgres.Open(t.Context(), owner, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.data.Close() })
	f.db = openDB(t, "postgres", owner)
	f.tables = `SELECT 'gallra.' || relname FROM pg_class WHERE relnamespace = 'gallra'::regnamespace AND relkind = 'r' ORDER BY 1`
	role := f.newRole()
	for _, grant := range []string{"USAGE ON SCHEMA gallra", "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gallra"} {
		f.exec("GRANT " + grant + " TO " + role)
	}
	f.env["GALLRA_DSN"] = as(t, owner, role)
	f.open()
	return f
}

// as is the address of a database for another role, with its password.
func as(t *testing.T, dsn, role string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	return u.String()
}

// newRole makes a role that may log in, and nothing else.
func (f *firm) newRole() string {
	f.t.Helper()
	role := "nattjobb_" + strings.ToLower(rand.Text())
	f.exec("CREATE ROLE " + role + " LOGIN PASSWORD " + pq.QuoteLiteral(password))
	f.t.Cleanup(func() {
		for _, last := range []string{"DROP OWNED BY ", "DROP ROLE "} {
			_, err := f.db.ExecContext(context.Background(), last+role)
			require.NoError(f.t, err)
		}
	})
	return role
}

func (f *firm) exec(statement string) {
	f.t.Helper()
	_, err := f.db.ExecContext(f.t.Context(), statement)
	require.NoError(f.t, err)
}

func newFirm(t *testing.T) *firm {
	t.Helper()
	dir := t.TempDir()
	f := &firm{t: t, dir: dir, env: map[string]string{
		"GALLRA_KEK":      filepath.Join(dir, "dev.kek"),
		"GALLRA_REGISTER": register(t, "epm.yaml"),
	}, people: people(t)}
	f.never = []string{password, boss.String()[7:], dpo.String()[7:], clerk.String()[7:]}
	for _, p := range f.people {
		f.never = append(f.never, p.name, p.email)
	}
	return f
}

func register(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "testdata", "registers", name))
	require.NoError(t, err)
	return path
}

// people are those who write without an agreement.
func people(t *testing.T) (all []invitee) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(invented.Files()["tickets/tickets.csv"])).ReadAll()
	require.NoError(t, err)
	column := func(name string) int { return slices.Index(lines[0], name) }
	for _, line := range lines[1:] {
		if line[column("agreement")] == "" {
			all = append(all, invitee{line[column("name")], strings.TrimSpace(line[column("email")]), line[column("message")]})
		}
	}
	return all
}

func openSQLite(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openDB(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// open opens the engine as the application does.
func (f *firm) open() {
	f.t.Helper()
	key, err := insecurekeyfile.Open(f.env["GALLRA_KEK"])
	require.NoError(f.t, err)
	text, err := os.ReadFile(f.env["GALLRA_KEK"])
	require.NoError(f.t, err)
	f.never = append(f.never, strings.Split(strings.Split(string(text), `"value":"`)[1], `"`)[0])
	reg, err := gdpr.LoadRegister(f.env["GALLRA_REGISTER"])
	require.NoError(f.t, err)
	opt := &gdpr.Options{Owner: boss, Now: func() time.Time {
		if f.now.IsZero() {
			return time.Now()
		}
		return f.now
	}}
	if f.keys != nil {
		opt.Keys = f.keys
	}
	f.engine, err = gdpr.Open(f.t.Context(), f.data, key, reg, opt)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = f.engine.Close() })
	for actor, role := range map[gdpr.Actor]string{boss: "manager", dpo: "privacy", support: "support"} {
		_, err := f.engine.As(boss, gdpr.Retention).Grant(f.t.Context(), gdpr.Grant{Actor: actor, Role: role, From: time.Now().AddDate(-9, 0, 0)})
		require.NoError(f.t, err)
	}
}

// put stores tickets whose last day was so many days ago; it lies ahead when that is negative. They came in at their time.
func (f *firm) put(n, days int) []gdpr.ID {
	f.t.Helper()
	zone, err := civil.LoadZone("Europe/Stockholm")
	require.NoError(f.t, err)
	last := civil.DateOf(time.Now(), zone).AddDays(-days)
	f.now = time.Date(last.Year-1, last.Month, last.Day, 12, 0, 0, 0, zone)
	defer func() { f.now = time.Time{} }()
	var ids []gdpr.ID
	for range n {
		p := f.people[0]
		f.people = append(f.people[1:], p)
		id, err := f.engine.As(support, "support-ticket").Put(f.t.Context(), gdpr.Record{
			Subject: gdpr.Email(p.email), Fields: gdpr.Fields{"name": p.name, "message": p.message}})
		require.NoError(f.t, err)
		ids = append(ids, id)
	}
	return ids
}

// counted has the engine count its parts, as an application's own health check does. A plan counts by itself where nobody has for a month.
func (f *firm) counted() {
	f.t.Helper()
	_, err := f.engine.Health(f.t.Context())
	require.NoError(f.t, err)
}

// stored is how many parts there are.
func (f *firm) stored() int {
	f.t.Helper()
	n, err := f.data.Count(f.t.Context())
	require.NoError(f.t, err)
	return int(n)
}

// dump is everything in the database and in the ledger.
func (f *firm) dump() map[string][]string {
	f.t.Helper()
	all := map[string][]string{}
	for _, row := range f.query(f.tables) {
		name := strings.Trim(row, "[]")
		all[name] = f.query("SELECT * FROM " + name)
	}
	require.NotEmpty(f.t, all)
	ledger, err := os.ReadFile(f.env["GALLRA_KEK"] + ".ledger")
	require.NoError(f.t, err)
	all["the ledger"] = strings.Split(string(ledger), "\n")
	return all
}

// query returns rows as text, sorted.
func (f *firm) query(statement string) (all []string) {
	f.t.Helper()
	rows, err := f.db.QueryContext(f.t.Context(), statement)
	require.NoError(f.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(f.t, err)
	for rows.Next() {
		cells, at := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			at[i] = &cells[i]
		}
		require.NoError(f.t, rows.Scan(at...))
		all = append(all, fmt.Sprint(cells))
	}
	require.NoError(f.t, rows.Err())
	slices.Sort(all)
	return all
}

// call runs the program on the firm's store.
func (f *firm) call(args ...string) answer {
	f.t.Helper()
	return call(f.t, f.env, f.never, args...)
}
