package gdpr_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// shop is a house whose application has a table of its own in the same database.
type shop struct {
	*house
	db      *sql.DB
	desk    *gdpr.Session // of support
	privacy *gdpr.Session
}

// eachShop runs a test with the keys beside the data, and in a second schema.
func eachShop(t *testing.T, run func(t *testing.T, h *shop)) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres")
	}
	for name, apart := range map[string]bool{"keys with the data": false, "keys apart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newShop(t, apart))
		})
	}
}

func newShop(t *testing.T, apart bool) *shop {
	t.Helper()
	dsn := pgtest.DSN(t)
	var keys storage.Keys
	if apart {
		keys = openPostgres(t, dsn, "gallra_keys")
	}
	h := &shop{house: newHouse(t, "epm.yaml", openPostgres(t, dsn, ""), keys), db: openDB(t, dsn)}
	_, err := h.db.ExecContext(t.Context(), `CREATE TABLE public.tickets (record TEXT PRIMARY KEY, state TEXT NOT NULL)`)
	require.NoError(t, err)
	h.grant(support, "support")
	h.grant(dpo, "privacy")
	h.grant(operations, "operations")
	h.desk, h.privacy = h.As(support, "support-ticket"), h.As(dpo, gdpr.SubjectRights)
	return h
}

func openDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// errUndo ends a transaction of the application by a rollback.
var errUndo = errors.New("the application changed its mind")

// inTx runs do in a transaction of the application, and commits it unless do fails. An act that waits for another transaction of its own ends in an error.
func (h *shop) inTx(t *testing.T, level sql.IsolationLevel, do func(ctx context.Context, tx *sql.Tx) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tx, err := h.db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	if err := do(postgres.InTx(ctx, tx), tx); err != nil {
		return err
	}
	return tx.Commit()
}

// both does the same in a transaction that is rolled back, calls undone, and does it again in one that is committed.
func (h *shop) both(t *testing.T, do func(ctx context.Context, tx *sql.Tx) error, undone func()) {
	t.Helper()
	err := h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		return errUndo
	})
	require.Equal(t, errUndo, err)
	undone()
	require.NoError(t, h.inTx(t, 0, do))
}

// ticket is a record about a person.
func ticketOf(who gdpr.Identity, message string) gdpr.Record {
	return gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": message}}
}

// open puts a ticket with its row in the application's table.
func (h *shop) open(ctx context.Context, tx *sql.Tx, who gdpr.Identity, message string) (gdpr.ID, error) {
	id, err := h.desk.Put(ctx, ticketOf(who, message))
	if err != nil {
		return id, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO public.tickets VALUES ($1, 'open')`, id.String())
	return id, err
}

// put stores a ticket in an act of its own.
func (h *shop) put(t *testing.T, who gdpr.Identity, message string) gdpr.ID {
	t.Helper()
	id, err := h.desk.Put(t.Context(), ticketOf(who, message))
	require.NoError(t, err)
	return id
}

// rows is how many tickets the application has, by state.
func (h *shop) rows(t *testing.T) int {
	t.Helper()
	var n int
	require.NoError(t, h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM public.tickets`).Scan(&n))
	return n
}

// text is the message of a ticket as everybody reads it.
func (h *shop) text(t *testing.T, id gdpr.ID) string {
	t.Helper()
	got, err := h.desk.Get(t.Context(), id)
	require.NoError(t, err)
	return got.Text("message")
}

// acts counts the entries of the trail by action and outcome.
func (h *shop) acts() map[string]int {
	h.t.Helper()
	n := map[string]int{}
	entries, _ := h.trail()
	for _, e := range entries {
		n[e.Action+" "+e.Outcome]++
	}
	return n
}

// What the application writes and what the library writes are there together or not at all, and so is the trace of a write.
func TestInTxPut(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		var id gdpr.ID
		h.both(t, func(ctx context.Context, tx *sql.Tx) (err error) {
			if id, err = h.open(ctx, tx, asa, "Skärmen är svart"); err != nil {
				return err
			}
			got, err := h.desk.Get(ctx, id)
			if err != nil {
				return err
			}
			assert.Equal(t, "Skärmen är svart", got.Text("message"), "the transaction sees what it wrote")
			assert.Len(t, find(t, h.desk, asa), 0, "nobody else does")
			return nil
		}, func() {
			assert.Zero(t, h.rows(t))
			assert.Zero(t, h.count())
			assert.Empty(t, find(t, h.desk, asa))
			_, err := h.desk.Get(t.Context(), id)
			require.ErrorIs(t, err, gdpr.ErrNotFound)
			require.NotErrorIs(t, err, gdpr.ErrErased)
			assert.Zero(t, h.acts()["Put done"])
		})
		assert.Equal(t, 1, h.rows(t))
		assert.Equal(t, "Skärmen är svart", h.text(t, id))
		assert.Equal(t, 1, h.acts()["Put done"])
		h.verified()
	})
}

