package gdpr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// An objection to direct marketing holds for ever: after the data is erased too, by whatever way it comes back (Art. 21(3), EPM-M3).
func TestObjectionHoldsForEver(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		seller := gdpr.Person("Säljare Sågström")
		h.grant(seller, "sales")
		ctx, sales := t.Context(), h.As(seller, "sales-contact")
		both := gdpr.Email("Åsa@Kund.Example").And(gdpr.Phone("070-1740605"))
		id, err := sales.Put(ctx, gdpr.Record{Subject: both, Fields: gdpr.Fields{"name": "Åsa Öberg"}})
		require.NoError(t, err)
		require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: id, Purpose: "sales-contact"}))
		_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, both, gdpr.Objected)
		require.NoError(t, err)
		h.clock.set("2036-03-02")

		for name, r := range map[string]gdpr.Record{
			"e-mail":          {Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"name": "Åsa"}},
			"telephone":       {Subject: gdpr.Phone("+46 70 174 06 05"), Fields: gdpr.Fields{"name": "Åsa"}},
			"e-mail as field": {Subject: gdpr.Phone("070-1740606"), Fields: gdpr.Fields{"email": "ÅSA@kund.example"}},
		} {
			for _, by := range []*house{h, h.second()} {
				_, err = by.As(seller, "sales-contact").Put(ctx, r)
				require.ErrorIs(t, err, gdpr.ErrSuppressed, name)
				refusedInput(t, err, "Subject")
				assert.NotContains(t, strings.ToLower(err.Error()), "kund.example")
			}
		}
		out, err := sales.PutAll(ctx, sequence(
			gdpr.Record{Subject: gdpr.Email("bo@kund.example"), Fields: gdpr.Fields{"name": "Bo"}},
			gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"name": "Åsa"}},
			gdpr.Record{Subject: gdpr.Email("cilla@kund.example"), Fields: gdpr.Fields{"name": "Cilla"}}), nil)
		require.NoError(t, err)
		assert.Equal(t, 2, out.Stored)
		require.Len(t, out.Refused, 1)
		assert.Equal(t, 2, out.Refused[0].N)
		require.ErrorIs(t, out.Refused[0].Err, gdpr.ErrSuppressed)

		other, err := sales.Put(ctx, gdpr.Record{Subject: gdpr.Email("dag@kund.example"), Fields: gdpr.Fields{"name": "Dag"}})
		require.NoError(t, err)
		require.ErrorIs(t, sales.Update(ctx, other, gdpr.Change{Fields: gdpr.Fields{"email": "åsa@kund.example"}}), gdpr.ErrSuppressed)
		require.NoError(t, sales.Update(ctx, other, gdpr.Change{Fields: gdpr.Fields{"name": "Dag Ö"}}))
		_, err = h.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"message": "Hjälp"}})
		require.NoError(t, err, "another purpose")
		infos, err := h.As(dpo, gdpr.SubjectRights).Suppressions(ctx, gdpr.Email("åsa@kund.example"))
		require.NoError(t, err)
		require.Len(t, infos, 1)
		assert.Equal(t, "sales-contact", infos[0].Activity)
		assert.True(t, infos[0].Until.IsZero())

		require.NoError(t, h.As(dpo, gdpr.SubjectRights).Unsuppress(ctx, both, "sales-contact", "bad själv om det"))
		_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"name": "Åsa"}})
		require.NoError(t, err)
		h.verified()
	})
}

// Who was erased does not come back with the next import, until a day (REQUIREMENTS 4.7); a further purpose is ended and the record kept.
func TestSuppressed(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
		order := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej", "serial": "ÅKV-0001"}}
		require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "order", Reason: "raderad på begäran", Until: day(t, "2026-06-30")}))
		require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "order", Reason: "en gång till"}))
		_, err := h.As(web, "order").Put(ctx, order)
		require.ErrorIs(t, err, gdpr.ErrSuppressed)
		_, err = h.As(web, "order").Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		h.clock.set("2026-07-01")
		_, err = h.As(web, "order").Put(ctx, order)
		require.NoError(t, err, "it has run out")
		left := func() int {
			files, err := h.store.Files(ctx, storage.FileQuery{Kind: "suppression", Limit: 10})
			require.NoError(t, err)
			return len(files)
		}
		require.Equal(t, 1, left())
		h.sweep()
		require.Zero(t, left(), "a hash is personal data too")

		require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: bjorn, Activity: "warranty", Reason: "vill inte"}))
		id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Igen", "serial": "ÅKV-0002"}})
		require.NoError(t, err)
		_, err = h.As(web, "warranty").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		_, err = h.As(web, "order").Get(ctx, id)
		require.NoError(t, err)

		for field, p := range map[string]gdpr.Suppression{
			"Suppression.Activity": {Subject: bjorn, Activity: "gissning", Reason: "x"},
			"Suppression.Reason":   {Subject: bjorn, Activity: "order"},
			"Suppression.Until":    {Subject: bjorn, Activity: "order", Reason: "x", Until: day(t, "2026-06-30")},
			"Suppression.Subject":  {Subject: gdpr.Subject(storage.NewID()), Activity: "order", Reason: "x"},
		} {
			refusedInput(t, desk.Suppress(ctx, p), field)
		}
		assert.Equal(t, "suppression for order", fmt.Sprintf("%+v", gdpr.Suppression{Subject: asa, Activity: "order", Reason: "x"}))
		h.verified()
	})
}

// Only whoever may decide suppresses, and lifts it.
func TestSuppressIsADecision(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	who := gdpr.Email("åsa@kund.example")
	err := h.As(support, gdpr.SubjectRights).Suppress(t.Context(), gdpr.Suppression{Subject: who, Activity: "sales-contact", Reason: "x"})
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	require.ErrorIs(t, h.As(support, gdpr.SubjectRights).Unsuppress(t.Context(), who, "sales-contact", "x"), gdpr.ErrNotAllowed)
	require.ErrorIs(t, h.As(dpo, gdpr.SubjectRights).Unsuppress(t.Context(), who, "sales-contact", "x"), gdpr.ErrNotFound)
	refusedInput(t, h.As(dpo, gdpr.SubjectRights).Suppress(t.Context(), gdpr.Suppression{Subject: who, Activity: "hosted-customer-data", Reason: "x"}), "Suppression.Activity")
}
