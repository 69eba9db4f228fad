package postgres_test

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
)

// with changes an address: user=, password=, host=, dbname=, else a parameter.
func with(t *testing.T, dsn string, changes ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		switch name {
		case "user":
			u.User = url.User(value)
		case "password":
			u.User = url.UserPassword(u.User.Username(), value)
		case "host":
			u.Host = value
		case "dbname":
			u.Path = "/" + value
		default:
			q.Set(name, value)
			if value == "" {
				q.Del(name)
			}
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// connect opens connections of a driver, "postgres" or "pgx", for as long as the test.
func connect(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// execute runs statements, one after the other.
func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// ask returns the single value of a query, as text.
func ask(t *testing.T, dsn, query string, args ...any) string {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var value string
	require.NoError(t, db.QueryRowContext(t.Context(), query, args...).Scan(&value), query)
	return value
}

// openStore opens a store and closes it at the end of the test.
func openStore(t *testing.T, dsn string, opt *postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, opt)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// openPool and openPgx are openStore over the application's own connections.
func openPool(t *testing.T, dsn string, opt *postgres.Options) *postgres.Store {
	t.Helper()
	return openDB(t, "postgres", dsn, opt)
}

func openPgx(t *testing.T, dsn string, opt *postgres.Options) *postgres.Store {
	t.Helper()
	return openDB(t, "pgx", dsn, opt)
}

func openDB(t *testing.T, driver, dsn string, opt *postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.OpenDB(t.Context(), connect(t, driver, dsn), opt)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// drivers are the ways to the same database.
var drivers = []struct {
	name, driver string
	open         opener
}{
	{"lib/pq", "postgres", openStore},
	{"pgx", "pgx", openPgx},
}

// person is a new data subject with one part, and the batch that stores both, with an entry of the trail as the engine writes it.
type person struct {
	subject storage.Subject
	part    storage.Part
	lane    storage.ID
}

func newPerson() person {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	p := person{subject: storage.Subject{ID: storage.NewID(), Controller: storage.NewID(), Rev: 1, Created: now}, lane: storage.NewID()}
	p.part = p.another()
	return p
}

// another is one more part of the same person.
func (p *person) another() storage.Part {
	id := p.subject.ID
	return storage.Part{
		PartRef: storage.PartRef{Bucket: id.Bucket(), Record: storage.NewRecordID(id, p.subject.Created), Part: 1}, Rev: 1, Version: 1,
		Controller: p.subject.Controller, Subject: id, Family: "ärende", Purposes: []string{"ärende"}, Role: "controller", Class: "internal",
		Sealed: []byte("chiffer"),
	}
}

func (p *person) batch() *storage.Batch {
	return &storage.Batch{
		PutSubjects: []storage.Subject{p.subject}, PutParts: []storage.Part{p.part},
		Entries: []storage.Entry{{Lane: p.lane, Seq: 1, At: p.subject.Created, Body: []byte("{}"), MAC: []byte("m")}},
	}
}

// more stores another part of a person who is there.
func (p *person) more() *storage.Batch {
	part := p.another()
	lane := storage.NewID()
	return &storage.Batch{
		Subjects: []storage.SubjectCond{{ID: p.subject.ID}}, PutParts: []storage.Part{part},
		Entries: []storage.Entry{{Lane: lane, Seq: 1, At: p.subject.Created, Body: []byte("{}"), MAC: lane[:]}},
	}
}

// parts counts the stored parts of a person.
func (p *person) parts(t *testing.T, s storage.Store) int {
	t.Helper()
	rows, err := s.Parts(context.Background(), storage.PartQuery{Subjects: []storage.ID{p.subject.ID}, Light: true, Limit: 1000})
	require.NoError(t, err)
	return len(rows)
}

// testPatience and testTick are for what happens soon, but by itself.
const testPatience, testTick = 30 * time.Second, 20 * time.Millisecond
