package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
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
	_ "github.com/gallra/gallra/internal/seeded"
)

// opener opens a store, as drivers do.
type opener func(t *testing.T, dsn string, opt *postgres.Options) *postgres.Store

// shelf hands out schemas of one database, with empty tables or none. To make the tables takes longer than most tests: who is done empties them for
// the next.
type shelf struct {
	dsn, admin string // of the stores, and past a pooler
	mu         sync.Mutex
	made       int
	free       []string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	dsn := pgtest.DSN(t)
	return &shelf{dsn: dsn, admin: dsn}
}

func (s *shelf) schema(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var name string
	if last := len(s.free) - 1; last >= 0 {
		name, s.free = s.free[last], s.free[:last]
	} else {
		s.made++
		name = fmt.Sprintf("s%d", s.made)
	}
	t.Cleanup(func() {
		s.wipe(t, name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, name)
	})
	return name
}

// wipe empties the tables of a schema, if it has any.
func (s *shelf) wipe(t *testing.T, name string) {
	t.Helper()
	db, err := sql.Open("postgres", s.admin)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	_, err = db.ExecContext(context.Background(), `DO $$ DECLARE t TEXT; BEGIN
		FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '`+name+`' AND tablename NOT LIKE 'schema\_%'
		LOOP EXECUTE 'DELETE FROM `+name+`.' || t; END LOOP; END $$`)
	require.NoError(t, err)
}

// stores opens an empty store each time.
func (s *shelf) stores(open opener, opt postgres.Options) func(t *testing.T) storage.Store {
	return func(t *testing.T) storage.Store {
		t.Helper()
		own := opt
		own.Schema = s.schema(t)
		return open(t, s.dsn, &own)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, newShelf(t).stores(openStore, postgres.Options{}))
}

// TestPortable: the same promises without what only plain Postgres has. (Its races are in TestTogether.)
func TestPortable(t *testing.T) {
	t.Parallel()
	storagetest.RunSteady(t, newShelf(t).stores(openStore, postgres.Options{Portable: true}))
}

// TestPgx: the same store over the application's connections of another driver. (Its races too.)
func TestPgx(t *testing.T) {
	t.Parallel()
	storagetest.RunSteady(t, newShelf(t).stores(openPgx, postgres.Options{}))
}

func TestModel(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, func(t *testing.T) storage.Store { // one after the other, all of them by t
		t.Helper()
		s.wipe(t, "model")
		store, err := postgres.Open(t.Context(), s.dsn, &postgres.Options{Schema: "model"})
		require.NoError(t, err)
		return store
	})
}

// TestTogether: two processes meet, of two drivers, of which one keeps to portable SQL; in databases whose transactions are of another kind than
// usual unless they say so.
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			shelf := newShelf(t)
			dsn := shelf.dsn
			execute(t, dsn, `ALTER DATABASE `+pq.QuoteIdentifier(ask(t, dsn, `SELECT current_database()`))+` SET default_transaction_isolation = '`+level+`'`)
			require.Equal(t, level, ask(t, dsn, `SHOW transaction_isolation`))
			storagetest.RunTogether(t, func(t *testing.T) (a, b storage.Store) {
				t.Helper()
				name := shelf.schema(t)
				return openStore(t, dsn, &postgres.Options{Schema: name}), openPgx(t, dsn, &postgres.Options{Schema: name, Portable: true})
			})
		})
	}
}

func TestInTx(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			shelf := newShelf(t)
			app := connect(t, d.driver, shelf.dsn)
			open := shelf.stores(d.open, postgres.Options{})
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
	shelf := newShelf(t)
	var began sync.Map // subtests that have their store; its twin is in memory
	storagetest.RunWithFaults(t, func(t *testing.T) (storage.Store, *storagetest.Faults) {
		t.Helper()
		if _, again := began.LoadOrStore(t.Name(), true); again {
			return memory.New(), nil
		}
		schema := shelf.schema(t)
		connector, err := pq.NewConnector(shelf.dsn)
		require.NoError(t, err)
		faults := storagetest.Break(connector)
		db := sql.OpenDB(faults)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		s, err := postgres.OpenDB(t.Context(), db, &postgres.Options{Schema: schema})
		require.NoError(t, err)
		return s, faults
	}, &pq.Error{Code: "40001"}, &pq.Error{Code: "40P01"})
}

// TestManyRows: a batch of more rows than a statement has parameters, by each way there is for many: COPY, arrays, row by row.
func TestManyRows(t *testing.T) {
	t.Parallel()
	const many = 4000
	for name, open := range map[string]func(*testing.T, string) *postgres.Store{
		"lib/pq": func(t *testing.T, dsn string) *postgres.Store { return openStore(t, dsn, nil) },
		"pgx":    func(t *testing.T, dsn string) *postgres.Store { return openPgx(t, dsn, nil) },
		"portable": func(t *testing.T, dsn string) *postgres.Store {
			return openPgx(t, dsn, &postgres.Options{Portable: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, pgtest.DSN(t))
			var put, erase storage.Batch
			var people []person
			for i := range many {
				p := newPerson()
				p.part.Purposes, p.part.Labels = []string{"ärende", `"citat" \ {klammer}`}, map[string]string{"ö": fmt.Sprint(i)}
				people = append(people, p)
				put.PutSubjects, put.PutParts = append(put.PutSubjects, p.subject), append(put.PutParts, p.part)
				erase.EraseParts = append(erase.EraseParts, storage.PartErase{PartRef: p.part.PartRef, Subject: p.subject.ID, Rev: 1})
			}
			require.NoError(t, s.Apply(t.Context(), &put))
			n, err := s.Count(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, many, n)
			for _, i := range []int{0, many / 2, many - 1} {
				got, err := s.Record(t.Context(), people[i].part.Record)
				require.NoError(t, err)
				assert.Equal(t, []storage.Part{people[i].part}, got)
			}
			err = s.Apply(t.Context(), &put)
			var refused *storage.ConditionError
			require.ErrorAs(t, err, &refused)
			assert.Len(t, refused.Failures, 2*many, "each row is named")
			require.NoError(t, s.Apply(t.Context(), &erase))
			n, err = s.Count(t.Context())
			require.NoError(t, err)
			assert.Zero(t, n)
		})
	}
}