// Two records about somebody new are about one person.
func TestInTxTwiceAboutOne(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		var ids [2]gdpr.ID
		h.both(t, func(ctx context.Context, tx *sql.Tx) (err error) {
			for i, text := range []string{"Första ärendet", "Andra ärendet"} {
				if ids[i], err = h.open(ctx, tx, asa, text); err != nil {
					return err
				}
			}
			return nil
		}, func() { assert.Zero(t, h.count()) })
		found := find(t, h.desk, asa)
		require.Len(t, found, 2)
		assert.Equal(t, found[0].Subject(), found[1].Subject())
		assert.Equal(t, "Första ärendet", h.text(t, ids[0]))
		assert.Equal(t, "Andra ärendet", h.text(t, ids[1]))
		h.verified()
	})
}

// Every other write goes along with the transaction, too.
func TestInTxOtherActs(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		id := h.put(t, asa, "Fel text")
		var hold, grant gdpr.ID
		newcomer := gdpr.Person("Ylva Ny")
		h.both(t, func(ctx context.Context, _ *sql.Tx) error {
			if err := h.desk.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Rätt text"}}); err != nil {
				return err
			}
			got, err := h.desk.Get(ctx, id)
			if err != nil {
				return err
			}
			return h.desk.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Rättare text"}, Version: got.Version})
		}, func() { assert.Equal(t, "Fel text", h.text(t, id)) })
		assert.Equal(t, "Rättare text", h.text(t, id))

		events := func() int {
			rows, err := h.store.EventsOf(t.Context(), id)
			require.NoError(t, err)
			return len(rows)
		}
		h.both(t, func(ctx context.Context, _ *sql.Tx) error {
			return h.desk.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: id, Note: "Åtgärdat"})
		}, func() { assert.Zero(t, events()) })
		assert.Equal(t, 1, events())

		h.both(t, func(ctx context.Context, _ *sql.Tx) (err error) {
			hold, err = h.privacy.Hold(ctx, gdpr.Hold{Record: id, Ground: "Tvist", ReviewBy: day(t, "2026-09-01")})
			return err
		}, func() { require.ErrorIs(t, h.privacy.Release(t.Context(), hold), gdpr.ErrNotFound) })
		_, err := h.privacy.Erase(t.Context(), asa, gdpr.Unlawful)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		h.both(t, func(ctx context.Context, _ *sql.Tx) error { return h.privacy.Release(ctx, hold) }, func() {
			_, err := h.privacy.Erase(t.Context(), asa, gdpr.Unlawful)
			require.ErrorIs(t, err, gdpr.ErrOnHold)
		})

		other := h.put(t, gdpr.Email("orjan@kund.example"), "Hej")
		h.both(t, func(ctx context.Context, _ *sql.Tx) (err error) {
			if grant, err = h.As(boss, gdpr.Retention).Grant(ctx, gdpr.Grant{Actor: newcomer, Role: "support"}); err != nil {
				return err
			}
			s := h.As(newcomer, "support-ticket")
			if err := s.Update(ctx, other, gdpr.Change{Fields: gdpr.Fields{"message": "Hej då"}}); err != nil {
				return err
			}
			_, err = s.Get(ctx, other) // its trace has a commit of its own, although nobody else knows of the grant
			return err
		}, func() {
			_, err := h.As(newcomer, "support-ticket").Get(t.Context(), other)
			require.ErrorIs(t, err, gdpr.ErrNotAllowed)
			assert.Equal(t, "Hej", h.text(t, other))
		})
		_, err = h.As(newcomer, "support-ticket").Get(t.Context(), other)
		require.NoError(t, err)
		assert.Equal(t, "Hej då", h.text(t, other))
		h.both(t, func(ctx context.Context, _ *sql.Tx) error { return h.As(boss, gdpr.Retention).Revoke(ctx, grant) }, func() {
			_, err := h.As(newcomer, "support-ticket").Get(t.Context(), other)
			require.NoError(t, err)
		})
		_, err = h.As(newcomer, "support-ticket").Get(t.Context(), other)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		h.verified()
	})
}

