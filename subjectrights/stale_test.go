package subjectrights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// Who holds an old copy of a case cannot carry out what was withdrawn meanwhile.
func TestStaleCaseErases(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	stale := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	require.NoError(t, h.desk.Withdraw(t.Context(), dpo, h.reread(stale), "brev"))
	_, err := h.desk.Erase(t.Context(), dpo, stale)
	require.Error(t, err)
	assert.True(t, h.left(one), "the request was withdrawn before")
}

// Nor does it hand out a copy.
func TestStaleCaseHandsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	h.ticket(gdpr.Email(annas), "Hej")
	stale := h.approved(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.Withdraw(t.Context(), dpo, h.reread(stale), "brev"))
	_, err := h.desk.Access(t.Context(), dpo, stale)
	require.Error(t, err)
}

// An instruction that somebody has disputed meanwhile is not carried out from an old copy.
func TestStaleOrderErases(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	party, agreement, record := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	stale := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructErase, Subject: gdpr.Email(annas), Number: "K-7"})
	now, err := h.desk.Order(ctx, dpo, "K-7")
	require.NoError(t, err)
	require.NoError(t, h.desk.Dispute(ctx, dpo, now, "Verkar strida mot lagen."))
	require.Error(t, h.desk.Carry(ctx, dpo, stale, subjectrights.Carried{}))
	x, err := h.As(dpo, "hosted-customer-data").Under(agreement).Explain(ctx, record)
	require.NoError(t, err)
	assert.NotEmpty(t, x.Parts, "it was disputed before")
}
