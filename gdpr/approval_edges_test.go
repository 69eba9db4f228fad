package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// No option of a sweep goes round the second person.
func TestApprovalBypass(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	h.approve = 2
	h.open()
	for range 3 {
		f.ticket(gdpr.ID{}, gdpr.ID{})
	}
	h.clock.set("2027-03-01")
	_, err := h.Sweep(ctx, nil)
	assert.Error(t, err, "no plan at all")
	_, err = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Actor: dpo})
	assert.Error(t, err, "MaxShare 1")
	assert.Equal(t, 3, h.count())
}

// The approval of somebody who has lost the right since counts for nothing.
func TestApproverRevoked(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	second := gdpr.Person("Ärlig Granskare")
	g := h.grant(second, "privacy")
	h.approve = 2
	h.open()
	for range 3 {
		f.ticket(gdpr.ID{}, gdpr.ID{})
	}
	h.clock.set("2027-03-01")
	plan, err := h.Plan(ctx)
	require.NoError(t, err)
	require.NoError(t, h.As(second, gdpr.Retention).ApprovePlan(ctx, plan))
	require.NoError(t, h.As(boss, gdpr.Retention).Revoke(ctx, g))
	_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan, Actor: dpo})
	assert.ErrorIs(t, err, gdpr.ErrNotApproved)
}
