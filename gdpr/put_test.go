package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

func TestPutGetFindSweep(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h.grant(support, "support")
		s := h.As(support, "support-ticket")
		id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email(" Åsa.Öberg@Kund.Example "), Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Vad kostar det?\nHälsningar"}})
		require.NoError(t, err)
		got, err := s.Get(ctx, id)
		require.NoError(t, err)
		require.Equal(t, "Vad kostar det?\nHälsningar", got.Text("message"))
		require.Equal(t, "Åsa.Öberg@Kund.Example", got.Text("email"), "an identifier fills the field of its category")
		found := find(t, s, gdpr.Email("åsa.öberg@KUND.example"))
		require.Len(t, found, 1)
		require.Equal(t, id, found[0].ID)

		x, err := s.Explain(ctx, id)
		require.NoError(t, err)
		require.Equal(t, "2027-03-02", x.Parts[0].Until.String(), "EPM-T4: one year after registration")

		// The last day is 2 March 2027; the sweep comes three days ahead at the earliest.
		h.clock.set("2027-02-26")
		res, err := h.Sweep(ctx, nil)
		require.NoError(t, err)
		require.Zero(t, res.Erased)
		h.clock.set("2027-03-01")
		res, err = h.Sweep(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, res.Erased)
		require.Equal(t, 1, res.Persons)

		_, err = s.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrErased)
		require.ErrorIs(t, err, gdpr.ErrNotFound)
		require.Empty(t, find(t, s, gdpr.Email("åsa.öberg@kund.example")))
		x, err = s.Explain(ctx, id)
		require.NoError(t, err)
		require.Len(t, x.Proofs, 1)

		again, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa.öberg@kund.example"), Fields: gdpr.Fields{"message": "Hej igen"}})
		require.NoError(t, err)
		fresh, err := s.Get(ctx, again)
		require.NoError(t, err)
		require.NotEqual(t, got.Subject(), fresh.Subject(), "new data about an erased person begins a new subject")

		require.NoError(t, h.Seal(ctx))
		report, err := h.Verify(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, report.Proofs)
	})
}
