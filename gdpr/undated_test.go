package gdpr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

const (
	epmFirst  = "version: 1, from: 2026-01-01,"
	epmSecond = "version: 2, from: 2026-01-01, change: Nya tider,"
)

// A new version changes the period of data that is stored: it goes by the new rule, neither early nor late. Without dating anew, what got a shorter one would
// wake by the old rule, months after its time.
func TestNewPeriodsDayByDay(t *testing.T) {
	t.Parallel()
	// Each prepares a record, and says what happens to it once the new version is adopted.
	ticket := func(f *firm) (gdpr.ID, func()) { return f.ticket(gdpr.ID{}, gdpr.ID{}), nil }
	supplied := func(f *firm) (gdpr.ID, func()) {
		_, agreement := f.supplier()
		return f.ticket(agreement, gdpr.ID{}), func() {
			f.event(f.As(boss, gdpr.Retention), gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		}
	}
	ended := func(f *firm) (gdpr.ID, func()) {
		id, end := supplied(f)
		end()
		return id, nil
	}
	assigned := func(f *firm) (gdpr.ID, func()) {
		_, agreement := f.supplier()
		job := f.assignment(agreement)
		id := f.ticket(gdpr.ID{}, job)
		f.event(f.admin, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: job})
		return id, nil
	}
	const afterCollected, afterEnd = "P1Y after collected without", "P1Y after assignment-ended"
	for _, c := range []struct {
		name           string
		run            func(f *firm) (gdpr.ID, func())
		old, new       string
		not            string // the first of three weeks of sweeps in which it does not go, if any
		from, until    string
		want, approval string
	}{
		{"shortened", ticket, afterCollected, "P6M after collected without", "2026-08-05", "2026-08-26", "2026-09-05", "2026-08-31", ""},
		{"shortened, and overdue by that", ticket, afterCollected, "P6M after collected without", "", "2026-12-24", "2026-12-25", "2026-12-24", ""},
		{"lengthened", ticket, afterCollected, "P2Y after collected without", "2027-02-20", "2028-02-20", "2028-03-05", "2028-02-29", "yes"},
		{"on an agreement's clock that runs", ended, afterEnd, "P6M after assignment-ended", "2026-08-05", "2026-08-26", "2026-09-05", "2026-08-31", ""},
		{"on an assignment's clock that runs", assigned, afterEnd, "P6M after assignment-ended", "2026-08-05", "2026-08-26", "2026-09-05", "2026-08-31", ""},
		{"on an agreement's clock that starts later", supplied, afterEnd, "P6M after assignment-ended", "2026-08-05", "2026-08-26", "2026-09-05", "2026-08-31", ""},
		{"lengthened, on an agreement's clock that runs", ended, afterEnd, "P2Y after assignment-ended", "2027-02-20", "2028-02-20", "2028-03-05", "2028-02-29", "yes"},
		{"from the agreement's clock to one of its own", func(f *firm) (gdpr.ID, func()) {
			id, _ := supplied(f)
			return id, nil
		}, afterEnd, "P6M after collected", "2026-08-05", "2026-08-26", "2026-09-05", "2026-08-31", ""},
		{"a shorter floor and ceiling", func(f *firm) (gdpr.ID, func()) { return f.invoice(), nil }, "P7Y", "P1Y", "2028-03-01", "2028-03-24", "2028-04-02", "2028-03-29", ""},
		{"on hold until after its time", func(f *firm) (gdpr.ID, func()) {
			id := f.ticket(gdpr.ID{}, gdpr.ID{})
			hold, err := f.As(dpo, gdpr.Retention).Hold(f.t.Context(), gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(f.t, "2026-12-01")})
			require.NoError(f.t, err)
			return id, func() {
				assert.Equal(f.t, "never", f.goesOn(id, "2026-08-26", "2026-09-20"))
				require.NoError(f.t, f.As(dpo, gdpr.Retention).Release(f.t.Context(), hold))
			}
		}, afterCollected, "P6M after collected without", "", "2026-09-20", "2026-09-21", "2026-09-20", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				f := newFirm(h)
				id, then := c.run(f)
				if c.approval != "" {
					h.approval = &gdpr.Approval{Version: 2, Reason: "Beslut 2026-17", Approver: dpo}
				}
				h.adopt("epm.yaml", epmFirst, epmSecond, c.old, c.new)
				if then != nil {
					then()
				}
				if c.not != "" {
					require.Equal(t, "never", f.goesOn(id, c.not, day(t, c.not).AddDays(20).String()))
				}
				assert.Equal(t, c.want, f.goesOn(id, c.from, c.until))
				f.verified()
			})
		})
	}
}

