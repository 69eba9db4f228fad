package gdpr_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// What an off-boarding has left goes with the sweeps, within their bounds, by any process; until then it is due nowhere, late nowhere and listed nowhere.
func TestOffboardedRowsWait(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		party, agreement := h.customer("Tallbackens vårdcentral")
		_, other := h.customer("Kvarnbyns mejeri")
		records := make([]gdpr.ID, 5)
		for i := range records {
			records[i] = f.hosted(agreement, gdpr.Ref(fmt.Sprintf("gäst-%d", i)))
		}
		kept := f.hosted(other, gdpr.Ref("gäst-0"))
		who, err := f.operations.Under(agreement).Get(ctx, records[0])
		require.NoError(t, err)
		h.sweep()
		two, spy := h.spied()
		two.sweep()
		spy.reset()
		two.sweep()
		idle := len(spy.asked)

		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		out, err := f.rights.Offboard(ctx, party)
		require.NoError(t, err)
		require.NotEmpty(t, out.Digest)
		h.clock.set("2027-03-01") // all of it should have been gone by now
		_, err = f.rights.Get(ctx, records[0])
		require.ErrorIs(t, err, gdpr.ErrErased)
		_, err = f.rights.Explain(ctx, records[0])
		require.ErrorIs(t, err, gdpr.ErrErased)
		assert.Empty(t, find(t, f.rights, gdpr.Subject(who.Subject())))
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Zero(t, plan.Erase+plan.Stay)
		for p, err := range h.As(dpo, gdpr.Retention).Overdue(ctx) {
			assert.Failf(t, "overdue", "%v %v", p, err)
		}
		waiting := 0
		for c, err := range h.As(dpo, gdpr.Retention).ClocksNotStarted(ctx, 10) {
			require.NoError(t, err)
			waiting += c.Parts
		}
		assert.Equal(t, 1, waiting, "the other customer's")
		health, err := h.Health(ctx)
		require.NoError(t, err)
		assert.Equal(t, 1, health.Clearing)
		assert.Zero(t, health.OldestOverdue)

		var heard []int
		res, err := two.Sweep(ctx, &gdpr.SweepOptions{Batch: 2, MaxParts: 7, Progress: func(r retention.Result) { heard = append(heard, r.Cleared) }})
		require.NoError(t, err)
		assert.True(t, res.More)
		assert.Equal(t, []int{2, 4, 6, 7}, heard)
		assert.Zero(t, res.Erased+res.Late)
		_, err = f.rights.Offboard(ctx, party)
		require.NoError(t, err, "once more does nothing")
		for _, id := range records { // the keys go with the rows
			_, err = f.rights.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrNotFound)
		}
		res, err = two.Sweep(ctx, &gdpr.SweepOptions{Batch: 4})
		require.NoError(t, err)
		assert.Equal(t, 15-7, res.Cleared, "parts, identifiers and persons")
		assert.False(t, res.More)
		health, err = h.Health(ctx)
		require.NoError(t, err)
		assert.Zero(t, health.Clearing)
		assert.EqualValues(t, 1, health.Parts)
		for d, err := range h.As(dpo, gdpr.Retention).Deviations(ctx) {
			assert.Failf(t, "a deviation", "%v %v", d, err)
		}
		entries, _ := h.trail()
		ends := 0
		for _, e := range entries {
			if e.Why == "every row of a party that was off-boarded is removed" {
				ends++
			}
		}
		assert.Equal(t, 1, ends)
		two.sweep()
		spy.reset()
		two.sweep()
		assert.Len(t, spy.asked, idle, "an idle sweep asks no more than it did")
		_, err = f.operations.Under(other).Get(ctx, kept)
		require.NoError(t, err)
		f.verified()
	})
}

// A sweep that another process's off-boarding meets, or that was killed before, trips over nothing that cannot be opened any more.
func TestOffboardMeetsSweep(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		party, agreement := h.customer("Tallbackens vårdcentral")
		who := gdpr.Email("gäst@kund.example").And(gdpr.Phone("070-1740605"))
		first := f.hosted(agreement, who)
		f.hosted(agreement, who)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		require.NoError(t, f.operations.Under(agreement).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ErasureInstructed, Record: first}))
		h.clock.set("2026-09-01")
		two, s := h.spied()
		killed := false
		s.before = func(b *storage.Batch) { // the instructed part is about to go: the customer leaves
			if len(b.EraseParts) > 0 && !killed {
				killed = true
				f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
				_, err := f.rights.Offboard(ctx, party)
				assert.NoError(t, err)
			}
		}
		_, err := two.Sweep(ctx, &gdpr.SweepOptions{MaxParts: 1})
		require.NoError(t, err)
		require.True(t, killed)
		for res := (retention.Result{More: true}); res.More; {
			res, err = two.Sweep(ctx, &gdpr.SweepOptions{MaxParts: 3})
			require.NoError(t, err)
		}
		health, err := h.Health(ctx)
		require.NoError(t, err)
		assert.Zero(t, health.Clearing)
		assert.EqualValues(t, 1, health.Parts, "the ticket")
		f.verified()
	})
}
