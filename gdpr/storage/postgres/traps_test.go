package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
	"github.com/gallra/gallra/internal/sqlstore"
)

// TestStates: what the server says is read from the errors of both drivers.
func TestStates(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for _, driver := range []string{"postgres", "pgx"} {
		db := connect(t, driver, dsn)
		for code, want := range map[string]sqlstore.Class{
			"40001": sqlstore.Retry, "40P01": sqlstore.Retry, "23505": sqlstore.Retry, "55P03": sqlstore.Busy, "57014": sqlstore.NotStored,
			"08006": sqlstore.Lost, "57P01": sqlstore.Lost, "57P02": sqlstore.Lost, "57P03": sqlstore.Lost,
			"42501": sqlstore.NotStored, "53100": sqlstore.NotStored, "25006": sqlstore.NotStored, "P0001": sqlstore.NotStored,
		} {
			_, err := db.ExecContext(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'prov' USING ERRCODE = '`+code+`'; END $$`)
			require.Error(t, err)
			assert.Equal(t, code, postgres.State(fmt.Errorf("wrapped: %w", err)), driver)
			assert.Equal(t, want, postgres.Classify(fmt.Errorf("wrapped: %w", err)), "%s: %s", driver, code)
		}
		gone := connect(t, driver, with(t, dsn, "host=127.0.0.1:1"))
		err := gone.PingContext(t.Context())
		assert.Empty(t, postgres.State(err))
		assert.Equal(t, sqlstore.Lost, postgres.Classify(err), driver)
	}
	assert.Equal(t, sqlstore.Lost, postgres.Classify(sql.ErrConnDone))
	assert.Equal(t, sqlstore.Other, postgres.Classify(context.Canceled))
	assert.Equal(t, sqlstore.Other, postgres.Classify(context.DeadlineExceeded), "though it is a net.Error")
	assert.Equal(t, sqlstore.Other, postgres.Classify(errors.New("something else")))
	assert.Empty(t, postgres.State(nil))
}

// blocked is a person whose row somebody else has locked, until free is called.
func blocked(t *testing.T, dsn string, s storage.Store) (p person, free func()) {
	t.Helper()
	p = newPerson()
	require.NoError(t, s.Apply(t.Context(), p.batch()))
	tx, err := connect(t, "postgres", dsn).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `SELECT 1 FROM gallra.subjects WHERE id = $1 FOR UPDATE`, p.subject.ID[:])
	require.NoError(t, err)
	return p, func() { require.NoError(t, tx.Rollback()) }
}

// waits asks for the process of the server that waits for a lock.
const waits = `SELECT COALESCE(MIN(pid), 0) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`

// waiting returns the process of the server that waits for a lock.
func waiting(t *testing.T, dsn string) (pid string) {
	t.Helper()
	require.Eventually(t, func() bool {
		pid = ask(t, dsn, waits)
		return pid != "0"
	}, testPatience, testTick)
	return pid
}

// forms are the ways in which a batch reaches the server.
var forms = []struct {
	name  string
	opt   *postgres.Options
	shape func(*storage.Batch)
}{
	{"one statement", nil, func(*storage.Batch) {}},
	{"a transaction", nil, func(b *storage.Batch) { b.Entries = nil }},
	{"portable", &postgres.Options{Portable: true}, func(*storage.Batch) {}},
	{"unprepared", &postgres.Options{Unprepared: true}, func(*storage.Batch) {}},
}

// eachForm runs a test for each driver and each form of a batch. Settings are of the database.
func eachForm(t *testing.T, settings string, run func(t *testing.T, dsn string, s *postgres.Store, more func(*person) *storage.Batch)) {
	t.Helper()
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			openStore(t, dsn, nil)
			if settings != "" {
				execute(t, dsn, `ALTER DATABASE `+ask(t, dsn, `SELECT current_database()`)+` SET `+settings)
			}
			for _, f := range forms {
				t.Run(f.name, func(t *testing.T) {
					run(t, dsn, d.open(t, dsn, f.opt), func(p *person) *storage.Batch {
						b := p.more()
						f.shape(b)
						return b
					})
				})
			}
		})
	}
}

// TestCancelled: the caller loses patience while a statement waits for somebody else's lock.
func TestCancelled(t *testing.T) {
	t.Parallel()
	eachForm(t, "", func(t *testing.T, dsn string, s *postgres.Store, more func(*person) *storage.Batch) {
		for name, stop := range map[string]struct {
			begin func() (context.Context, context.CancelFunc)
			want  error
		}{
			"a deadline": {func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(t.Context(), 300*time.Millisecond)
			}, context.DeadlineExceeded},
			"cancelled": {func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }, context.Canceled},
		} {
			p, free := blocked(t, dsn, s)
			ctx, cancel := stop.begin()
			done := make(chan error, 1)
			go func() { done <- s.Apply(ctx, more(&p)) }()
			waiting(t, dsn)
			if name == "cancelled" {
				cancel()
			}
			select {
			case err := <-done:
				require.ErrorIs(t, err, stop.want, name)
				require.NotErrorIs(t, err, storage.ErrOutcomeUnknown, name)
			case <-time.After(testPatience):
				require.Fail(t, "it still waits", name)
			}
			cancel()
			free()
			require.Eventually(t, func() bool { return ask(t, dsn, waits) == "0" }, testPatience, testTick, "the server has stopped it too")
			assert.Equal(t, 1, p.parts(t, s), "%s: nothing was written", name)
			require.NoError(t, s.Apply(t.Context(), more(&p)), "the store goes on")
			assert.Equal(t, 2, p.parts(t, s))
		}
	})
}

// TestCancelledRead: so it is with a read.
func TestCancelledRead(t *testing.T) {
	t.Parallel()
	for _, d := range drivers {
		dsn := pgtest.DSN(t)
		s := d.open(t, dsn, nil)
		p := newPerson()
		require.NoError(t, s.Apply(t.Context(), p.batch()))
		tx, err := connect(t, "postgres", dsn).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), `LOCK TABLE gallra.parts IN ACCESS EXCLUSIVE MODE`)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = s.Record(ctx, p.part.Record)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, d.name)
		require.NoError(t, tx.Rollback())
		assert.Equal(t, 1, p.parts(t, s))
	}
}

// TestServerTimeouts: the server loses patience, by a setting of the database.
func TestServerTimeouts(t *testing.T) {
	t.Parallel()
	for setting, check := range map[string]func(t *testing.T, err error){
		"lock_timeout = '200ms'": func(t *testing.T, err error) {
			t.Helper()
			require.ErrorIs(t, err, storage.ErrBusy)
			require.ErrorContains(t, err, "lock timeout")
		},
		"statement_timeout = '1s'": func(t *testing.T, err error) {
			t.Helper()
			require.ErrorContains(t, err, "statement timeout")
			require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller had time")
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			eachForm(t, setting, func(t *testing.T, dsn string, s *postgres.Store, more func(*person) *storage.Batch) {
				p, free := blocked(t, dsn, s)
				err := s.Apply(t.Context(), more(&p))
				check(t, err)
				require.NotErrorIs(t, err, storage.ErrOutcomeUnknown)
				free()
				assert.Equal(t, 1, p.parts(t, s), "nothing was written")
				require.NoError(t, s.Apply(t.Context(), more(&p)), "the store goes on")
				assert.Equal(t, 2, p.parts(t, s))
			})
		})
	}
}

// TestTerminated: the administrator ends the connection while a batch waits.
func TestTerminated(t *testing.T) {
	t.Parallel()
	eachForm(t, "", func(t *testing.T, dsn string, s *postgres.Store, more func(*person) *storage.Batch) {
		p, free := blocked(t, dsn, s)
		b := more(&p)
		done := make(chan error, 1)
		go func() { done <- s.Apply(t.Context(), b) }()
		assert.Equal(t, "true", ask(t, dsn, `SELECT pg_terminate_backend($1)`, waiting(t, dsn)))
		waitOrDone := func() bool { return len(done) > 0 || ask(t, dsn, waits) != "0" }
		require.Eventually(t, waitOrDone, testPatience, testTick)
		free()
		if err := <-done; err != nil {
			require.ErrorIs(t, err, storage.ErrOutcomeUnknown, "else it is tried again")
			require.NotEmpty(t, b.Entries, "only where nothing tells whether it is stored")
			require.NoError(t, s.Apply(t.Context(), b), "to ask again is safe")
		}
		assert.Equal(t, 2, p.parts(t, s), "stored once")
	})
}

// TestTerminatedAtRandom: connections end under several writers. What was acknowledged is there, once; what failed is not, unless the error says that
// nobody knows, and then to ask again settles it.
func TestTerminatedAtRandom(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 15
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			s := d.open(t, dsn, nil)
			people := make([]person, writers)
			for i := range people {
				people[i] = newPerson()
				require.NoError(t, s.Apply(t.Context(), people[i].batch()))
			}
			ctx, stop := context.WithCancel(t.Context())
			var killed atomic.Int64
			ended := make(chan struct{})
			admin := connect(t, "postgres", dsn)
			go func() {
				defer close(ended)
				for ctx.Err() == nil {
					var some int
					_ = admin.QueryRowContext(ctx, `SELECT COUNT(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
						WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS a`).Scan(&some)
					killed.Add(int64(some))
					time.Sleep(10 * time.Millisecond)
				}
			}()
			var stored [writers]int
			var open [writers][]storage.ID
			var unknown, failed atomic.Int64
			var wg sync.WaitGroup
			for i := range people {
				wg.Go(func() {
					for n := 0; n < each || n < 100*each && killed.Load() == 0; n++ { // on a busy machine the first one is ended late
						b := people[i].more()
						if n%2 == 0 {
							b.Entries = nil // in a transaction
						}
						err := s.Apply(t.Context(), b)
						for errors.Is(err, storage.ErrOutcomeUnknown) && len(b.Entries) > 0 {
							unknown.Add(1)
							err = s.Apply(t.Context(), b)
						}
						switch {
						case err == nil:
							stored[i]++
						case errors.Is(err, storage.ErrOutcomeUnknown):
							open[i] = append(open[i], b.PutParts[0].Record) // nothing tells, but that it is there
						default:
							failed.Add(1) // each of its tries met its end
							assert.Equal(t, sqlstore.Lost, postgres.Classify(err), "%v", err)
						}
					}
				})
			}
			wg.Wait()
			stop()
			<-ended
			assert.Positive(t, killed.Load())
			t.Logf("%d outcomes were unknown, %d batches failed", unknown.Load(), failed.Load())
			for i := range people {
				for _, record := range open[i] {
					rows, err := s.Record(t.Context(), record)
					require.NoError(t, err)
					stored[i] += len(rows)
				}
				assert.Equal(t, 1+stored[i], people[i].parts(t, s))
			}
		})
	}
}

// TestCloseAfterTheServer: whoever closes a store whose connections the server has ended meanwhile has nothing to worry about.
func TestCloseAfterTheServer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for range 5 { // whether the goodbye fails is the network's choice
		s, err := postgres.Open(t.Context(), dsn, nil)
		require.NoError(t, err)
		p := newPerson()
		require.NoError(t, s.Apply(t.Context(), p.batch()))
		require.Equal(t, 1, p.parts(t, s))
		ask(t, dsn, `SELECT CAST(COUNT(pg_terminate_backend(pid, 5000)) AS TEXT) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		require.NoError(t, s.Close())
	}
}

// TestRestartBetween: the server is started anew between two calls, and every connection in the pool is a dead one.
func TestRestartBetween(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			name := map[string]string{"lib/pq": "a", "pgx": "b"}[d.name]
			require.NoError(t, c.CreateDatabase(t.Context(), name))
			s := d.open(t, c.DSN(name), nil)
			e := newSite(t, s, t.TempDir()).roles()
			tickets := e.As(support, "support-ticket")
			put := func(n int) (gdpr.ID, error) {
				return tickets.Put(t.Context(), gdpr.Record{Subject: gdpr.Email(mail("åsa", n)), Fields: gdpr.Fields{"message": "Hej"}})
			}
			warm := func() { // fill the pool
				var wg sync.WaitGroup
				for n := range 8 {
					wg.Go(func() {
						_, err := put(n)
						assert.NoError(t, err)
					})
				}
				wg.Wait()
			}
			warm()
			id, err := put(0)
			require.NoError(t, err)
			for name, call := range map[string]func() error{
				"put": func() error { _, err := put(0); return err },
				"get": func() error { _, err := tickets.Get(t.Context(), id); return err },
				"find": func() error {
					for _, err := range tickets.Find(t.Context(), gdpr.Email(mail("åsa", 0))) {
						if err != nil {
							return err
						}
					}
					return nil
				},
				"update": func() error {
					return tickets.Update(t.Context(), id, gdpr.Change{Fields: gdpr.Fields{"message": "Hej igen"}})
				},
				"sweep": func() error { _, err := e.Sweep(t.Context(), nil); return err },
				"seal":  func() error { return e.Seal(t.Context()) },
			} {
				warm()
				require.NoError(t, c.Restart(t.Context()))
				require.NoError(t, call(), name)
			}
			require.NoError(t, c.Shutdown(t.Context()))
			_, err = put(0)
			require.Error(t, err)
			require.NoError(t, c.Restart(t.Context()))
			_, err = put(0)
			require.NoError(t, err)
			_, err = e.Verify(t.Context())
			require.NoError(t, err)
		})
	}
}

// TestFewConnections: more at once than there are connections.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	refusal(t, dsn, &postgres.Options{Conns: 1}, "connections: at most one at a time; allow two at least, by Options.Conns or SetMaxOpenConns")
	db := connect(t, "postgres", dsn)
	db.SetMaxOpenConns(1)
	_, err := postgres.OpenDB(t.Context(), db, nil)
	told(t, err, "connections: at most one at a time")
	for _, portable := range []bool{false, true} {
		dsn := pgtest.DSN(t)
		s := openStore(t, dsn, &postgres.Options{Conns: 2, Portable: portable})
		ctx, cancel := context.WithTimeout(t.Context(), testPatience)
		defer cancel()
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				p := newPerson()
				b := p.batch()
				b.Entries = nil // in a transaction
				errs[i] = errors.Join(s.Apply(ctx, b), s.Apply(ctx, p.more()))
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...), "portable %v", portable)
	}
}