// A read does not wait for the transaction that it is in, although its trace is written beside it.
func TestInTxReadAfterChangeOfItsAgreement(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		_, agreement := h.customer("Kund Å AB")
		hosted := h.As(operations, "hosted-customer-data").Under(agreement)
		id, err := hosted.Put(t.Context(), gdpr.Record{Subject: gdpr.Ref("kund-17"), Fields: gdpr.Fields{"content": "Räksmörgås"}})
		require.NoError(t, err)
		require.NoError(t, h.inTx(t, 0, func(ctx context.Context, _ *sql.Tx) error {
			if _, err := h.privacy.Hold(ctx, gdpr.Hold{Agreement: agreement, Ground: "Tvist", ReviewBy: day(t, "2026-09-01")}); err != nil {
				return err
			}
			_, err := hosted.Get(ctx, id)
			return err
		}))
		h.verified()
	})
}

// The trail of reads and refusals stays when the transaction is rolled back, and a refused act leaves it usable.
func TestInTxTraceStays(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		id := h.put(t, asa, "Hej")
		before := h.acts()
		var kept gdpr.ID
		h.both(t, func(ctx context.Context, tx *sql.Tx) (err error) {
			if _, err := h.desk.Get(ctx, id); err != nil {
				return err
			}
			for _, err := range h.desk.Find(ctx, asa) {
				if err != nil {
					return err
				}
			}
			_, err = h.As(web, "support-ticket").Put(ctx, ticketOf(asa, "Får inte"))
			require.ErrorIs(t, err, gdpr.ErrNotAllowed)
			_, err = h.desk.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"inkomst": "4711"}})
			var in *gdpr.InputError
			require.ErrorAs(t, err, &in)
			err = h.desk.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Sent"}, Version: 7})
			require.ErrorIs(t, err, gdpr.ErrConflict)
			_, err = h.privacy.Erase(ctx, gdpr.Email("ingen@kund.example"), gdpr.Unlawful)
			require.ErrorIs(t, err, gdpr.ErrNotFound)
			kept, err = h.open(ctx, tx, asa, "Får")
			return err
		}, func() {
			now := h.acts()
			assert.Equal(t, before["Get done"]+1, now["Get done"])
			assert.Equal(t, before["Find done"]+1, now["Find done"])
			assert.Equal(t, before["Put refused"]+1, now["Put refused"])
			assert.Equal(t, before["Put done"], now["Put done"])
			assert.Zero(t, h.rows(t))
		})
		assert.Equal(t, "Får", h.text(t, kept))
		assert.Equal(t, 2, h.refusals("Put"))
		h.verified()
	})
}

// TestInTxReadWaitsForNoTurn: a reader waits for a row that the application's transaction has changed. Neither that transaction's own reads nor anybody
// else's wait behind it.
func TestInTxReadWaitsForNoTurn(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		stand := gdpr.Person("Vikarie Öst")
		admin := h.As(boss, gdpr.Retention)
		grant, err := admin.Grant(t.Context(), gdpr.Grant{Actor: stand, Role: "support"})
		require.NoError(t, err)
		id := h.put(t, asa, "hej")
		waiting := make(chan error, 1)
		err = h.inTx(t, 0, func(ctx context.Context, _ *sql.Tx) error {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			if err := admin.Revoke(ctx, grant); err != nil {
				return err
			}
			go func() {
				_, err := h.As(stand, "support-ticket").Get(t.Context(), id)
				waiting <- err
			}()
			select { // it leans on the grant, and waits to know whether it stands
			case err := <-waiting:
				return fmt.Errorf("the reader did not wait: %w", err)
			case <-time.After(300 * time.Millisecond):
			}
			if _, err := h.desk.Get(ctx, id); err != nil {
				return fmt.Errorf("in the transaction: %w", err)
			}
			if _, err := h.privacy.Get(storage.Apart(ctx), id); err != nil {
				return fmt.Errorf("beside it: %w", err)
			}
			return errUndo
		})
		require.Equal(t, errUndo, err)
		require.NoError(t, <-waiting, "the grant stands")
	})
}

