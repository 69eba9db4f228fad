package gdpr_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// conditions are those of EPM-M2, with how long evidence of each counts.
var conditions = []struct{ id, last string }{
	{"existing-customer", "2027-03-02"}, {"open-talks", "2026-09-02"}, {"public-role", "2027-03-02"}, {"consented-publication", "2027-03-02"},
}

// EPM-M2, M3: each set of conditions, with evidence of today, on its last day and one day too old, and with and without an objection. Any one suffices, none
// does not, and an objection wins.
func TestMayMarketTruthTable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	newFirm(h)
	h.grant(web, "sales")
	ctx, sales, desk := t.Context(), h.As(web, "sales-contact"), h.As(dpo, gdpr.SubjectRights)
	type row struct {
		who      gdpr.Identity
		has      int
		objected bool
	}
	var rows []row
	for has := range 1 << len(conditions) {
		for _, objected := range []bool{false, true} {
			r := row{gdpr.Email(fmt.Sprintf("rad%d-%t@kund.example", has, objected)), has, objected}
			id, err := sales.Put(ctx, gdpr.Record{Subject: r.who, Fields: gdpr.Fields{"name": "Åsa"}})
			require.NoError(t, err)
			for i, c := range conditions {
				if has&(1<<i) != 0 {
					_, err := sales.RecordEvidence(ctx, gdpr.Evidence{Subject: r.who, Condition: c.id, Source: "kundregistret"})
					require.NoError(t, err)
				}
			}
			if objected {
				require.NoError(t, desk.RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: id, Purpose: "sales-contact"}))
			}
			rows = append(rows, r)
		}
	}
	asked := 0
	for _, on := range []string{"2026-03-02", "2026-09-02", "2026-09-03", "2027-03-02", "2027-03-03"} {
		h.clock.set(on)
		for _, r := range rows {
			counts := false
			for i, c := range conditions {
				counts = counts || r.has&(1<<i) != 0 && on <= c.last
			}
			got, err := sales.MayMarket(ctx, r.who)
			require.NoError(t, err)
			asked++
			what := fmt.Sprintf("%s: conditions %04b, objection %t: %+v", on, r.has, r.objected, got)
			assert.Equal(t, counts && !r.objected, got.May, what)
			switch {
			case r.objected:
				assert.Equal(t, gdpr.DeniedObjection, got.Why, what)
			case !counts:
				assert.Equal(t, gdpr.DeniedNoEvidence, got.Why, what)
			default:
				assert.Empty(t, got.Why, what)
				assert.False(t, got.Evidence.IsZero(), what)
				for i, c := range conditions {
					if c.id == got.Condition {
						assert.NotZero(t, r.has&(1<<i), what)
						assert.Equal(t, c.last, got.Until.String(), what)
					}
				}
			}
			if !got.May {
				assert.Equal(t, gdpr.MarketingAnswer{Why: got.Why}, got, what)
			}
		}
	}
	entries, raw := h.trail()
	for _, e := range entries {
		if e.Action == "MayMarket" {
			asked--
		}
	}
	assert.Zero(t, asked, "each question is in the trail")
	assert.NotContains(t, raw, "kundregistret")
	h.verified()
}

// An objection holds for ever, for whoever comes back by another list; other reasons to say no say so.
func TestMayMarket(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		h.grant(web, "sales")
		ctx, sales, desk := t.Context(), h.As(web, "sales-contact"), h.As(dpo, gdpr.SubjectRights)
		two := h.second().As(web, "sales-contact")
		answer := func(who gdpr.Identity) gdpr.MarketingAnswer {
			t.Helper()
			one, err := sales.MayMarket(ctx, who)
			require.NoError(t, err)
			other, err := two.MayMarket(ctx, who)
			require.NoError(t, err)
			assert.Equal(t, one, other)
			return one
		}
		both := asa.And(gdpr.Phone("070-1740605"))
		assert.Equal(t, gdpr.DeniedNoData, answer(asa).Why, "nobody")
		_, err := h.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: both, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		early, err := sales.RecordEvidence(ctx, gdpr.Evidence{Subject: asa, Condition: "open-talks", Source: "mötet i Åre", Day: day(t, "2026-02-02")})
		require.NoError(t, err)
		assert.Equal(t, gdpr.DeniedNoData, answer(asa).Why, "known for something else")
		_, err = sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg"}})
		require.NoError(t, err)
		got := answer(asa)
		assert.Equal(t, gdpr.MarketingAnswer{May: true, Condition: "open-talks", Evidence: early, Until: day(t, "2026-08-02")}, got)
		late, err := sales.RecordEvidence(ctx, gdpr.Evidence{Subject: asa, Condition: "public-role", Source: "bolagets webbplats"})
		require.NoError(t, err)
		assert.Equal(t, late, answer(asa).Evidence, "what counts longest")
		require.NoError(t, sales.EndEvidence(ctx, late))
		require.NoError(t, two.EndEvidence(ctx, late))
		assert.Equal(t, early, answer(asa).Evidence)
		all, err := desk.MarketingEvidence(ctx, asa)
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.Equal(t, "mötet i Åre", all[0].Source())
		assert.Equal(t, "2026-08-02", all[0].Until.String())
		assert.Equal(t, "2026-03-02", all[1].Ended.String())

		r, err := desk.Restrict(ctx, gdpr.Restriction{Subject: asa, Activity: "sales-contact", Ground: gdpr.ObjectionPending})
		require.NoError(t, err)
		assert.Equal(t, gdpr.DeniedRestricted, answer(asa).Why)
		require.NoError(t, desk.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		assert.True(t, answer(asa).May)
		require.NoError(t, desk.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Subject: asa, Purpose: "sales-contact", Day: day(t, "2026-01-02")}))
		assert.Equal(t, gdpr.DeniedEnded, answer(asa).Why)

		_, err = sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg"}})
		require.NoError(t, err)
		assert.True(t, answer(both).May)
		_, err = desk.Erase(ctx, asa, gdpr.Objected)
		require.NoError(t, err)
		assert.Equal(t, gdpr.DeniedObjection, answer(asa).Why)
		assert.Equal(t, gdpr.DeniedObjection, answer(gdpr.Phone("070-174 06 05")).Why, "by any identifier that they had")
		_, err = h.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: gdpr.Ref("K-1").And(gdpr.Phone("070-1740605")), Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		assert.Equal(t, gdpr.DeniedObjection, answer(gdpr.Ref("K-1")).Why, "and by one that leads there")
		_, raw := h.trail()
		assert.NotContains(t, raw, "Åre")
		h.verified()
	})
}

