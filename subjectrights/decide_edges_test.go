package subjectrights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// A decision about no record at all is not one about all of them: what was refused stays refused.
func TestDecisionAboutNoRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	err := h.desk.Decide(t.Context(), dpo, c,
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{one}, Ground: subjectrights.LegalClaims, Reasons: "Tvist."},
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{}, Grant: true, Ground: string(gdpr.NoLongerNeeded)})
	if err != nil {
		return // refused: as it should be
	}
	_, _ = h.desk.Erase(t.Context(), dpo, h.reread(c))
	assert.True(t, h.left(one), "its erasure was refused")
}

// An objection to marketing is not refused by naming another purpose.
func TestMarketingObjectionRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Objection)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Objection, Purpose: "survey", Ground: subjectrights.Compelling, Reasons: "Vi vill."})
	require.Error(t, err, "the objection to the festival's marketing is decided on nowhere")
}

// Nor where nothing is held: it holds for ever (Art. 21(3)).
func TestMarketingObjectionOfAStranger(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Objection)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Objection, Purpose: "festival", Ground: subjectrights.Compelling, Reasons: "Vi vill."})
	require.Error(t, err)
}

// Nor is a withdrawal of consent.
func TestWithdrawalRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.ConsentWithdrawal)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.ConsentWithdrawal, Purpose: "membership", Ground: subjectrights.NoSuchRight, Reasons: "Nej."})
	require.Error(t, err)
}

// A restriction that was granted for a record that is gone by now does not keep the case from its end.
func TestRestrictWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-10")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	two := h.ticket(gdpr.Email(annas), "Hej igen")
	c := h.identified(gdpr.Email(annas), subjectrights.Restriction)
	d := grants(subjectrights.Restriction)[0]
	d.Records = []gdpr.ID{one, two}
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, d))
	h.set("2026-03-20")
	h.sweepAll()
	require.False(t, h.left(one))
	_, err := h.desk.Restrict(t.Context(), dpo, c, date(t, "2026-12-31"))
	require.NoError(t, err)
	require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at}))
}

// Nor does a rectification.
func TestRectifyWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-10")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Rectification)
	h.set("2026-03-20")
	h.sweepAll()
	require.False(t, h.left(one))
	_, err := h.desk.Rectify(t.Context(), dpo, c, one, gdpr.Change{Fields: gdpr.Fields{"name": "Anna Öst"}})
	require.ErrorIs(t, err, gdpr.ErrErased)
	require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at}), "there is no way to end this case")
}

// What somebody writes as reasons reaches the person as it was written.
func TestReasonsWithATable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	p := h.posted()
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive,
		Reasons: "Begärt:\nJanuari\tfem\tgånger"}))
	_, err := h.desk.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	require.NotEmpty(t, p.sent)
	text := p.sent[len(p.sent)-1].Text
	assert.Contains(t, text, "Januari")
	assert.Contains(t, text, "fem")
}

// A power of attorney that is over, or ends on no day, is none.
func TestRepresentativeWhosePowerIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	for _, until := range []string{"2020-01-01", "igår"} {
		r := request(h.at, gdpr.Email(annas), subjectrights.Access)
		r.Representative = &subjectrights.Representative{Kind: "attorney", Name: "Åke Ombud", Evidence: "fullmakt", Until: until}
		_, err := h.desk.Receive(t.Context(), dpo, r)
		require.Error(t, err, until)
	}
}