// An erasure is undone with the transaction; what follows one that is committed, the next sweep does.
func TestInTxErase(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		var id gdpr.ID
		require.NoError(t, h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) (err error) {
			id, err = h.open(ctx, tx, asa, "Hemligt")
			return err
		}))
		subject := find(t, h.desk, asa)[0].Subject()
		rows, err := h.store.Record(t.Context(), id)
		require.NoError(t, err)
		version := storage.PartKeyRef{PartRef: rows[0].PartRef, Version: rows[0].Version}
		keys := h.keys
		if keys == nil {
			keys = h.store
		}
		living := func() (n int) {
			parts, err := keys.PartKeys(t.Context(), []storage.PartKeyRef{version})
			require.NoError(t, err)
			subjects, err := keys.SubjectKeys(t.Context(), []gdpr.ID{subject})
			require.NoError(t, err)
			for _, k := range subjects {
				if !k.Destroyed {
					n++
				}
			}
			return n + len(parts)
		}
		ledger := func() string {
			b, err := os.ReadFile(filepath.Join(h.dir, "dev.kek.ledger"))
			require.NoError(t, err)
			return string(b)
		}
		empty := ledger()
		var erasure *gdpr.Erasure
		h.both(t, func(ctx context.Context, tx *sql.Tx) (err error) {
			if _, err = tx.ExecContext(ctx, `DELETE FROM public.tickets`); err != nil {
				return err
			}
			if erasure, err = h.privacy.Erase(ctx, asa, gdpr.Unlawful); err != nil {
				return err
			}
			assert.True(t, erasure.Whole)
			_, err = h.desk.Get(ctx, id)
			assert.ErrorIs(t, err, gdpr.ErrErased, "within the transaction")
			assert.Equal(t, "Hemligt", h.text(t, id), "outside, until it is committed")
			return nil
		}, func() {
			assert.Equal(t, 1, h.rows(t))
			assert.Equal(t, "Hemligt", h.text(t, id))
			assert.Equal(t, 2, living())
			assert.Zero(t, h.verified().Proofs)
			h.sweep()
			assert.Equal(t, "Hemligt", h.text(t, id))
			assert.Equal(t, empty, ledger())
		})
		_, err = h.desk.Get(t.Context(), id)
		require.ErrorIs(t, err, gdpr.ErrErased)
		assert.Empty(t, find(t, h.desk, asa))
		assert.Zero(t, h.rows(t))
		assert.Equal(t, empty, ledger(), "the ledger waits")
		open, err := h.store.OpenProofs(t.Context())
		require.NoError(t, err)
		assert.Equal(t, h.keys != nil, len(open) == 1)

		h.sweep()
		assert.Zero(t, living())
		open, err = h.store.OpenProofs(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		assert.Greater(t, len(ledger()), len(empty))
		assert.Equal(t, 1, h.verified().Proofs)
		again := h.put(t, asa, "Ny")
		assert.Equal(t, "Ny", h.text(t, again))
	})
}

// Any erasure that follows finishes one of a transaction, and so does Open.
func TestInTxEraseFinishes(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(t *testing.T, h *shop){
		"Erase": func(t *testing.T, h *shop) {
			h.put(t, gdpr.Email("orjan@kund.example"), "Hej")
			_, err := h.privacy.Erase(t.Context(), gdpr.Email("orjan@kund.example"), gdpr.Unlawful)
			require.NoError(t, err)
		},
		"Open": func(_ *testing.T, h *shop) {
			require.NoError(h.t, h.Close())
			h.house.open()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("needs Postgres")
			}
			h := newShop(t, true)
			id := h.put(t, asa, "Hemligt")
			rows, err := h.store.Record(t.Context(), id)
			require.NoError(t, err)
			require.NoError(t, h.inTx(t, 0, func(ctx context.Context, _ *sql.Tx) error {
				_, err := h.privacy.Erase(ctx, asa, gdpr.Unlawful)
				return err
			}))
			version := []storage.PartKeyRef{{PartRef: rows[0].PartRef, Version: rows[0].Version}}
			left, err := h.keys.PartKeys(t.Context(), version)
			require.NoError(t, err)
			require.Len(t, left, 1)
			finish(t, h)
			left, err = h.keys.PartKeys(t.Context(), version)
			require.NoError(t, err)
			require.Empty(t, left)
			h.verified()
		})
	}
}

