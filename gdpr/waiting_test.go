package gdpr_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/retention"
)

// listed collects what a list hands out.
func listed[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for row, err := range rows {
		require.NoError(t, err)
		out = append(out, row)
	}
	return out
}

// broken is the error of a list.
func broken[T any](rows iter.Seq2[T, error]) error {
	for _, err := range rows {
		return err
	}
	return nil
}

// LastSweep is the end of the last sweep of any process that came to its end, also of one that found nothing; and an idle sweep asks no more for it.
func TestLastSweep(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		f := newFirm(h)
		last := func(of *house) time.Time {
			t.Helper()
			health, err := of.Health(ctx)
			require.NoError(t, err)
			return health.LastSweep
		}
		assert.Zero(t, last(h))
		h.sweep()
		first := h.clock.at
		assert.Equal(t, first, last(h), "also one that found nothing")
		assert.Equal(t, first, last(h.second()), "of any process")

		h.clock.at = first.Add(59 * time.Minute)
		s.reset()
		h.sweep()
		assert.NotContains(t, s.asked, "Apply")
		idle := len(s.asked)
		assert.Equal(t, first, last(h))
		h.clock.at = first.Add(time.Hour)
		s.reset()
		h.sweep()
		assert.Len(t, s.asked, idle+4, "once an hour: the note, and a look at the holds, at what has run out and at the files of closed cases")
		assert.Equal(t, first.Add(time.Hour), last(h))

		// One that does something notes it always; one that has not come to its end, never.
		f.ticket(gdpr.ID{}, gdpr.ID{})
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2027-02-28")
		at := last(h)
		_, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxParts: 1})
		require.NoError(t, err)
		assert.Equal(t, at, last(h), "it stopped at its bound")
		fence, err := h.store.Acquire(ctx, "sweep", "another", h.clock.at, h.clock.at.Add(time.Minute))
		require.NoError(t, err)
		h.sweep()
		assert.Equal(t, at, last(h), "leased elsewhere")
		require.NoError(t, h.store.Release(ctx, "sweep", fence))
		s.fail = func(b *storage.Batch) error {
			if len(b.EraseParts) > 0 {
				return errKilled
			}
			return nil
		}
		_, err = h.Sweep(ctx, nil)
		require.ErrorIs(t, err, errKilled)
		assert.Equal(t, at, last(h), "failed")
		s.fail = nil
		assert.Equal(t, 1, h.sweep().Erased)
		assert.Equal(t, h.clock.at, last(h))
	})
}

