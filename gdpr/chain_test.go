package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// inTheLedger is how many proofs the ledger of a house has.
func (h *house) inTheLedger() int {
	h.t.Helper()
	id := h.StoreID()
	l, err := audit.OpenLedger(filepath.Join(h.dir, "dev.kek.ledger"), id, id)
	require.NoError(h.t, err)
	defer func() { _ = l.Close() }()
	head, err := l.Head(h.t.Context())
	require.NoError(h.t, err)
	return int(head.N)
}

// customers puts one ticket each for persons of these names.
func (h *house) customers(names ...string) {
	h.t.Helper()
	h.grant(support, "support")
	h.grant(dpo, "privacy")
	for _, name := range names {
		_, err := h.As(support, "support-ticket").Put(h.t.Context(), gdpr.Record{Subject: gdpr.Email(name), Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(h.t, err)
	}
}

func (h *house) erase(ctx context.Context, name string) (*gdpr.Erasure, error) {
	return h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email(name), gdpr.NoLongerNeeded)
}

// TestErasersAtOnce: many erase at the same time with several engines on one store. The proofs are one chain, and nobody fails for having met somebody.
func TestErasersAtOnce(t *testing.T) {
	t.Parallel()
	for _, engines := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(engines), func(t *testing.T) {
			t.Parallel()
			erasersAtOnce(t, newHouse(t, "epm.yaml", memory.New(), nil), engines)
		})
		if testing.Short() {
			continue
		}
		t.Run(fmt.Sprint("postgres, ", engines), func(t *testing.T) {
			t.Parallel()
			erasersAtOnce(t, postgresHouse(t, "epm.yaml", false), engines)
		})
	}
}

