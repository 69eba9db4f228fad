package gdpr_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// watcher keeps what an observer hears.
type watcher struct {
	mu      sync.Mutex
	heard   []gdpr.SweepReport
	dead    int // contexts that were done
	panics  any
	tookAny bool
}

func (w *watcher) Swept(ctx context.Context, r gdpr.SweepReport) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		w.dead++
	}
	w.tookAny = w.tookAny || r.Took > 0
	r.Took = 0
	w.heard = append(w.heard, r)
	if w.panics != nil {
		panic(w.panics)
	}
}

// one is the only report since it was asked last.
func (w *watcher) one(t *testing.T) gdpr.SweepReport {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Len(t, w.heard, 1)
	r := w.heard[0]
	w.heard = nil
	return r
}

// watched opens a house anew with an observer.
func (h *house) watched() (*house, *watcher) {
	h.t.Helper()
	kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
	require.NoError(h.t, err)
	two, w := *h, &watcher{}
	two.Engine, err = gdpr.Open(h.t.Context(), h.store, kek, h.reg, &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now, Observer: w,
		Logger: slog.New(slog.NewJSONHandler(h.log, nil))})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = two.Close() })
	return &two, w
}

// An observer hears once of each sweep, however it ends.
func TestObserver(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		h, w := h.watched()
		f := newFirm(h)
		h.sweep()
		assert.Equal(t, gdpr.SweepReport{Outcome: gdpr.SweepDone, Measured: true}, w.one(t))
		s.reset()
		h.sweep()
		w.one(t)
		plain := len(s.asked)
		files := 0 // with keys apart those that must still be destroyed
		for _, what := range s.asked {
			if what == "Files" {
				files++
			}
		}
		assert.Equal(t, h.keys != nil, files == 1, "it looks at the holds once an hour")

		ids := []gdpr.ID{f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{})}
		_, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: ids[0], Ground: "tvist", ReviewBy: day(t, "2027-03-01")})
		require.NoError(t, err)
		h.clock.set("2027-03-05")
		deadline := time.Date(2027, 3, 2, 23, 0, 0, 0, time.UTC)

		// Stopped, failed, leased and halted: something is left, and lags.
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxTime: 1})
		require.NoError(t, err)
		r := w.one(t)
		lags := gdpr.SweepReport{OldestOverdue: deadline, Lag: h.clock.at.Sub(deadline), Measured: true}
		lags.More, lags.Outcome = true, gdpr.SweepStopped
		require.Len(t, r.Warnings, 1, "the hold's review is over")
		r.Warnings = nil
		assert.Equal(t, lags, r)
		s.fail = func(b *storage.Batch) error {
			if len(b.EraseParts) > 0 {
				return errKilled
			}
			return nil
		}
		_, err = h.Sweep(ctx, nil)
		require.ErrorIs(t, err, errKilled)
		lags.More, lags.Outcome = false, gdpr.SweepFailed
		assert.Equal(t, lags, w.one(t))
		s.fail = nil
		fence, err := h.store.Acquire(ctx, "sweep", "another", h.clock.at, h.clock.at.Add(time.Minute))
		require.NoError(t, err)
		h.sweep()
		lags.Leased, lags.Outcome = true, gdpr.SweepLeased
		assert.Equal(t, lags, w.one(t))
		require.NoError(t, h.store.Release(ctx, "sweep", fence))
		_, err = f.support.PutAll(ctx, tenYears(0, 2), nil)
		require.NoError(t, err)
		_, err = h.Sweep(ctx, nil)
		require.ErrorIs(t, err, gdpr.ErrHalted)
		r = w.one(t)
		assert.Equal(t, gdpr.SweepHalted, r.Outcome)
		assert.Equal(t, 2, r.AwaitingPlan)
		assert.Equal(t, "2017-05-10", r.OldestOverdue.Add(-time.Second).Format(time.DateOnly))

		// Done. A context that is done by then is no reason to hear nothing.
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		dead, cancel := context.WithCancel(ctx)
		cancel()
		_, err = h.Sweep(dead, nil)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, gdpr.SweepFailed, w.one(t).Outcome)
		assert.Zero(t, w.dead)
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.NoError(t, err)
		r = w.one(t)
		assert.Equal(t, gdpr.SweepDone, r.Outcome)
		assert.Equal(t, 4, r.Erased)
		assert.Equal(t, 4, r.Late)
		assert.Equal(t, 1, r.Held)
		assert.Equal(t, 1, r.Dated)
		assert.Zero(t, r.OldestOverdue)
		assert.Zero(t, r.Lag)
		assert.True(t, w.tookAny)
		assert.Contains(t, h.log.String(), "parts were erased after their last day")

		s.reset()
		h.sweep()
		assert.Equal(t, plain, len(s.asked), "an idle sweep asks no more for the observer")
		w.one(t)

		// What panics loses nothing.
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2028-03-04")
		w.panics = "hemligt: Åsa Öberg"
		res, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
		require.NoError(t, err)
		assert.Equal(t, 1, res.Erased)
		assert.Contains(t, h.log.String(), "the observer panicked")
		assert.NotContains(t, h.log.String(), "Åsa")
		f.verified()
	})
}

