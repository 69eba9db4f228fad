package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/faultsql"
)

// register is the one that the benchmarks run under: a ticket that ends a year after it was registered, or after its agreement.
const register = `register: {format: 1, version: 1, from: 2026-01-01, author: Bench}
organization: {name: Mätbänk AB, contact: privacy@bench.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
activities:
  ticket:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {email: user.contact.email, message: user.content.private}
    purpose: Answer
    basis: A6-1-f
    interest: To answer
    erase: [P1Y after agreement-ended with agreement, P1Y after collected without agreement]
`

// town is an engine with a clock to turn.
type town struct {
	*gdpr.Engine
	store storage.Store
	db    *sql.DB // of the store
	dir   string  // of register, KEK and ledger
	end   func()  // removes the data
	now   time.Time
	admin *gdpr.Session
	desk  *gdpr.Session

	calls      *faultsql.Faults // counts what the database is asked
	agreements []gdpr.ID
	persons    int // who stay
	stay, due  int // records that stay, and that are due from the beginning
	gone       int // loads of persons who went
}

// found opens the engine of a town that has its store.
func (t *town) found(ctx context.Context, register string) error {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(t.dir, "register.yaml")
	if err := os.WriteFile(file, []byte(register), 0o600); err != nil {
		return err
	}
	reg, err := gdpr.LoadRegister(file)
	if err != nil {
		return err
	}
	kek, err := insecurekeyfile.Open(filepath.Join(t.dir, "bench.kek"))
	if err != nil {
		return err
	}
	t.now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if t.Engine, err = gdpr.Open(ctx, t.store, kek, reg, &gdpr.Options{Now: func() time.Time { return t.now }}); err != nil {
		return err
	}
	t.admin, t.desk = t.As(gdpr.Job("bench"), gdpr.Retention), t.As(gdpr.Job("bench"), "ticket")
	return nil
}

// leave closes a town; its data stays.
func (t *town) leave() {
	_ = t.Engine.Close()
	_ = t.store.Close()
	if t.db != nil {
		_ = t.db.Close()
	}
}

func (t *town) close() {
	t.leave()
	t.end()
	_ = os.RemoveAll(t.dir)
}

func newTown(ctx context.Context, dir, name string) (*town, error) {
	return openTown(ctx, dir, name, register, false)
}

// openTown opens a town on SQLite; a counted one has a single connection on which every call is counted.
func openTown(ctx context.Context, dir, name, register string, counted bool) (*town, error) {
	t := &town{dir: filepath.Join(dir, name), end: func() {}}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(t.dir, "data.db")
	t.calls = faultsql.New(connector{dsn: sqlite.DSN(path)})
	t.db = sql.OpenDB(t.calls)
	t.db.SetMaxOpenConns(1)
	var err error
	if counted {
		t.store, err = sqlite.OpenDB(ctx, t.db, nil)
	} else {
		t.store, err = sqlite.Open(ctx, path, nil)
	}
	if err != nil {
		return nil, err
	}
	return t, t.found(ctx, register)
}

// connector opens connections of the SQLite driver.
type connector struct{ dsn string }

// Connect opens one.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }

// Driver is modernc.org/sqlite.
func (c connector) Driver() driver.Driver { return &driversqlite.Driver{} }

// written is how many rows the connection has written so far.
func (t *town) written(ctx context.Context) (n int, err error) {
	return n, t.db.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&n)
}

// message is 256 bytes of Swedish text.
var message = func() string {
	s := ""
	for len(s) < 256 {
		s += "Hej, fakturan är fel och jag vill ha hjälp. "
	}
	return s[:256]
}()

// person is the address of the i-th person.
func person(i int) string { return fmt.Sprintf("person%d@kund.example", i) }

type recordSeq = iter.Seq2[gdpr.Record, error]

// records are n records, each person has some; collected says when the i-th was.
func records(n, each int, collected func(i int) time.Time) recordSeq {
	return func(yield func(gdpr.Record, error) bool) {
		for i := range n {
			r := gdpr.Record{Subject: gdpr.Email(person(i / each)), Fields: gdpr.Fields{"message": message}}
			if collected != nil {
				r.CollectedAt = collected(i)
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// others are records of persons that records does not give.
func others(n, each int) recordSeq {
	return func(yield func(gdpr.Record, error) bool) {
		for i := range n {
			if !yield(gdpr.Record{Subject: gdpr.Email("annan-" + person(i/each)), Fields: gdpr.Fields{"message": message}}, nil) {
				return
			}
		}
	}
}