// Acts that commit step by step refuse a transaction, and so does a store that cannot write into one.
func TestInTxRefused(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		party, _ := h.customer("Kund Å AB")
		refused := func(err error) {
			t.Helper()
			var in *gdpr.InputError
			require.ErrorAs(t, err, &in)
			assert.Equal(t, "Context", in.Field)
		}
		lite := sqliteHouse(t, "epm.yaml", false)
		lite.grant(support, "support")
		mem := newHouse(t, "epm.yaml", memory.New(), nil)
		mem.grant(support, "support")
		var kept gdpr.ID
		require.NoError(t, h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) (err error) {
			_, err = h.Sweep(ctx, nil)
			refused(err)
			_, err = h.desk.PutAll(ctx, func(yield func(gdpr.Record, error) bool) { yield(ticketOf(asa, "Hej"), nil) }, nil)
			refused(err)
			_, err = h.As(dpo, gdpr.Retention).Offboard(ctx, party)
			refused(err)
			for _, other := range []*house{lite, mem} {
				_, err = other.As(support, "support-ticket").Put(ctx, ticketOf(asa, "Hej"))
				refused(err)
				assert.Zero(t, other.count())
			}
			kept, err = h.open(ctx, tx, asa, "Hej")
			return err
		}))
		assert.Equal(t, "Hej", h.text(t, kept))
		h.verified()
	})
}

// Transactions that are open at the same time write to lanes of their own, beside acts without one; whatever becomes of them the trail stands.
func TestInTxConcurrent(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		const writers, rounds = 4, 6
		common := gdpr.Email("gemensam@kund.example")
		h.put(t, common, "Först")
		stored := map[gdpr.ID]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for r := range rounds {
					who := gdpr.Email(fmt.Sprintf("örn%d-%d@kund.example", w, r))
					mine := map[gdpr.ID]string{}
					err := h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) error {
						for i, about := range []gdpr.Identity{who, who, common} {
							text := fmt.Sprintf("ärende %d %d %d", w, r, i)
							id, err := h.open(ctx, tx, about, text)
							if err != nil {
								return err
							}
							mine[id] = text
						}
						if r%3 == 1 {
							if _, err := h.privacy.Erase(ctx, who, gdpr.Unlawful); err != nil {
								return err
							}
							maps.DeleteFunc(mine, func(_ gdpr.ID, text string) bool { return !strings.HasSuffix(text, "2") })
						}
						if r%3 == 2 {
							return errUndo
						}
						return nil
					})
					if r%3 == 2 {
						assert.Equal(t, errUndo, err)
						continue
					}
					if !assert.NoError(t, err) {
						return
					}
					mu.Lock()
					maps.Copy(stored, mine)
					mu.Unlock()
				}
			})
		}
		wg.Go(func() {
			for range rounds {
				_, err := h.Sweep(t.Context(), &gdpr.SweepOptions{MaxShare: 1})
				assert.NoError(t, err)
				_, err = h.desk.Put(t.Context(), ticketOf(common, "bredvid"))
				assert.NoError(t, err)
			}
		})
		wg.Wait()
		for id, text := range stored {
			assert.Equal(t, text, h.text(t, id))
		}
		assert.Len(t, find(t, h.desk, common), 1+rounds+writers*rounds*2/3)
		h.sweep()
		assert.Equal(t, writers*rounds/3, h.verified().Proofs)
	})
}

// Two transactions that erase different persons at the same time: the second waits for the first, and its proof follows.
func TestInTxErasuresInLine(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		orjan := gdpr.Email("örjan@kund.example")
		h.put(t, asa, "Hej")
		h.put(t, orjan, "Hej")
		erased, done := make(chan error, 1), make(chan struct{})
		require.NoError(t, h.inTx(t, 0, func(ctx context.Context, _ *sql.Tx) error {
			if _, err := h.privacy.Erase(ctx, asa, gdpr.Unlawful); err != nil {
				return err
			}
			go func() {
				erased <- h.inTx(t, 0, func(ctx context.Context, _ *sql.Tx) error {
					close(done)
					_, err := h.privacy.Erase(ctx, orjan, gdpr.Unlawful)
					return err
				})
			}()
			<-done
			return nil
		}))
		require.NoError(t, <-erased)
		h.sweep()
		assert.Zero(t, h.count())
		assert.Equal(t, 2, h.verified().Proofs)
	})
}