// shorter adopts half a year for tickets instead of one.
func (h *house) shorter() {
	h.t.Helper()
	h.adopt("epm.yaml", epmFirst, epmSecond, "P1Y after collected without", "P6M after collected without")
}

// dues are the parts with their due, in the order of the store.
func (h *house) dues() (out []string) {
	h.t.Helper()
	parts, err := h.store.Parts(h.t.Context(), storage.PartQuery{Limit: 1000})
	require.NoError(h.t, err)
	for _, p := range parts {
		out = append(out, fmt.Sprint(p.Record, " ", p.Family, " ", p.Due, " ", p.Rev))
	}
	return out
}

// dated counts the parts that the trail says were dated anew.
func (h *house) dated() (n int) {
	h.t.Helper()
	entries, _ := h.trail()
	for _, e := range entries {
		if strings.HasPrefix(e.Why, "dated anew by version") {
			n += e.Count
		}
	}
	return n
}

// Dating anew is cut short at every batch, before it and after it; a fresh engine goes on. There is one end: every part dated, and each once.
func TestDatingAnewIsCutShort(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, h *house) {
		h.customers("åsa@kund.example", "örjan@kund.example", "märta@kund.example", "nils@kund.example", "ylva@kund.example", "göran@kund.example", "pär@kund.example")
		h.grant(books, "accounts")
		(&firm{house: h, accounts: h.As(books, "invoice")}).invoice()
		h.clock.set("2026-04-01")
		h.shorter()
		for cut := 1; ; cut++ {
			for _, after := range []bool{false, true} {
				two, s := h.spied()
				n := 0
				s.fail = func(b *storage.Batch) error {
					if n++; n != cut {
						return nil
					}
					if after {
						require.NoError(t, h.store.Apply(t.Context(), b))
					}
					return errKilled
				}
				_, err := two.Sweep(t.Context(), &gdpr.SweepOptions{Batch: 2})
				if n < cut {
					require.NoError(t, err)
					assert.Equal(t, 7, h.dated(), "each part once")
					for _, line := range h.dues() {
						assert.Equal(t, strings.Contains(line, "support-ticket 2026-09-02"), strings.Contains(line, "support-ticket"), line)
					}
					// What is done is not done again.
					dues := h.dues()
					two, s = h.spied()
					_, err = two.Sweep(t.Context(), nil)
					require.NoError(t, err)
					assert.Equal(t, dues, h.dues())
					assert.NotContains(t, s.asked, "Parts")
					h.verified()
					return
				}
				require.ErrorIs(t, err, errKilled)
			}
		}
	}
	eachStore(t, "epm.yaml", run)
}

// A part that somebody changes while its page is being dated is read again; one that is erased is no more.
func TestDatingAnewMeetsOthers(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		_, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		h.shorter()
		two, s := h.spied()
		once := true
		s.before = func(b *storage.Batch) {
			if len(b.RetimeParts) > 0 && once {
				once = false
				assert.NoError(t, h.As(support, "support-ticket").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Ändrat"}}))
				_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, bjorn, gdpr.Objected)
				assert.NoError(t, err)
			}
		}
		res, err := two.Sweep(ctx, nil)
		require.NoError(t, err)
		require.False(t, once)
		assert.Equal(t, 1, res.Dated)
		assert.Equal(t, "2026-08-31", f.goesOn(id, "2026-08-25", "2026-09-05"))
		f.verified()
	})
}

// Until a sweep has dated everything anew, a plan looks at every part: it hides nothing that is due. Run, it erases exactly that.
func TestPlanBeforeDatingAnew(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		_, agreement := f.supplier()
		f.ticket(gdpr.ID{}, gdpr.ID{})
		f.ticket(agreement, gdpr.ID{})
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		f.invoice()
		held := f.ticket(gdpr.ID{}, gdpr.ID{})
		_, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: held, Ground: "tvist", ReviewBy: day(t, "2027-01-01")})
		require.NoError(t, err)
		_, err = f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		_, err = h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Subject: bjorn, Ground: "tvist", ReviewBy: day(t, "2027-01-01")})
		require.NoError(t, err)
		h.clock.set("2026-10-01")
		f.ticket(gdpr.ID{}, gdpr.ID{})
		before, err := h.Plan(ctx)
		require.NoError(t, err)
		require.Zero(t, before.Erase)
		require.Zero(t, before.Stay)
		h.adopt("epm.yaml", epmFirst, epmSecond, "P1Y after collected without", "P6M after collected without", "P1Y after assignment-ended", "P6M after assignment-ended")
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: before})
		require.ErrorIs(t, err, gdpr.ErrPlanChanged)
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, 2, plan.Erase)
		assert.Zero(t, plan.Stay)

		// What its own due or its schedule has woken anyway is counted once.
		require.NoError(t, h.As(support, "support-ticket").RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: f.ticket(gdpr.ID{}, gdpr.ID{})}))
		_, customer := h.customer("Tallbackens vårdcentral")
		f.hosted(customer, asa)
		f.event(h.As(boss, gdpr.Retention), gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: customer})
		plan, err = h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, 4, plan.Erase)
		res, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.NoError(t, err)
		assert.Equal(t, 4, res.Erased)
		assert.Equal(t, 4, h.count())
		again, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Zero(t, again.Erase)
		f.verified()
	})
}

