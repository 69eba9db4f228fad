package gdpr_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// personalFiles counts the files about persons.
func (h *house) personalFiles() int {
	h.t.Helper()
	files, err := h.store.Files(h.t.Context(), storage.FileQuery{Kind: "personal", Limit: 1000})
	require.NoError(h.t, err)
	return len(files)
}

// A consent is shown by what was recorded; to withdraw it ends the purpose at once, in every process, and a new one revives nothing (Art. 7).
func TestConsent(t *testing.T) {
	t.Parallel()
	eachStore(t, "newsletter.yaml", func(t *testing.T, h *house) {
		ctx, news, desk := t.Context(), h.As(web, "newsletter"), h.As(dpo, gdpr.SubjectRights)
		two := h.second().As(web, "newsletter")
		order, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg", "book": "Röda rummet"}})
		require.NoError(t, err)
		put := func() gdpr.ID {
			t.Helper()
			id, err := news.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"taste": "deckare"}})
			require.NoError(t, err)
			return id
		}
		old := put()
		c := gdpr.Consent{Subject: asa, Text: "nyhetsbrev 4", Given: day(t, "2026-02-27"), How: "ruta på anmälan", By: "Örjan, far", Child: true}
		first, err := news.RecordConsent(ctx, c)
		require.NoError(t, err)
		h.clock.set("2026-05-04")
		require.NoError(t, two.WithdrawConsent(ctx, asa, ""))
		require.NoError(t, two.WithdrawConsent(ctx, asa, "newsletter"), "again is nothing")
		_, err = news.Get(ctx, old)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		_, err = h.As(web, "order").Get(ctx, order)
		require.NoError(t, err)
		all, err := desk.Consents(ctx, asa)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, []string{"2026-02-27", "2026-05-04"}, []string{all[0].Given.String(), all[0].Withdrawn.String()})
		assert.Equal(t, []any{first, "newsletter", "nyhetsbrev 4", "ruta på anmälan", "Örjan, far", true}, []any{all[0].ID, all[0].Activity, all[0].Text(), all[0].How(), all[0].By(), all[0].Child()})

		h.clock.set("2026-06-01")
		c.Given = day(t, "2026-06-01")
		_, err = news.RecordConsent(ctx, c)
		require.NoError(t, err)
		_, err = news.Get(ctx, old)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded, "a new consent is for what comes now")
		fresh := put()
		require.NoError(t, news.Update(ctx, fresh, gdpr.Change{Fields: gdpr.Fields{"name": "Åsa"}}))
		assert.Equal(t, 1, h.sweep().Erased)
		_, err = news.Get(ctx, fresh)
		require.NoError(t, err)
		all, err = news.Consents(ctx, asa)
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.True(t, all[1].Withdrawn.IsZero())
		none, err := h.As(web, "order").Consents(ctx, asa)
		require.NoError(t, err)
		assert.Empty(t, none, "a purpose sees its own")

		// What shows a consent that was withdrawn goes at the end of the case files' time: three years.
		h.clock.set("2029-05-04")
		h.sweep()
		assert.Equal(t, 2, h.personalFiles())
		h.clock.set("2029-05-05")
		h.sweep()
		assert.Equal(t, 1, h.personalFiles())
		_, raw := h.trail()
		for _, said := range []string{"nyhetsbrev 4", "ruta", "Örjan, far"} {
			assert.NotContains(t, raw, said)
		}
		h.verified()
	})
}

// What shows a consent goes with the person, by whatever way they go.
func TestConsentEndsWithThePerson(t *testing.T) {
	t.Parallel()
	eachStore(t, "newsletter.yaml", func(t *testing.T, h *house) {
		ctx, news := t.Context(), h.As(web, "newsletter")
		one, two, three := gdpr.Email("en@kund.example"), gdpr.Email("två@kund.example"), gdpr.Email("tre@kund.example")
		for _, who := range []gdpr.Identity{one, two, three} {
			_, err := news.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"taste": "lyrik"}})
			require.NoError(t, err)
			_, err = news.RecordConsent(ctx, gdpr.Consent{Subject: who, Text: "nyhetsbrev 4", How: "ruta"})
			require.NoError(t, err)
			_, err = news.RecordEvidence(ctx, gdpr.Evidence{Subject: who, Condition: "subscriber", Source: "bekräftelsen"})
			require.NoError(t, err)
		}
		require.Equal(t, 6, h.personalFiles())
		require.NoError(t, news.WithdrawConsent(ctx, one, ""))
		h.sweep()
		assert.Equal(t, 4, h.personalFiles(), "nothing is left for any purpose")
		_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, two, gdpr.WithdrawnConsent)
		require.NoError(t, err)
		assert.Equal(t, 2, h.personalFiles(), "at once")
		h.clock.set("2029-03-01")
		h.sweep()
		assert.Zero(t, h.personalFiles(), "its period has ended")
		assert.Zero(t, h.count())
		h.verified()
	})
}

