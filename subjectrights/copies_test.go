package subjectrights_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// The freeze lasts as long as the clock rests (REQUIREMENTS 4.9).
func TestFreezeThroughAPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-05-01")
	one := h.ticket(gdpr.Email(annas), "Hej") // goes by 2026-05-01
	h.set("2026-03-05")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.AskIdentity(t.Context(), dpo, c, "okänd adress"))
	h.set("2026-05-15")
	h.sweepAll()
	assert.True(t, h.left(one), "the clock rests, and so nothing goes")
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	assert.Equal(t, "2026-06-15", h.desk.Due(c).String())
	h.set("2026-06-10")
	h.sweepAll()
	assert.True(t, h.left(one), "and until it is answered")
	h.set("2026-06-17")
	h.sweepAll()
	assert.False(t, h.left(one), "but no longer than the last day")
}

// A case that is opened again freezes again.
func TestFreezeWhenReopened(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-25")
	one := h.ticket(gdpr.Email(annas), "Hej") // goes by 2026-03-25
	h.set("2026-03-05")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	ctx := t.Context()
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-03-10")
	require.NoError(t, h.desk.GiveUp(ctx, dpo, c, "Inget svar."))
	h.set("2026-03-12")
	require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	h.set("2026-04-01")
	h.sweepAll()
	assert.True(t, h.left(one), "open again, due "+h.desk.Due(c).String())
}

// Where the copy is refused nothing waits for it: the erasure that was granted is carried out.
func TestErasureAfterRefusedAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure)
	no := subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive, Reasons: "Den tionde på en månad."}
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, no, grants(subjectrights.Erasure)[0]))
	_, err := h.desk.Erase(t.Context(), dpo, c)
	require.NoError(t, err, "its own freeze stands in its way")
	assert.False(t, h.left(one))
}

// An erasure that waits for another request's copy leaves that copy whole.
func TestErasureEmptiesAnotherRequestsCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	takes := h.approved(gdpr.Email(annas), subjectrights.Portability)
	erases := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err := h.desk.Erase(t.Context(), dpo, erases)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	r, err := h.desk.Portable(t.Context(), dpo, takes)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, report.Portable(&b, r, nil))
	assert.Contains(t, b.String(), "Anna Lindqvist", "the copy comes first")
}

// Consent that is withdrawn in the same letter does not empty what the person takes along.
func TestWithdrawalEmptiesTheCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Portability, subjectrights.ConsentWithdrawal)
	if err := h.desk.WithdrawConsent(t.Context(), dpo, c); err != nil {
		require.ErrorIs(t, err, subjectrights.ErrCopyFirst)
	}
	r, err := h.desk.Portable(t.Context(), dpo, c)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, report.Portable(&b, r, nil))
	assert.Contains(t, b.String(), "Anna Lindqvist")
}

// One sealed copy is not two.
func TestOneCopyForTwoRights(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Access, subjectrights.Portability)
	h.access(c)
	require.Error(t, h.desk.SealedCopy(t.Context(), dpo, c, make([]byte, 32)), "of which?")
	require.NoError(t, h.desk.SealedCopy(t.Context(), dpo, c, make([]byte, 32), subjectrights.Access))
	err := h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at})
	require.ErrorIs(t, err, subjectrights.ErrUnfinished, "what is taken along was never made")
}
