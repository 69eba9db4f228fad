package subjectrights_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// TestReportHoldsAllAndOnlyOurOwn is EPM-D1: the person stands in our own records and in those of three customers.
func TestReportHoldsAllAndOnlyOurOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, customers := annaEverywhere(h)
	c := h.approved(gdpr.Email(annas), subjectrights.Access)
	require.Len(t, c.Forward(), 3)
	r := h.access(c)
	assert.Equal(t, 3, r.Records())
	for _, text := range []string{pageOf(t, r, "sv"), pageOf(t, r, "en"), asJSON(t, r, "sv"), asJSON(t, r, "en")} {
		for _, mine := range []string{"Anna Lindqvist", annas, "070-1740605", "Kan ni ringa?", "IT-ansvarig", "Faktura 2025-1187, 12 500 kr", "Webbformuläret på vår hemsida"} {
			assert.Contains(t, text, mine)
		}
		for _, id := range own {
			assert.Contains(t, text, id.String())
		}
		for _, theirs := range []string{"Hemligt", "Ådalens Bygg", "Västanå Trä", "dso@kund.example", "AV-1", "Noël", "Inget om henne"} {
			assert.NotContains(t, text, theirs)
		}
		for _, id := range customers {
			assert.NotContains(t, text, id.String())
		}
	}
	trail := h.trail(caseID)
	for _, act := range []string{"Receive", "Identify", "Approve", "Find", "Explain", "Reads", "Suppressions", "Consents", "Restrictions"} {
		assert.Contains(t, trail, act+" by Örjan Dataskydd")
	}
	assert.Contains(t, pageOf(t, r, "sv"), "Våra avtal tillåter inte att vi berättar till vem.")
}

func TestCustomerIsNamedOnlyWhereTheTermsAllowIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	who := gdpr.Email(annas)
	h.customer("Kanalbolaget AB", "hosted-open", "open", who, gdpr.Fields{"content": "hos Kanalbolaget"})
	h.customer("Dolda Gården AB", "hosted-closed", "closed", who, gdpr.Fields{"content": "hos Dolda"})
	c := h.approved(who, subjectrights.Access)
	named := 0
	for _, f := range c.Forward() {
		if f.MayName {
			named++
		}
	}
	assert.Equal(t, 1, named)
	page := pageOf(t, h.access(c), "sv")
	assert.Contains(t, page, "Kanalbolaget AB")
	assert.NotContains(t, page, "Dolda")
	assert.NotContains(t, page, "hos Kanalbolaget")
}

func TestNothingHeldIsAnAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	c := h.approved(gdpr.Email("ingen@kund.example"), subjectrights.Access)
	assert.Empty(t, c.Own())
	assert.Empty(t, c.Forward())
	r := h.access(c)
	assert.Zero(t, r.Records())
	page := pageOf(t, r, "sv")
	assert.Contains(t, page, "Vi har letat och har inga uppgifter om dig")
	assert.Contains(t, page, "Integritetsskyddsmyndigheten")
	assert.NotContains(t, page, "andra organisationer")
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(asJSON(t, r, "en")), &doc))
	assert.Equal(t, false, doc["holds_data"])
	assert.Empty(t, doc["activities"])
}

func TestOtherPersonsInARecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	orangeryPerson(h)
	r := h.access(h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Access))
	page := pageOf(t, r, "sv")
	assert.Contains(t, page, "Betalar för hela familjen.\nVill ha brev.")
	assert.Contains(t, page, "uppgifter om två andra personer")
	for _, text := range []string{page, asJSON(t, r, "sv")} {
		for _, theirs := range []string{"Elsa", "Olle", "Elsas egen rad", "familj-2", "Tvist"} {
			assert.NotContains(t, text, theirs)
		}
	}
}

func TestAccessIsAskedForAndAllowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	annaEverywhere(h)
	_, err := h.desk.Access(t.Context(), dpo, h.approved(gdpr.Email(annas), subjectrights.Erasure))
	require.ErrorIs(t, err, subjectrights.ErrNotAsked)
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	_, err = h.desk.Access(t.Context(), dpo, c)
	require.ErrorIs(t, err, subjectrights.ErrNotIdentified, "PRO-TIME")
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.KnownAddress, subjectrights.Address{}))
	_, err = h.desk.Access(t.Context(), dpo, c)
	require.ErrorIs(t, err, subjectrights.ErrNotGranted)
	_, err = h.desk.Access(t.Context(), gdpr.Person("Utan Roll"), h.approved(gdpr.Email(annas), subjectrights.Access))
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	var refused *gdpr.InputError
	_, err = h.desk.Access(t.Context(), dpo, nil)
	require.ErrorAs(t, err, &refused)
	_, err = h.desk.Access(t.Context(), dpo, &subjectrights.Case{})
	require.ErrorAs(t, err, &refused)
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	r := h.access(h.approved(gdpr.Email(annas), subjectrights.Access))
	var b strings.Builder
	for _, lang := range []string{"", "no", "SV"} {
		require.ErrorIs(t, report.HTML(&b, r, lang), report.ErrLanguage)
		require.ErrorIs(t, report.JSON(&b, r, lang), report.ErrLanguage)
	}
	require.Error(t, report.HTML(&b, nil, "sv"))
	require.Error(t, report.JSON(&b, &report.Report{}, "sv"))
	assert.Empty(t, b.String())
}

// TestAJobMayAnswerButNotDecide: to take in and to copy is work, to grant and to erase is a decision (REQUIREMENTS 0.10).
func TestAJobMayAnswerButNotDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	ctx := t.Context()
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	c, err := h.desk.Receive(ctx, web, request(h.at, gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure))
	require.NoError(t, err)
	require.NoError(t, h.desk.Identify(ctx, web, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	all := grants(subjectrights.Access, subjectrights.Erasure)
	require.ErrorIs(t, h.desk.Decide(ctx, web, c, all...), subjectrights.ErrPersonDecides)
	require.NoError(t, h.desk.Decide(ctx, dpo, c, all...))
	r, err := h.desk.Access(ctx, web, c)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Records())
	_, err = h.desk.Erase(ctx, web, c)
	require.ErrorIs(t, err, subjectrights.ErrPersonDecides)
}