// What is overdue: late by its last day, not by its due; what nothing holds, what waits for a plan, what is on hold.
func TestOverdue(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		lists := h.As(dpo, gdpr.Retention)
		oldest := func() time.Time {
			t.Helper()
			health, err := h.Health(ctx)
			require.NoError(t, err)
			return health.OldestOverdue
		}
		first := f.ticket(gdpr.ID{}, gdpr.ID{}) // last day 2027-03-02
		h.clock.set("2026-03-05")
		held := f.ticket(gdpr.ID{}, gdpr.ID{})
		second := f.ticket(gdpr.ID{}, gdpr.ID{}) // last day 2027-03-05
		_, agreement := h.customer("Tallbackens vårdcentral")
		hosted := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		_, err := lists.Hold(ctx, gdpr.Hold{Record: held, Ground: "tvist", ReviewBy: day(t, "2027-03-01")})
		require.NoError(t, err)
		_, err = lists.Hold(ctx, gdpr.Hold{Record: held, Fields: []string{"message"}, Ground: "tredje tvist", ReviewBy: day(t, "2027-03-02")})
		require.NoError(t, err)

		// To the minute: the last day runs to its end, in Stockholm.
		h.clock.at = time.Date(2027, 3, 2, 22, 59, 59, 0, time.UTC)
		assert.Empty(t, listed(t, lists.Overdue(ctx)))
		assert.Zero(t, oldest())
		h.clock.at = time.Date(2027, 3, 2, 23, 0, 0, 0, time.UTC)
		late := listed(t, lists.Overdue(ctx))
		require.Len(t, late, 1)
		assert.Equal(t, gdpr.OverduePart{Record: first, Part: 1, Activity: "support-ticket", Purposes: []string{"support-ticket"},
			Rule: "P1Y after collected without agreement", Until: day(t, "2027-03-02"), Deadline: h.clock.at, Why: gdpr.NotSwept}, late[0])
		assert.Equal(t, h.clock.at, oldest())

		h.clock.set("2027-03-10")
		late = listed(t, lists.Overdue(ctx))
		require.Len(t, late, 3)
		assert.Equal(t, []gdpr.ID{first, second, held}, []gdpr.ID{late[0].Record, late[1].Record, late[2].Record})
		assert.Equal(t, gdpr.OnHold, late[2].Why)
		require.NotNil(t, late[2].Hold)
		assert.Equal(t, "tvist", late[2].Hold.Ground)
		assert.Equal(t, "2027-03-02", late[0].Until.String())
		require.Len(t, listed(t, f.support.Overdue(ctx)), 3, "of its own activity")
		assert.Empty(t, listed(t, f.accounts.Overdue(ctx)))

		// An instruction is due at once, and overdue after three months. A hold on the agreement is said.
		f.event(f.operations, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement})
		require.Len(t, listed(t, lists.Overdue(ctx)), 3)
		h.clock.set("2027-06-10")
		require.Len(t, listed(t, lists.Overdue(ctx)), 3)
		h.clock.set("2027-06-11")
		late = listed(t, lists.Overdue(ctx))
		require.Len(t, late, 4)
		assert.Equal(t, hosted, late[2].Record)
		assert.Equal(t, "P3M after erasure-instructed", late[2].Rule)
		assert.Equal(t, "2027-06-10", late[2].Until.String())
		require.Len(t, listed(t, f.operations.Under(agreement).Overdue(ctx)), 1)
		assert.Empty(t, listed(t, f.operations.Under(h.StoreID()).Overdue(ctx)))
		_, err = lists.Hold(ctx, gdpr.Hold{Agreement: agreement, Ground: "tvist om journal", ReviewBy: day(t, "2027-09-01")})
		require.NoError(t, err)
		late = listed(t, lists.Overdue(ctx))
		require.Len(t, late, 4)
		assert.Equal(t, []gdpr.ID{held, hosted}, []gdpr.ID{late[2].Record, late[3].Record}, "by the day of review")
		require.NoError(t, err)

		// The sweep takes what nothing holds, and dates the rest by its hold; it is listed all the same.
		h.sweep()
		late = listed(t, lists.Overdue(ctx))
		require.Len(t, late, 2)
		assert.Equal(t, gdpr.OnHold, late[0].Why)
		assert.Zero(t, oldest())

		// An import of old data waits for a plan, and so does all else.
		_, err = f.support.PutAll(ctx, tenYears(0, 1), nil)
		require.NoError(t, err)
		assert.Equal(t, gdpr.AwaitingPlan, listed(t, lists.Overdue(ctx))[0].Why)
		_, err = f.support.PutAll(ctx, tenYears(1, 449), nil)
		require.NoError(t, err)
		late = listed(t, lists.Overdue(ctx))
		require.Len(t, late, 452)
		assert.Equal(t, gdpr.AwaitingPlan, late[0].Why)
		assert.Equal(t, "2017-05-10", late[0].Until.String())
		health, err := h.Health(ctx)
		require.NoError(t, err)
		assert.Equal(t, 450, health.AwaitingPlan)
		assert.Equal(t, 3, health.Holds)
		assert.Equal(t, 2, health.HoldsToReview)
		assert.Equal(t, "2017-05-10", health.OldestOverdue.Add(-time.Second).Format(time.DateOnly))

		// Pages, each in the trail before it is handed out; whoever goes on no further is told no more.
		before := entriesOf(h, "Overdue")
		for _, err := range lists.Overdue(ctx) {
			require.NoError(t, err)
			break
		}
		after := entriesOf(h, "Overdue")
		assert.Equal(t, before[0]+1, after[0])
		assert.Equal(t, before[1]+200, after[1])
		f.verified()
	})
}

// entriesOf counts the entries of an action, and what they count.
func entriesOf(h *house, action string) [2]int {
	h.t.Helper()
	var out [2]int
	entries, _ := h.trail()
	for _, e := range entries {
		if e.Action == action {
			out[0]++
			out[1] += e.Count
		}
	}
	return out
}

