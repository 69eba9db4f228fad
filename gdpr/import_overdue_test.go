package gdpr_test

import (
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/retention"
)

// tenYears are n tickets of ten years ago, each of a person of his own.
func tenYears(from, n int) iter.Seq2[gdpr.Record, error] {
	return func(yield func(gdpr.Record, error) bool) {
		for i := from; i < from+n; i++ {
			if !yield(gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("kund %d", i)), CollectedAt: on("2016-05-10").at,
				Fields: gdpr.Fields{"message": "Gammalt ärende"}}, nil) {
				return
			}
		}
	}
}

// One record that an import brings in overdue halts every sweep without a plan, whatever its bound, until a plan was run that shows it.
func TestImportOverdueIsPlanned(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "2016"} {
		t.Run("key "+key, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				f := newFirm(h)
				f.ticket(gdpr.ID{}, gdpr.ID{})
				young := text("Nytt")
				young.CollectedAt = on("2025-12-01").at
				before, err := h.Plan(ctx)
				require.NoError(t, err)
				assert.False(t, before.Halting)
				out, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
					_ = yield(young, nil)
					tenYears(0, 1)(yield)
				}, &gdpr.ImportOptions{Key: key})
				require.NoError(t, err)
				assert.Equal(t, 2, out.Stored)
				assert.Equal(t, 1, out.Overdue)

				ended := f.ticket(gdpr.ID{}, gdpr.ID{}) // due as well, but by somebody's word
				f.event(f.support, gdpr.Event{Kind: gdpr.PurposeEnded, Record: ended})
				for _, e := range []*house{h, h.second()} {
					for _, opt := range []*gdpr.SweepOptions{nil, {MaxShare: 1}, {MaxParts: 1}} {
						res, err := e.Sweep(ctx, opt)
						require.ErrorIs(t, err, gdpr.ErrHalted)
						require.ErrorContains(t, err, "(overdue parts that an import brought in: 1)")
						assert.Zero(t, res.Erased)
					}
				}
				assert.Equal(t, 4, h.count())
				_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: before})
				require.ErrorIs(t, err, gdpr.ErrPlanChanged)

				plan, err := h.Plan(ctx)
				require.NoError(t, err)
				assert.True(t, plan.Halting)
				assert.Equal(t, 1, plan.Overdue)
				assert.Equal(t, 2, plan.Erase)
				assert.Contains(t, plan.Lines, retention.Line{Activity: "support-ticket", Rule: "P1Y after collected without agreement", Why: "due", Count: 2})
				part, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan, MaxParts: 1})
				require.NoError(t, err)
				require.True(t, part.More)
				_, err = h.Sweep(ctx, nil)
				require.ErrorIs(t, err, gdpr.ErrHalted, "the plan was not run to its end")
				plan, err = h.Plan(ctx)
				require.NoError(t, err)
				done, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
				require.NoError(t, err)
				assert.Equal(t, 2, part.Erased+done.Erased)

				// From then on nothing waits, and what comes due by itself goes by itself.
				after, err := h.Plan(ctx)
				require.NoError(t, err)
				assert.False(t, after.Halting)
				assert.Zero(t, after.Overdue)
				h.clock.set("2026-11-29")
				res, err := h.Sweep(ctx, nil)
				require.NoError(t, err)
				assert.Equal(t, 1, res.Erased, "the young one")
				assert.Equal(t, 1, h.count())

				// A second run of the same import brings nothing, and halts nothing.
				if key != "" {
					_, err = f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
						_ = yield(young, nil)
						tenYears(0, 1)(yield)
					}, &gdpr.ImportOptions{Key: key})
					require.NoError(t, err)
					_, err = h.Sweep(ctx, nil)
					require.NoError(t, err)
				}
				entries, _ := h.trail()
				noted := 0
				for _, e := range entries {
					if e.Action == "Sweep" && e.Why == "what imports brought in overdue was planned" {
						noted += e.Count
					}
				}
				assert.Equal(t, 1, noted)
				f.verified()
			})
		})
	}
}

// What comes due within the lead of a sweep counts as overdue, what comes due later does not.
func TestImportAtTheLead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	h.clock.set("2026-03-02")
	for collected, want := range map[string]int{"2025-03-04": 1, "2025-03-05": 0} { // noon of 2 March and three days are noon of the fifth
		r := text("Hej")
		r.CollectedAt = on(collected).at
		out, err := f.support.PutAll(t.Context(), sequence(r), nil)
		require.NoError(t, err)
		assert.Equal(t, want, out.Overdue, collected)
	}
	plan, err := h.Plan(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, plan.Erase, "as a sweep counts it")
}

