package subjectrights_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// Proof of who asks that comes late opens the case again; that is no answer that was missed.
func TestReopenedIsNotOverdue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	ctx := t.Context()
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-03-20")
	require.NoError(t, h.desk.GiveUp(ctx, dpo, c, "Inget svar."))
	h.set("2026-06-01")
	require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	late, err := h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	assert.Empty(t, late, "due "+h.desk.Due(c).String())
}

// An answer after the last day is a deviation, also when no job has looked before.
func TestLateAnswerIsADeviation(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		h := newHouse(t, epm)
		h.set("2026-03-05")
		h.ticket(gdpr.Email(annas), "Hej")
		ctx := t.Context()
		c := h.identified(gdpr.Email(annas), subjectrights.Access)
		if refused {
			h.set("2026-05-20")
			require.NoError(t, h.desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive, Reasons: "Orimligt."}))
		} else {
			require.NoError(t, h.desk.Decide(ctx, dpo, c, grants(subjectrights.Access)...))
			h.copied(c)
			h.set("2026-05-20")
			require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: h.at}))
		}
		n := 0
		for dev, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
			require.NoError(t, err)
			if dev.Cause == gdpr.AnsweredLate {
				n++
			}
		}
		assert.Equal(t, 1, n, "refused %t: six weeks late", refused)
	}
}

// To ask something after the last day does not undo that it was missed.
func TestPauseAfterTheLastDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	ctx := t.Context()
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	h.set("2026-04-20")
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String())
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-05-20")
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String(), "a day that is over does not move")
	n := 0
	for dev, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
		require.NoError(t, err)
		assert.Equal(t, gdpr.AnsweredLate, dev.Cause)
		n++
	}
	assert.Equal(t, 1, n, "it was missed before anybody asked")
}

// The extension: on the last day yes, the day after no; its notice inside the month or it does not count; once.
func TestExtensionEdges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	open := func(h *house) *subjectrights.Case {
		h.set("2028-02-29") // a leap day
		h.ticket(gdpr.Email(annas), "Hej")
		return h.identified(gdpr.Email(annas), subjectrights.Access)
	}
	h := newHouse(t, epm)
	c := open(h)
	h.at = time.Date(2028, time.March, 29, 21, 59, 59, 0, time.UTC) // the last second of the day in Sweden's summer
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at))
	assert.Equal(t, "2028-05-29", h.desk.Due(c).String())
	require.Error(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at))

	h = newHouse(t, epm)
	c = open(h)
	h.at = time.Date(2028, time.March, 29, 22, 0, 0, 0, time.UTC)
	require.ErrorIs(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at), subjectrights.ErrTooLate)

	h = newHouse(t, epm)
	c = open(h)
	h.posted()
	h.set("2028-03-29")
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", time.Time{}))
	h.set("2028-03-30")
	_, err := h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	c = h.reread(c)
	assert.Equal(t, "2028-03-29", h.desk.Due(c).String(), "told too late")
	late, err := h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	assert.Len(t, late, 1)
}
