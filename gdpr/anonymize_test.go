package gdpr_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
)

// What an activity says to anonymize is handed over before it is erased, no more of it than that activity uses; while that fails the data stays (EPM-13).
func TestAnonymize(t *testing.T) {
	t.Parallel()
	eachStore(t, "full.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h.grant(support, "support")
		var got []gdpr.Departing
		broken := errors.New("ur funktion")
		h.keep = func(d gdpr.Departing) error {
			got = append(got, d)
			return broken
		}
		h.open()
		s := h.As(support, "ticket")
		put := func(who string) gdpr.ID {
			id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Skrivaren"}})
			require.NoError(t, err)
			return id
		}
		put("åsa@kund.example")
		h.clock.set("2028-03-01")
		all := &gdpr.SweepOptions{MaxShare: 1}
		res, err := h.Sweep(ctx, all)
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, "ticket-statistics", got[0].Activity)
		assert.Equal(t, gdpr.Fields{"message": "Skrivaren"}, got[0].Fields)
		assert.Equal(t, "2026-03-02", got[0].Collected.String())
		assert.Len(t, got[0].Key, 32)
		assert.Equal(t, 1, res.Left)
		require.Equal(t, 1, h.count(), "the rest has gone, and this stays until it can be kept")

		broken = nil
		res, err = h.Sweep(ctx, all)
		require.NoError(t, err)
		assert.Equal(t, 1, res.Erased)
		assert.Zero(t, h.count())
		require.Len(t, got, 2)
		assert.Equal(t, got[0], got[1])
		rows, err := h.store.Proofs(ctx, 0, 100)
		require.NoError(t, err)
		why := ""
		for _, row := range rows {
			p, err := audit.DecodeProof(row.Body)
			require.NoError(t, err)
			for _, b := range p.Because {
				why += b.Ground
			}
		}
		assert.Contains(t, why, "anonymized: Örjan Dataskydd 2026-02-01")

		put("bo@kund.example")
		_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("bo@kund.example"), gdpr.Unlawful)
		if errors.Is(err, gdpr.ErrNotAllowed) {
			h.grant(dpo, "privacy")
			_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("bo@kund.example"), gdpr.Unlawful)
		}
		require.NoError(t, err)
		assert.Len(t, got, 2, "what was decided to be erased is kept in no form")
		h.verified()
	})
}