// A record on its way in says in the same batch that it is overdue: no crash leaves one that nobody knows of.
func TestImportOverdueOutlivesACrash(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		for _, mode := range []string{"before", "after"} {
			h := newHouse(t, "epm.yaml", memory.New(), nil)
			newFirm(h)
			two, s := h.spied()
			s.faultAt(n, mode)
			_, err := two.As(support, "support-ticket").PutAll(t.Context(), tenYears(0, 12), &gdpr.ImportOptions{Batch: 3})
			require.ErrorIs(t, err, errKilled)
			plan, err := h.Plan(t.Context())
			require.NoError(t, err)
			assert.Equal(t, h.count(), plan.Overdue)
			assert.Equal(t, h.count() > 0, plan.Halting)
		}
	}
}

// An import that comes while a sweep runs: the sweep stops before it takes what came in, with a plan or without.
func TestImportDuringASweep(t *testing.T) {
	t.Parallel()
	for _, planned := range []bool{false, true} {
		t.Run(fmt.Sprintf("planned %v", planned), func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				f := newFirm(h)
				for range 6 {
					f.ticket(gdpr.ID{}, gdpr.ID{})
				}
				h.clock.set("2027-03-01")
				opt := &gdpr.SweepOptions{MaxShare: 1, Batch: 2}
				want := gdpr.ErrHalted
				two, s := h.second().spied()
				if planned {
					var err error
					opt.Plan, err = h.Plan(ctx)
					require.NoError(t, err)
					want = gdpr.ErrPlanChanged
				}
				brought := false
				s.before = func(b *storage.Batch) {
					if len(b.EraseParts) > 0 && !brought {
						brought = true
						_, err := f.support.PutAll(ctx, tenYears(0, 3), nil)
						assert.NoError(t, err)
					}
				}
				res, err := two.Sweep(ctx, opt)
				require.ErrorIs(t, err, want)
				require.True(t, brought)
				assert.Zero(t, res.Erased)
				assert.Equal(t, 9, h.count())
				plan, err := h.Plan(ctx)
				require.NoError(t, err)
				assert.Equal(t, 9, plan.Erase)
				assert.Equal(t, 3, plan.Overdue)
				done, err := two.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
				require.NoError(t, err)
				assert.Equal(t, 9, done.Erased)
				f.verified()
			})
		})
	}
}

// What came in overdue and is on hold stays; the plan that says so is enough, and the release needs no other.
func TestImportOverdueOnHold(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Subject: asa, Ground: "tvist", ReviewBy: day(t, "2026-09-01")})
		require.NoError(t, err)
		before, err := h.Plan(ctx)
		require.NoError(t, err)
		old := text("Gammalt")
		old.CollectedAt = on("2016-05-10").at
		out, err := f.support.PutAll(ctx, sequence(old), nil)
		require.NoError(t, err)
		assert.Equal(t, 1, out.Overdue)
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Zero(t, plan.Erase)
		assert.Equal(t, 1, plan.Stay)
		assert.True(t, plan.Halting)
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: before})
		require.ErrorIs(t, err, gdpr.ErrPlanChanged, "a plan of before does not show it, though it would erase the same")
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.NoError(t, err)
		require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
		res, err := h.Sweep(ctx, nil)
		require.NoError(t, err)
		assert.Equal(t, 1, res.Erased)
		f.verified()
	})
}

// Imports that bring in overdue data at the same time give way to each other; none loses a record by it.
func TestImportsOverdueAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		var all sync.WaitGroup
		for i, e := range []*house{h, h.second(), h.second()} {
			all.Go(func() {
				out, err := e.As(support, "support-ticket").PutAll(t.Context(), tenYears(i*100, 60), &gdpr.ImportOptions{Key: fmt.Sprint(i), Batch: 5})
				assert.NoError(t, err)
				assert.Equal(t, 60, out.Stored)
				assert.Equal(t, 60, out.Overdue)
			})
		}
		all.Wait()
		assert.Equal(t, 180, h.count())
		plan, err := h.Plan(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 180, plan.Overdue)
		h.verified()
	})
}