// What becomes due by a new version counts for MaxShare like anything else: nothing is erased before somebody has looked at the plan.
func TestAdoptionHaltsASweep(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	var names []string
	for i := range 120 {
		names = append(names, fmt.Sprintf("kund%d@exempel.se", i))
	}
	h.customers(names...)
	h.clock.set("2026-10-01")
	h.shorter()
	res, err := h.Sweep(t.Context(), &gdpr.SweepOptions{Batch: 7})
	require.ErrorIs(t, err, gdpr.ErrHalted)
	assert.Equal(t, 120, res.Dated)
	assert.Equal(t, 120, h.count())
	plan, err := h.Plan(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 120, plan.Erase)
	assert.True(t, plan.Halting)
	res, err = h.Sweep(t.Context(), &gdpr.SweepOptions{Plan: plan})
	require.NoError(t, err)
	assert.Equal(t, 120, res.Erased)
}

// What wakes early enough anyway is left as it is: on its own due, on a schedule that the new version does not touch, and what is held.
func TestDatingAnewLeavesOthers(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		held := f.ticket(gdpr.ID{}, gdpr.ID{})
		_, err := h.As(dpo, gdpr.Retention).Hold(t.Context(), gdpr.Hold{Record: held, Ground: "tvist", ReviewBy: day(t, "2027-01-01")})
		require.NoError(t, err)
		f.invoice()
		_, agreement := h.customer("Tallbackens vårdcentral")
		f.hosted(agreement, asa)
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		h.shorter()
		assert.Equal(t, 1, h.sweep().Dated)
		assert.Equal(t, 1, h.dated())
		assert.Zero(t, h.sweep().Dated)
	})
}

// A bound in time is a bound for dating anew as well: the next sweep goes on from there.
func TestDatingAnewInTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	h.customers("åsa@kund.example", "örjan@kund.example")
	h.shorter()
	res, err := h.Sweep(t.Context(), &gdpr.SweepOptions{MaxTime: 1})
	require.NoError(t, err)
	assert.True(t, res.More)
	assert.Zero(t, h.dated())
	assert.Equal(t, 2, h.sweep().Dated)
}

// The mark of a version outlives a version that changes no rule; that one by itself leaves none, and a sweep after it reads no parts.
func TestMarkOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		h.shorter()
		h.adopt("epm.yaml", epmFirst, "version: 3, from: 2026-01-01, change: Ord,", "P1Y after collected without", "P6M after collected without")
		assert.Equal(t, 1, h.sweep().Dated)
		h.adopt("epm.yaml", epmFirst, "version: 4, from: 2026-01-01, change: Ord,", "P1Y after collected without", "P6M after collected without")
		two, s := h.spied()
		two.sweep()
		assert.NotContains(t, s.asked, "Parts")
		assert.Equal(t, "2026-08-31", f.goesOn(id, "2026-08-25", "2026-09-05"))
	})
}

// A program that goes on with the earlier version sweeps no more, and a sweep that is under way stops: what the new version keeps is not erased by the old one.
func TestSweepByAnEarlierVersion(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2027-03-01")
		old, s := h.spied()
		done := false
		s.before = func(b *storage.Batch) {
			if len(b.EraseParts) > 0 && !done {
				done = true
				h.approved("epm.yaml", epmFirst, epmSecond, "P1Y after collected without", "P2Y after collected without")
			}
		}
		_, err := old.Sweep(ctx, nil)
		require.ErrorIs(t, err, gdpr.ErrConflict)
		require.True(t, done)
		assert.Equal(t, 1, h.count())
		_, err = old.Sweep(ctx, nil)
		require.ErrorIs(t, err, gdpr.ErrOldRegister)
		_, err = old.Plan(ctx)
		require.ErrorIs(t, err, gdpr.ErrOldRegister)
		_, err = old.PlanAdoption(ctx, h.reg)
		require.ErrorIs(t, err, gdpr.ErrOldRegister)
		assert.Zero(t, h.sweep().Erased)
		assert.Equal(t, 1, h.count())
		assert.False(t, slices.ContainsFunc(h.dues(), func(s string) bool { return strings.Contains(s, "2027-03-02") }), "it woke, and has its new date")
		f.verified()
	})
}