func erasersAtOnce(t *testing.T, h *house, engines int) {
	t.Helper()
	const clients, each = 8, 12
	var names []string
	for i := range clients * each {
		names = append(names, fmt.Sprintf("kund%d@exempel.se", i))
	}
	h.customers(names...)
	var desks []*house
	for range engines {
		desk, s := h.spied()
		s.before = func(b *storage.Batch) { // as a commit that waits for a disk
			if len(b.Proofs) > 0 {
				time.Sleep(time.Millisecond)
			}
		}
		desks = append(desks, desk)
	}
	var wg sync.WaitGroup
	failed := make([]error, clients)
	for c := range clients {
		wg.Go(func() {
			desk := desks[c%engines]
			for i := range each {
				out, err := desk.erase(t.Context(), names[c*each+i])
				if err == nil && !out.Whole {
					err = errors.New("something is left")
				}
				failed[c] = errors.Join(failed[c], err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(failed...))
	require.EqualValues(t, clients*each, h.verified().Proofs)
	require.Equal(t, clients*each, h.inTheLedger())
	require.Zero(t, h.count())
	entries, _ := h.trail()
	proofs := map[string]bool{}
	for _, e := range entries {
		if e.Proof != "" {
			proofs[e.Proof] = true
		}
	}
	require.Len(t, proofs, clients*each)
}

// TestTurnsEnd: an erasure whose commit waits, as for a transaction of the application, does not keep others waiting for good. It may be they that it waits
// for.
func TestTurnsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	h.customers("åsa@exempel.se", "björn@exempel.se")
	h, s := h.spied()
	waits, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.before = func(b *storage.Batch) {
		first := false
		if len(b.Proofs) > 0 {
			once.Do(func() { first = true })
		}
		if first {
			close(waits)
			<-done
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := h.erase(t.Context(), "åsa@exempel.se")
		assert.NoError(t, err)
	})
	<-waits
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := h.erase(ctx, "björn@exempel.se")
	close(done)
	wg.Wait()
	require.NoError(t, err)
	require.EqualValues(t, 2, h.verified().Proofs)
	require.Equal(t, 2, h.inTheLedger())
}

// TestEraseAsksLittle: while nobody else writes to store and ledger, an erasure neither reads the last proof nor compares.
func TestEraseAsksLittle(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	h.customers("åsa@exempel.se", "björn@exempel.se", "cilla@exempel.se")
	h, s := h.spied()
	_, err := h.erase(t.Context(), "åsa@exempel.se")
	require.NoError(t, err)
	for _, name := range []string{"björn@exempel.se", "cilla@exempel.se"} {
		s.reset()
		_, err = h.erase(t.Context(), name)
		require.NoError(t, err)
		assert.NotContains(t, s.asked, "LastProof")
		assert.NotContains(t, s.asked, "Proofs")
		assert.LessOrEqual(t, len(s.asked), 4, "%v", s.asked)
	}
	require.Equal(t, 3, h.inTheLedger())
	h.verified()
}

// ledgerThatFails is a ledger whose disk is gone.
type ledgerThatFails struct{ audit.Ledger }

var errDisk = errors.New("no disk")

func (ledgerThatFails) Append(context.Context, ...storage.Proof) error { return errDisk }

// TestErasureDiedBeforeTheLedger: another process has erased, and died before its proof was in the ledger. Whoever erases next writes it, also one who finds
// nobody.
func TestErasureDiedBeforeTheLedger(t *testing.T) {
	t.Parallel()
	for _, again := range []string{"åsa@exempel.se", "björn@exempel.se"} {
		h := newHouse(t, "epm.yaml", memory.New(), nil)
		h.customers("åsa@exempel.se", "björn@exempel.se", "cilla@exempel.se")
		_, err := h.erase(t.Context(), "cilla@exempel.se") // so that it knows store and ledger
		require.NoError(t, err)

		kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
		require.NoError(t, err)
		id := h.StoreID()
		file, err := audit.OpenLedger(kek.LedgerPath(), id, id)
		require.NoError(t, err)
		other, err := gdpr.Open(t.Context(), h.store, kek, h.reg, &gdpr.Options{Owner: boss, Now: h.clock.now, Ledger: ledgerThatFails{file}})
		require.NoError(t, err)
		_, err = other.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("åsa@exempel.se"), gdpr.NoLongerNeeded)
		require.ErrorIs(t, err, errDisk)
		require.NoError(t, other.Close())
		require.NoError(t, file.Close())
		require.Equal(t, 1, h.inTheLedger())

		_, err = h.erase(t.Context(), again)
		want := 3
		if again == "åsa@exempel.se" {
			require.ErrorIs(t, err, gdpr.ErrNotFound)
			want = 2
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, want, h.inTheLedger())
		h.verified()
	}
}

// TestRestoredWhileOpen: the store under an engine is brought back from a copy. The next act that erases, or finds nobody, or sweeps, says so and erases
// nothing.
func TestRestoredWhileOpen(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(h *house) error{
		"erase":  func(h *house) error { _, err := h.erase(h.t.Context(), "cilla@exempel.se"); return err },
		"nobody": func(h *house) error { _, err := h.erase(h.t.Context(), "nils@exempel.se"); return err },
		"sweep":  func(h *house) error { _, err := h.Sweep(h.t.Context(), nil); return err },
	} {
		for _, others := range []bool{false, true} { // it is another process that erased after the copy was made
			t.Run(fmt.Sprint(name, ", by another: ", others), func(t *testing.T) {
				t.Parallel()
				h := sqliteHouse(t, "epm.yaml", false)
				h.customers("åsa@exempel.se", "björn@exempel.se", "cilla@exempel.se")
				h, s := h.spied()
				_, err := h.erase(t.Context(), "åsa@exempel.se")
				require.NoError(t, err)
				old := filepath.Join(t.TempDir(), "copy.db")
				require.NoError(t, s.Store.(storage.Scrubber).Scrub(t.Context())) //nolint:forcetypeassert // so that all is in the one file
				require.NoError(t, copyFile(filepath.Join(h.dir, "data.db"), old))
				by := h
				if others {
					by = h.second()
				}
				_, err = by.erase(t.Context(), "björn@exempel.se")
				require.NoError(t, err)
				s.Store = openSQLite(t, old)
				parts := h.count()
				require.Equal(t, 2, parts)
				require.ErrorIs(t, act(h), gdpr.ErrRestored)
				require.Equal(t, parts, h.count())
				require.ErrorIs(t, act(h), gdpr.ErrRestored)
			})
		}
	}
}