// A snapshot hides what others wrote before the locks were taken: an erasure would miss it. Such a transaction is refused from its first act on.
func TestInTxIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range []sql.IsolationLevel{sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			eachShop(t, func(t *testing.T, h *shop) {
				h.put(t, asa, "Hej")
				for range 2 { // before and after a lane is there
					err := h.inTx(t, level, func(ctx context.Context, tx *sql.Tx) error {
						var n int
						if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM public.tickets`).Scan(&n); err != nil {
							return err
						}
						h.put(t, asa, "Hej igen")
						_, err := h.privacy.Erase(ctx, asa, gdpr.Unlawful)
						return err
					})
					require.ErrorContains(t, err, "READ COMMITTED")
					require.NoError(t, h.inTx(t, sql.LevelReadCommitted, func(ctx context.Context, tx *sql.Tx) error {
						_, err := h.open(ctx, tx, asa, "Hej")
						return err
					}))
				}
				_, err := h.privacy.Erase(t.Context(), asa, gdpr.Unlawful)
				require.NoError(t, err)
				assert.Zero(t, h.count(), "nothing was left behind")
				h.verified()
			})
		})
	}
}

// The application's own savepoints work, and no act leaves one behind.
func TestInTxSavepoints(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		var kept, undone gdpr.ID
		require.NoError(t, h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) (err error) {
			if kept, err = h.open(ctx, tx, asa, "Stannar"); err != nil {
				return err
			}
			if _, err = tx.ExecContext(ctx, `SAVEPOINT app`); err != nil {
				return err
			}
			if undone, err = h.open(ctx, tx, asa, "Ångras"); err != nil {
				return err
			}
			if _, err = tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT app`); err != nil {
				return err
			}
			return h.desk.Update(ctx, kept, gdpr.Change{Fields: gdpr.Fields{"message": "Stannade"}})
		}))
		assert.Equal(t, "Stannade", h.text(t, kept))
		_, err := h.desk.Get(t.Context(), undone)
		require.ErrorIs(t, err, gdpr.ErrNotFound)

		for name, act := range map[string]func(ctx context.Context) error{
			"done": func(ctx context.Context) error {
				_, err := h.desk.Put(ctx, ticketOf(asa, "Hej"))
				return err
			},
			"refused": func(ctx context.Context) error {
				part := storage.PartRef{Bucket: 1, Record: storage.NewID(), Part: 1}
				err := h.store.Apply(ctx, &storage.Batch{EraseParts: []storage.PartErase{{PartRef: part, Subject: storage.NewID(), Rev: 1}}})
				var cond *storage.ConditionError
				require.ErrorAs(t, err, &cond)
				return nil
			},
		} {
			err := h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) error {
				require.NoError(t, act(ctx), name)
				_, err := tx.ExecContext(ctx, `RELEASE SAVEPOINT gallra`)
				return err
			})
			require.ErrorContains(t, err, "does not exist", name)
		}
		h.verified()
	})
}

// Entries of one transaction stand on one lane, in the order of its acts.
func TestInTxOneLane(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		lane := map[string]bool{}
		before, err := h.store.Lanes(t.Context())
		require.NoError(t, err)
		for range 3 { // one after the other: they share the lane
			require.NoError(t, h.inTx(t, 0, func(ctx context.Context, tx *sql.Tx) error {
				for _, text := range []string{"Ett", "Två"} {
					if _, err := h.open(ctx, tx, asa, text); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		after, err := h.store.Lanes(t.Context())
		require.NoError(t, err)
		for _, l := range after {
			if !slices.ContainsFunc(before, func(b storage.Lane) bool { return b.ID == l.ID }) {
				lane[l.ID.String()] = true
				assert.Equal(t, uint64(6), l.Last)
				rows, err := h.store.Entries(t.Context(), l.ID, 0, 10)
				require.NoError(t, err)
				for _, row := range rows {
					e, err := audit.DecodeEntry(row.Body)
					require.NoError(t, err)
					assert.Equal(t, "Put", e.Action)
				}
			}
		}
		assert.Len(t, lane, 1)
		h.verified()
	})
}
