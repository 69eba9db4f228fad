package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// A plan that erases more than a set number wants a second person, who is not the one who runs it; another plan wants another approval.
func TestApprovedPlan(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx := t.Context()
		second := gdpr.Person("Ärlig Granskare")
		h.grant(second, "privacy")
		h.approve = 2
		h.open()
		for range 3 {
			f.ticket(gdpr.ID{}, gdpr.ID{})
		}
		h.clock.set("2027-03-01")
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		require.Equal(t, 3, plan.Erase)
		run := func(by gdpr.Actor) error {
			_, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan, Actor: by})
			return err
		}
		require.ErrorIs(t, run(dpo), gdpr.ErrNotApproved)
		require.NoError(t, h.As(dpo, gdpr.Retention).ApprovePlan(ctx, plan))
		require.NoError(t, h.As(dpo, gdpr.Retention).ApprovePlan(ctx, plan))
		require.ErrorIs(t, run(dpo), gdpr.ErrNotApproved, "their own approval")
		assert.Equal(t, 3, h.count())

		id := f.ticket(gdpr.ID{}, gdpr.ID{}) // collected today: not due, so that the plan is the same
		require.NoError(t, h.As(second, gdpr.Retention).ApprovePlan(ctx, plan))
		hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2027-04-01")})
		require.NoError(t, err)
		require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
		require.NoError(t, run(dpo))
		assert.Equal(t, 1, h.count())
		h.verified()
	})
}

func TestApproveRefused(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	plan, err := h.Plan(t.Context())
	require.NoError(t, err)
	s := h.As(dpo, gdpr.Retention)
	refusedInput(t, s.ApprovePlan(t.Context(), nil), "Plan")
	refusedInput(t, s.ApprovePlan(t.Context(), &gdpr.Plan{Digest: "kort"}), "Plan")
	refusedInput(t, h.As(dpo, gdpr.SubjectRights).ApprovePlan(t.Context(), plan), "Purpose")
	h.grant(gdpr.Job("natt"), "privacy")
	require.ErrorIs(t, h.As(gdpr.Job("natt"), gdpr.Retention).ApprovePlan(t.Context(), plan), gdpr.ErrNotAllowed)
}