// An erasure at the moment in which a consent is recorded leaves nothing of it.
func TestConsentAndErasureMeanwhile(t *testing.T) {
	t.Parallel()
	eachStore(t, "newsletter.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		_, err := h.As(web, "newsletter").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"taste": "lyrik"}})
		require.NoError(t, err)
		two, s := h.second().spied()
		var once sync.Once
		s.before = func(b *storage.Batch) {
			if len(b.EraseSubjects) > 0 {
				once.Do(func() {
					_, err := h.As(web, "newsletter").RecordConsent(ctx, gdpr.Consent{Subject: asa, Text: "nyhetsbrev 4", How: "ruta"})
					require.NoError(t, err)
				})
			}
		}
		out, err := two.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.WithdrawnConsent)
		require.NoError(t, err)
		assert.True(t, out.Whole)
		assert.Zero(t, h.personalFiles())
		_, err = h.As(web, "newsletter").RecordConsent(ctx, gdpr.Consent{Subject: asa, Text: "nyhetsbrev 4", How: "ruta"})
		require.ErrorIs(t, err, gdpr.ErrNotFound)
		h.verified()
	})
}

func TestConsentBadInput(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "newsletter.yaml", false)
	ctx, news := t.Context(), h.As(web, "newsletter")
	_, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"book": "Hemsöborna"}})
	require.NoError(t, err)
	for field, c := range map[string]gdpr.Consent{
		"Consent.Text":  {Subject: asa, How: "ruta"},
		"Consent.How":   {Subject: asa, Text: "4"},
		"Consent.Given": {Subject: asa, Text: "4", How: "ruta", Given: day(t, "2026-03-03")},
		"Consent.By":    {Subject: asa, Text: "4", How: "ruta", By: "två\nrader"},
		"Subject":       {Text: "4", How: "ruta"},
		"Purpose":       {Subject: asa, Activity: "newsletter", Text: "4", How: "ruta"},
		"Activity":      {Subject: asa, Activity: "order", Text: "4", How: "ruta"},
	} {
		s := news
		if field == "Purpose" {
			s = h.As(web, "order")
		}
		refusedInput(t, second(s.RecordConsent(ctx, c)), field)
	}
	refusedInput(t, h.As(web, "order").WithdrawConsent(ctx, asa, ""), "Activity")
	refusedInput(t, h.As(dpo, gdpr.SubjectRights).WithdrawConsent(ctx, asa, ""), "Activity")
	require.ErrorIs(t, news.WithdrawConsent(ctx, asa, ""), gdpr.ErrNotFound, "no consent, and no data")
	require.ErrorIs(t, news.WithdrawConsent(ctx, bjorn, ""), gdpr.ErrNotFound)
}

// To withdraw a consent takes the same right as to record it: it is as easy (Art. 7(3)). Everybody else is refused, and in the trail.
func TestConsentIsAllowed(t *testing.T) {
	t.Parallel()
	h := &house{t: t, store: memory.New(), dir: t.TempDir(), clock: on("2026-03-02"), log: &logged{}}
	h.reg = h.version("newsletter.yaml", "activities:", `roles:
  shop: {may: [read, write], for: [order, newsletter]}
  counter: {may: [read, write], for: [order]}
  view: {may: [read], for: all}
  privacy: {may: [read, export, erase, hold, decide, disclose], for: all}
  manager: {may: [grant]}
activities:`)
	h.open()
	h.grant(web, "shop")
	ctx := t.Context()
	_, err := h.As(web, "newsletter").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"taste": "lyrik"}})
	require.NoError(t, err)
	c := gdpr.Consent{Subject: asa, Activity: "newsletter", Text: "nyhetsbrev 4", How: "ruta"}
	for _, role := range []string{"shop", "counter", "view", "privacy", "manager", "nobody"} {
		who := gdpr.Person("Någon i rollen " + role)
		if role != "nobody" {
			h.grant(who, role)
		}
		for _, purpose := range []string{"newsletter", gdpr.SubjectRights} {
			s := h.As(who, purpose)
			_, gave := s.RecordConsent(ctx, c)
			took := s.WithdrawConsent(ctx, asa, "newsletter")
			if role == "shop" && purpose == "newsletter" || role == "privacy" && purpose == gdpr.SubjectRights {
				require.NoError(t, gave, role)
				require.NoError(t, took, role)
				continue
			}
			require.ErrorIs(t, gave, gdpr.ErrNotAllowed, "%s, %s", role, purpose)
			require.ErrorIs(t, took, gdpr.ErrNotAllowed, "%s, %s", role, purpose)
		}
	}
	assert.Equal(t, 10, h.refusals("RecordConsent"))
	assert.Equal(t, 10, h.refusals("WithdrawConsent"))
	h.verified()
}