// Where the basis is consent, evidence of a condition is not enough, and a withdrawal ends it at once.
func TestMayMarketByConsent(t *testing.T) {
	t.Parallel()
	eachStore(t, "newsletter.yaml", func(t *testing.T, h *house) {
		ctx, news := t.Context(), h.As(web, "newsletter")
		may := func() gdpr.MarketingAnswer {
			t.Helper()
			got, err := news.MayMarket(ctx, asa)
			require.NoError(t, err)
			return got
		}
		put := func() {
			t.Helper()
			_, err := news.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"taste": "lyrik"}})
			require.NoError(t, err)
		}
		consent := func() {
			t.Helper()
			_, err := news.RecordConsent(ctx, gdpr.Consent{Subject: asa, Text: "nyhetsbrev 4", How: "ruta"})
			require.NoError(t, err)
		}
		put()
		_, err := news.RecordEvidence(ctx, gdpr.Evidence{Subject: asa, Condition: "subscriber", Source: "bekräftelsen"})
		require.NoError(t, err)
		assert.Equal(t, gdpr.DeniedNoConsent, may().Why)
		consent()
		assert.True(t, may().May)
		require.NoError(t, news.WithdrawConsent(ctx, asa, ""))
		assert.Equal(t, gdpr.DeniedEnded, may().Why)
		put()
		assert.Equal(t, gdpr.DeniedNoConsent, may().Why, "data that came in after does not stand for a consent")
		consent()
		assert.True(t, may().May, "a withdrawal is no objection")
		h.verified()
	})
}

func TestMarketingBadInput(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	h.grant(web, "sales")
	ctx, sales := t.Context(), h.As(web, "sales-contact")
	_, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	require.NoError(t, err)
	for field, v := range map[string]gdpr.Evidence{
		"Evidence.Condition": {Subject: asa, Condition: "gissning", Source: "x"},
		"Evidence.Source":    {Subject: asa, Condition: "open-talks"},
		"Evidence.Day":       {Subject: asa, Condition: "open-talks", Source: "x", Day: day(t, "2026-03-03")},
		"Subject":            {Condition: "open-talks", Source: "x"},
	} {
		refusedInput(t, second(sales.RecordEvidence(ctx, v)), field)
	}
	refusedInput(t, second(sales.RecordEvidence(ctx, gdpr.Evidence{Subject: asa, Condition: "open-talks", Source: "x", Day: day(t, "2025-09-01")})), "Evidence.Day")
	_, err = sales.RecordEvidence(ctx, gdpr.Evidence{Subject: asa, Condition: "open-talks", Source: "x", Day: day(t, "2025-09-02")})
	require.NoError(t, err, "on its last day")
	refusedInput(t, second(sales.MayMarket(ctx, gdpr.Identity{})), "Subject")
	refusedInput(t, second(sales.MayMarket(ctx, gdpr.Email("å"))), "Subject.email")
	refusedInput(t, second(h.As(support, "support-ticket").MayMarket(ctx, asa)), "Purpose")
	refusedInput(t, second(h.As(dpo, gdpr.SubjectRights).MayMarket(ctx, asa)), "Purpose")
	require.ErrorIs(t, sales.EndEvidence(ctx, h.Self()), gdpr.ErrNotFound)
}

// The first objection of a store, while an import is on its way that has the person in it: they are left out.
func TestObjectionDuringAnImport(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		h.grant(web, "sales")
		ctx := t.Context()
		two, s := h.second().spied()
		var once sync.Once
		s.before = func(b *storage.Batch) {
			if len(b.PutParts) > 0 {
				once.Do(func() {
					require.NoError(t, h.As(dpo, gdpr.SubjectRights).Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "sales-contact", Reason: "vill inte"}))
				})
			}
		}
		var records []gdpr.Record
		for i := range 6 {
			records = append(records, gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("kontakt%d@kund.example", i)), Fields: gdpr.Fields{"name": "Nils"}})
		}
		records = append(records, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
		for _, size := range []int{10, 2} {
			out, err := two.As(web, "sales-contact").PutAll(ctx, sequence(records...), &gdpr.ImportOptions{Batch: size})
			require.NoError(t, err)
			assert.Equal(t, 6, out.Stored)
			require.Len(t, out.Refused, 1)
			require.ErrorIs(t, out.Refused[0].Err, gdpr.ErrSuppressed)
		}
		assert.Empty(t, find(t, h.As(web, "sales-contact"), asa))
		h.verified()
	})
}