// What is due first need not be overdue first.
func TestOldestOverdue(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		_, first := h.customer("Tallbackens vårdcentral")
		_, second := h.customer("Kvarnbyns mejeri")
		instructed := f.hosted(first, gdpr.Ref("Pat-Ö7"))
		f.hosted(second, gdpr.Ref("Pat-Ö8"))
		_, ended := h.supplier()
		f.ticket(ended, gdpr.ID{})
		h.clock.set("2026-03-05")
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: ended, Day: day(t, "2026-03-03")}) // last day 2027-03-03
		f.ticket(gdpr.ID{}, gdpr.ID{})                                                                       // last day 2027-03-05
		h.clock.set("2026-12-10")
		f.event(f.operations, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: second}) // to 2027-03-10
		f.event(f.operations.Under(first), gdpr.Event{Kind: gdpr.ErasureInstructed, Record: instructed})
		h.clock.set("2027-03-02")
		health, err := h.Health(ctx)
		require.NoError(t, err)
		assert.Zero(t, health.OldestOverdue)
		assert.NotZero(t, health.OldestDue)
		h.clock.set("2027-03-12")
		health, err = h.Health(ctx)
		require.NoError(t, err)
		assert.Equal(t, time.Date(2027, 3, 3, 23, 0, 0, 0, time.UTC), health.OldestOverdue)
		assert.Len(t, listed(t, f.rights.Overdue(ctx)), 4)
		h.sweep()
		health, err = h.Health(ctx)
		require.NoError(t, err)
		assert.Zero(t, health.OldestOverdue)
		assert.Zero(t, health.OldestDue)
	})
}

// More than a sweep may erase without a plan: all of it waits for one.
func TestOverdueAwaitsItsShare(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	for range 101 {
		f.ticket(gdpr.ID{}, gdpr.ID{})
	}
	h.clock.set("2027-03-10")
	late := listed(t, f.rights.Overdue(t.Context()))
	require.Len(t, late, 101)
	assert.Equal(t, gdpr.AwaitingPlan, late[0].Why)
	_, err := h.Sweep(t.Context(), nil)
	require.ErrorIs(t, err, gdpr.ErrHalted)
}

// What the law ends at once is to go in the next run, and is late when two were missed.
func TestEndedAtOnceIsLateSoon(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ended, withdrawn := f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{})
		f.event(f.support, gdpr.Event{Kind: gdpr.PurposeEnded, Record: ended})
		f.event(f.support, gdpr.Event{Kind: gdpr.ConsentWithdrawn, Record: withdrawn})
		h.clock.set("2026-03-04")
		assert.Empty(t, listed(t, f.rights.Overdue(t.Context())))
		h.clock.set("2026-03-05")
		late := listed(t, f.rights.Overdue(t.Context()))
		require.Len(t, late, 1, "the other has the limit of its rule")
		assert.Equal(t, withdrawn, late[0].Record)
		assert.Equal(t, "2026-03-04", late[0].Until.String())
	})
}

// A list that cannot be written to the trail hands out nothing.
func TestListsNeedTheTrail(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t, "epm.yaml", memory.New(), nil).spied()
	ctx, f := t.Context(), newFirm(h)
	id := f.ticket(gdpr.ID{}, gdpr.ID{})
	_, agreement := h.supplier()
	f.ticket(agreement, gdpr.ID{})
	_, err := f.rights.Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2027-03-01")})
	require.NoError(t, err)
	f.ticket(gdpr.ID{}, gdpr.ID{})
	h.clock.set("2027-03-10")
	h.sweep()
	full := errors.New("disk full")
	s.fail = func(*storage.Batch) error { return full }
	n := 0
	for _, err := range f.rights.Overdue(ctx) {
		require.ErrorIs(t, err, full)
		n++
	}
	for _, err := range f.rights.ClocksNotStarted(ctx, 10) {
		require.ErrorIs(t, err, full)
		n++
	}
	for _, err := range f.rights.Holds(ctx) {
		require.ErrorIs(t, err, full)
		n++
	}
	for _, err := range f.rights.Deviations(ctx) {
		require.ErrorIs(t, err, full)
		n++
	}
	assert.Equal(t, 4, n, "an error each, and no row")
}