// A store that cannot be asked what is overdue is no reason to hear nothing.
func TestObserverOfADeadStore(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	h, w := h.watched()
	require.NoError(t, h.store.Close())
	_, err := h.Sweep(t.Context(), nil)
	require.Error(t, err)
	assert.Equal(t, gdpr.SweepReport{Outcome: gdpr.SweepFailed}, w.one(t))
	require.ErrorIs(t, err, gdpr.ErrClosed)
}

// At 50 and at 80 percent of a limit somebody is warned, once in each engine.
func TestWarnings(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		h, w := h.watched()
		f := newFirm(h)
		_, agreement := h.customer("Tallbackens vårdcentral")
		_, other := h.customer("Kvarnbyns mejeri")
		hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: f.ticket(gdpr.ID{}, gdpr.ID{}), Ground: "tvist", ReviewBy: day(t, "2026-06-10")})
		require.NoError(t, err)
		review := day(t, "2026-06-10").Start(time.UTC).Add(-2 * time.Hour) // in Stockholm
		swept := func(of *house, heard *watcher, day string) []gdpr.Warning {
			t.Helper()
			h.clock.set(day)
			_, _ = of.Sweep(ctx, nil)
			return heard.one(t).Warnings
		}
		assert.Empty(t, swept(h, w, "2026-04-20"))
		assert.Equal(t, []gdpr.Warning{{Limit: gdpr.HoldReview, Object: hold, Percent: 50, End: review}}, swept(h, w, "2026-04-22"))
		assert.Empty(t, swept(h, w, "2026-04-22"))
		assert.Empty(t, swept(h, w, "2026-05-20"))
		assert.Equal(t, []gdpr.Warning{{Limit: gdpr.HoldReview, Object: hold, Percent: 80, End: review}}, swept(h, w, "2026-05-22"))
		assert.Empty(t, swept(h, w, "2026-06-20"))
		two, again := h.watched()
		assert.Equal(t, 80, swept(two, again, "2026-06-21")[0].Percent, "the later one")
		assert.Empty(t, swept(two, again, "2026-06-22"))

		// An instruction that no sweep carries out. What is not due yet, or carried out, is not warned of.
		f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		f.hosted(other, gdpr.Ref("Pat-Ö8"))
		f.event(f.operations, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: other})
		assert.Empty(t, swept(h, w, "2026-06-25"))
		h.clock.set("2026-07-01")
		f.event(f.operations, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement})
		s.fail = func(b *storage.Batch) error {
			if len(b.EraseParts) > 0 {
				return errKilled
			}
			return nil
		}
		limit := day(t, "2026-10-01").End(time.UTC).Add(-2 * time.Hour)
		assert.Empty(t, swept(h, w, "2026-08-14"))
		assert.Equal(t, []gdpr.Warning{{Limit: gdpr.InstructionTerm, Object: agreement, Percent: 50, End: limit}}, swept(h, w, "2026-08-18"))
		assert.Empty(t, swept(h, w, "2026-08-19"))
		assert.Equal(t, []gdpr.Warning{{Limit: gdpr.InstructionTerm, Object: agreement, Percent: 80, End: limit}}, swept(h, w, "2026-09-20"))
		assert.Equal(t, 5, strings.Count(h.log.String(), "much of a limit is over"), "logged as well")
		s.fail = nil
		assert.Empty(t, swept(h, w, "2026-09-21"))
		assert.Zero(t, len(listed(t, f.rights.Overdue(ctx))))
	})
}
