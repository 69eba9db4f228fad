package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	"github.com/gallra/gallra/internal/pgtest"
)

// opener opens a store, as drivers do.
type opener func(t *testing.T, dsn string, opt *postgres.Options) *postgres.Store

// schemas returns a function that opens a store in a new schema of one database each time: a schema is made in less time than a database.
func schemas(dsn string, open opener, opt postgres.Options) func(t *testing.T) storage.Store {
	var made atomic.Int64
	return func(t *testing.T) storage.Store {
		t.Helper()
		own := opt
		own.Schema = fmt.Sprintf("s%d", made.Add(1))
		return open(t, dsn, &own)
	}
}

// calm leaves out the races: TestStore runs them all, and TestTogether those between drivers and forms.
func calm(open func(t *testing.T) storage.Store) func(t *testing.T) storage.Store {
	return func(t *testing.T) storage.Store {
		t.Helper()
		if strings.Contains(t.Name(), "/races/") {
			t.Skip("TestStore and TestTogether run the races")
		}
		return open(t)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, schemas(pgtest.DSN(t), openStore, postgres.Options{}))
}

// TestPortable: the same promises without what only plain Postgres has.
func TestPortable(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, calm(schemas(pgtest.DSN(t), openStore, postgres.Options{Portable: true})))
}

// TestPgx: the same store over the application's connections of another driver.
func TestPgx(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, calm(schemas(pgtest.DSN(t), openPgx, postgres.Options{})))
}

func TestModel(t *testing.T) {
	t.Parallel()
	storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, schemas(pgtest.DSN(t), openStore, postgres.Options{}))
}

// TestTogether: two processes meet, of two drivers, of which one keeps to portable SQL; in databases whose transactions are of another kind unless
// they say so.
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"read committed", "repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			execute(t, dsn, `ALTER DATABASE `+pq.QuoteIdentifier(ask(t, dsn, `SELECT current_database()`))+` SET default_transaction_isolation = '`+level+`'`)
			require.Equal(t, level, ask(t, dsn, `SHOW transaction_isolation`))
			var made atomic.Int64
			storagetest.RunTogether(t, func(t *testing.T) (a, b storage.Store) {
				t.Helper()
				n := made.Add(1)
				opt := postgres.Options{Schema: fmt.Sprintf("s%d", n)}
				a = openStore(t, dsn, &opt)
				opt.Portable = n%2 == 0
				return a, openPgx(t, dsn, &opt)
			})
		})
	}
}

func TestInTx(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			app := connect(t, d.driver, dsn)
			open := schemas(dsn, d.open, postgres.Options{})
			storagetest.RunInTx(t, func(t *testing.T) (storage.Store, storagetest.Begin) {
				t.Helper()
				return open(t), func(t *testing.T) (context.Context, func(bool) error) {
					t.Helper()
					tx, err := app.BeginTx(t.Context(), nil)
					require.NoError(t, err)
					return postgres.InTx(t.Context(), tx), func(commit bool) error {
						if commit {
							return tx.Commit()
						}
						return tx.Rollback()
					}
				}
			})
		})
	}
}

func TestWithFaults(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	var made atomic.Int64
	storagetest.RunWithFaults(t, func(t *testing.T) (storage.Store, *storagetest.Faults) {
		t.Helper()
		connector, err := pq.NewConnector(with(t, dsn, "binary_parameters=yes"))
		require.NoError(t, err)
		faults := storagetest.Break(connector)
		db := sql.OpenDB(faults)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		s, err := postgres.OpenDB(t.Context(), db, &postgres.Options{Schema: fmt.Sprintf("s%d", made.Add(1))})
		require.NoError(t, err)
		return s, faults
	}, &pq.Error{Code: "40001"}, &pq.Error{Code: "40P01"})
}