// Clocks that have not started are counted by rule, the oldest first, and name the oldest records (REQUIREMENTS 4.17).
func TestClocksNotStarted(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		lists := h.As(dpo, gdpr.Retention)
		assert.Empty(t, listed(t, lists.ClocksNotStarted(ctx, 3)))
		_, agreement := h.supplier()
		var tickets []gdpr.ID
		for i := range 5 { // the oldest last
			id, err := f.support.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, CollectedAt: on(fmt.Sprintf("2026-02-1%d", 9-i)).at, Fields: gdpr.Fields{"message": "Hej"}})
			require.NoError(t, err)
			tickets = append(tickets, id)
		}
		f.ticket(gdpr.ID{}, gdpr.ID{}) // its clock runs
		h.clock.set("2026-03-03")
		open, err := f.accounts.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 17"}}) // the financial year is not closed
		require.NoError(t, err)
		_, hosting := h.customer("Tallbackens vårdcentral")
		h.clock.set("2026-04-01")
		hosted := f.hosted(hosting, gdpr.Ref("Pat-Ö7"))

		for range 2 {
			found := listed(t, lists.ClocksNotStarted(ctx, 3))
			require.Len(t, found, 3)
			assert.Equal(t, gdpr.ClockNotStarted{Activity: "invoice", Purpose: "invoice", Floor: true, Parts: 1, Oldest: day(t, "2026-03-03"), Records: []gdpr.ID{open},
				Rules: []string{"P7Y3M after year-end of financial-year-closed", "P7Y after year-end of financial-year-closed"}}, found[1])
			assert.Equal(t, gdpr.ClockNotStarted{Activity: "support-ticket", Purpose: "support-ticket", Parts: 5, Oldest: day(t, "2026-02-15"),
				Rules: []string{"P1Y after assignment-ended with agreement"}, Records: []gdpr.ID{tickets[4], tickets[3], tickets[2]}}, found[0])
			assert.Equal(t, []gdpr.ID{hosted}, found[2].Records)
			assert.Equal(t, []string{"P3M after erasure-instructed", "P30D after agreement-ended"}, found[2].Rules)
			h.open() // from the store, not from memory
			lists = h.As(dpo, gdpr.Retention)
			f = newFirm(h)
		}
		assert.Nil(t, listed(t, lists.ClocksNotStarted(ctx, 0))[0].Records)
		assert.Len(t, listed(t, f.accounts.ClocksNotStarted(ctx, 1)), 1)
		assert.Len(t, listed(t, f.operations.Under(hosting).ClocksNotStarted(ctx, 1)), 1)
		require.Error(t, broken(lists.ClocksNotStarted(ctx, -1)))

		f.event(f.accounts, gdpr.Event{Kind: "financial-year-closed", Record: open, Day: day(t, "2026-12-31")})
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		found := listed(t, lists.ClocksNotStarted(ctx, 3))
		require.Len(t, found, 1, "started")
		assert.Equal(t, "hosted-customer-data", found[0].Activity)
		f.verified()
	})
}

// Of a part with several purposes it is the one that waits.
func TestClockNotStartedOfOnePurpose(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		_, err := h.As(web, "order").Put(t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa", "amount": int64(1)},
			Events: map[retention.Event]civil.Date{"delivered": day(t, "2026-03-10")}})
		require.NoError(t, err)
		found := listed(t, h.As(web, "warranty").ClocksNotStarted(t.Context(), 1))
		require.NotEmpty(t, found)
		for _, c := range found {
			assert.Equal(t, "order", c.Activity)
			assert.Equal(t, "bookkeeping", c.Purpose, "order and warranty count from what is known")
		}
	})
}

// Holds come by the day of their review, and go when they are released.
func TestHoldsList(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		holder := h.As(dpo, gdpr.Retention)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		var want []gdpr.ID
		for _, review := range []string{"2026-09-01", "2026-05-01", "2027-01-01"} {
			hold, err := holder.Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist " + review, ReviewBy: day(t, review)})
			require.NoError(t, err)
			want = append(want, hold)
		}
		found := listed(t, holder.Holds(ctx))
		require.Len(t, found, 3)
		assert.Equal(t, []gdpr.ID{want[1], want[0], want[2]}, []gdpr.ID{found[0].ID, found[1].ID, found[2].ID})
		assert.Equal(t, "2026-05-01", found[0].ReviewBy.String())
		assert.Equal(t, id, found[0].Target)
		require.NoError(t, holder.Release(ctx, want[1]))
		assert.Len(t, listed(t, holder.Holds(ctx)), 2)
		require.ErrorIs(t, broken(f.support.Holds(ctx)), gdpr.ErrNotAllowed, "a hold may be on anything")
	})
}

// Nor need it be in the first page.
func TestOldestOverdueIsFarBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	ctx, f := t.Context(), newFirm(h)
	_, agreement := h.customer("Tallbackens vårdcentral")
	hosted := f.operations.Under(agreement)
	_, err := hosted.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
		for range 1001 {
			if !yield(gdpr.Record{Subject: gdpr.Ref("Pat-Ö7"), Fields: gdpr.Fields{"content": "öra"}}, nil) {
				return
			}
		}
	}, nil)
	require.NoError(t, err)
	f.ticket(gdpr.ID{}, gdpr.ID{}) // last day 2027-03-02
	h.clock.set("2026-12-10")
	f.event(hosted, gdpr.Event{Kind: gdpr.ErasureInstructed, Subject: gdpr.Ref("Pat-Ö7")}) // due at once, to 2027-03-10
	h.clock.set("2027-03-12")
	health, err := h.Health(ctx)
	require.NoError(t, err)
	assert.Equal(t, time.Date(2027, 3, 2, 23, 0, 0, 0, time.UTC), health.OldestOverdue)
}
