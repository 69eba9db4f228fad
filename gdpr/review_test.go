package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// What the register wants looked at is overdue until somebody with its role says that it was done; then its next day is counted from there (EPM-4: a test of restore).
func TestReviews(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		ctx := t.Context()
		find := func(of string) gdpr.ReviewInfo {
			all, err := h.Reviews(ctx)
			require.NoError(t, err)
			require.Len(t, all, 4)
			for _, r := range all {
				if r.Of == of {
					return r
				}
			}
			require.Fail(t, "no such review")
			return gdpr.ReviewInfo{}
		}
		r := find("restore-test")
		assert.Equal(t, "operations", r.By)
		assert.Equal(t, "2027-01-01", r.Next.String(), "a year from the register's day")
		assert.False(t, r.Overdue)
		h.clock.set("2027-01-02")
		assert.True(t, find("restore-test").Overdue)
		done := gdpr.Review{Of: "restore-test", Day: day(t, "2026-12-20"), Outcome: "kopian av den 15 öppnades och lästes åter"}
		require.ErrorIs(t, h.As(support, gdpr.Retention).Reviewed(ctx, done), gdpr.ErrNotAllowed)
		require.NoError(t, h.As(ops, gdpr.Retention).Reviewed(ctx, done))
		r = find("restore-test")
		assert.Equal(t, "2026-12-20", r.Last.String())
		assert.Equal(t, "2027-12-20", r.Next.String())
		assert.Equal(t, done.Outcome, r.Outcome)
		assert.False(t, r.Overdue)
		h.clock.set("2027-11-01")
		require.NoError(t, h.As(boss, gdpr.Retention).Reviewed(ctx, gdpr.Review{Of: "restore-test", Outcome: "godkänt"}))
		assert.Equal(t, "2028-11-01", find("restore-test").Next.String())

		s := h.As(ops, gdpr.Retention)
		for field, bad := range map[string]gdpr.Review{
			"Review.Of":      {Of: "gissning", Outcome: "x"},
			"Review.Outcome": {Of: "restore-test"},
			"Review.Day":     {Of: "restore-test", Outcome: "x", Day: day(t, "2027-11-02")},
		} {
			refusedInput(t, s.Reviewed(ctx, bad), field)
		}
		refusedInput(t, s.Reviewed(ctx, gdpr.Review{Of: "restore-test", Outcome: "fråga å@kund.example"}), "Review.Outcome")
		refusedInput(t, s.Reviewed(ctx, gdpr.Review{Of: "restore-test", Outcome: "x", Day: day(t, "2027-10-01")}), "Review.Day")
		refusedInput(t, h.As(ops, gdpr.SubjectRights).Reviewed(ctx, done), "Purpose")
		h.verified()
	})
}
