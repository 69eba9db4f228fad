package gdpr_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// In the application's own transaction: a contact with what shows that they may be marketed to, a restriction and what comes in under it, all of it or nothing.
func TestRestrictedInATransaction(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, h *shop) {
		h.grant(web, "sales")
		sales := h.As(web, "sales-contact")
		first := h.put(t, asa, "Hej")
		var late gdpr.ID
		h.both(t, func(ctx context.Context, tx *sql.Tx) error {
			_, err := h.privacy.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
			require.NoError(t, err)
			late, err = h.open(ctx, tx, asa, "Igen")
			require.NoError(t, err)
			_, err = sales.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"name": "Björn Ek"}})
			require.NoError(t, err)
			_, err = sales.RecordEvidence(ctx, gdpr.Evidence{Subject: bjorn, Condition: "open-talks", Source: "mötet"})
			require.NoError(t, err)
			may, err := sales.MayMarket(ctx, bjorn)
			require.NoError(t, err)
			assert.True(t, may.May)
			return nil
		}, func() {
			_, err := h.desk.Get(t.Context(), first)
			require.NoError(t, err)
			may, err := sales.MayMarket(t.Context(), bjorn)
			require.NoError(t, err)
			assert.Equal(t, gdpr.DeniedNoData, may.Why)
			assert.Zero(t, h.personalFiles())
		})
		for _, id := range []gdpr.ID{first, late, h.put(t, asa, "Efter")} {
			_, err := h.desk.Get(t.Context(), id)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
		}
		may, err := sales.MayMarket(t.Context(), bjorn)
		require.NoError(t, err)
		assert.True(t, may.May)
		h.verified()
	})
}
