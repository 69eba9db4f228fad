package subjectrights_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// The clock rests while the person is asked: whole days, added before the day rolls (REQUIREMENTS 4.5).
func TestPauses(t *testing.T) {
	t.Parallel()
	for _, line := range []struct{ received, asked, answered, due, target string }{
		{"2026-03-05", "2026-03-10", "2026-03-20", "2026-04-15", "2026-04-15"},
		{"2026-03-05", "2026-03-10", "2026-03-10", "2026-04-07", "2026-04-05"}, // answered the same day: nothing is added, Easter rolls
		{"2026-03-05", "2026-04-07", "2026-04-09", "2026-04-07", "2026-04-07"}, // asked on the last day, rolled to: two days count from the 5th
		{"2026-01-31", "2026-02-10", "2026-02-11", "2026-03-02", "2026-03-01"},
		{"2028-02-29", "2028-03-01", "2028-03-31", "2028-04-28", "2028-04-28"},
	} {
		h := newHouse(t, epm)
		ctx := t.Context()
		h.set(line.received)
		c := h.receive(gdpr.Email(annas), subjectrights.Access)
		h.set(line.asked)
		require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
		h.set(line.answered)
		require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{}))
		assert.Equal(t, line.due, h.desk.Due(c).String(), line.received+" "+line.asked)
		assert.Equal(t, line.target, h.desk.Target(c).String(), line.received+" "+line.asked)
		stored, err := h.desk.Case(ctx, dpo, c.ID())
		require.NoError(t, err)
		assert.Equal(t, line.due, h.desk.Due(stored).String())
	}
}

// One extension, to three months from receipt, and told inside the first (Art. 12(3)).
func TestExtension(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	ctx := t.Context()
	h.set("2026-03-05")
	p := h.posted()
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	h.set("2026-04-07") // the last day, rolled over Easter
	for field, try := range map[string]func() error{
		"Ground":  func() error { return h.desk.Extend(ctx, dpo, c, "busy", "Sommar.", time.Time{}) },
		"Reasons": func() error { return h.desk.Extend(ctx, dpo, c, subjectrights.Number, "", time.Time{}) },
		"Told":    func() error { return h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at.Add(time.Hour)) },
	} {
		var refused *gdpr.InputError
		require.ErrorAs(t, try(), &refused, field)
		assert.Equal(t, field, refused.Field)
	}
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Complexity, "Arkivet är på papper.", time.Time{}))
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String(), "not before the person is told")
	sent, err := h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	assert.Equal(t, 1, sent.Sent)
	require.Len(t, p.sent, 1)
	assert.Contains(t, p.sent[0].Text, "2026-06-05")
	assert.Contains(t, p.sent[0].Text, "Arkivet är på papper.")
	c, err = h.desk.Case(ctx, dpo, c.ID())
	require.NoError(t, err)
	assert.Equal(t, "2026-06-05", h.desk.Due(c).String())
	assert.Equal(t, "extension", c.Told()[0].Kind)
	require.Error(t, h.desk.Extend(ctx, dpo, c, subjectrights.Complexity, "Igen.", h.at), "once")

	late := h.receive(gdpr.Email("bo@kund.example"), subjectrights.Access) // received on 7 April
	require.NoError(t, h.desk.Identify(ctx, dpo, late, subjectrights.LoggedIn, subjectrights.Address{Contact: "bo@kund.example"}))
	h.set("2026-05-08")
	require.ErrorIs(t, h.desk.Extend(ctx, dpo, late, subjectrights.Complexity, "För sent.", h.at), subjectrights.ErrTooLate, "the day after the last")

	tardy := h.receive(gdpr.Email("cia@kund.example"), subjectrights.Access)
	require.NoError(t, h.desk.Identify(ctx, dpo, tardy, subjectrights.LoggedIn, subjectrights.Address{Contact: "cia@kund.example"}))
	require.NoError(t, h.desk.Extend(ctx, dpo, tardy, subjectrights.Complexity, "Ligger kvar i utkorgen.", time.Time{}))
	h.set("2026-07-01") // delivered after the month: it does not count
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	tardy, err = h.desk.Case(ctx, dpo, tardy.ID())
	require.NoError(t, err)
	assert.Equal(t, "2026-06-08", h.desk.Due(tardy).String())
}

// What is late is flagged in the list and is one deviation, however often it is looked at; it closes nothing.
func TestMissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	ctx := t.Context()
	h.set("2026-03-05")
	first := h.receive(gdpr.Email(annas), subjectrights.Access)
	h.set("2026-03-09")
	second := h.receive(gdpr.Email("bo@kund.example"), subjectrights.Erasure)
	asked := h.receive(gdpr.Email("cia@kund.example"), subjectrights.Access)
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, asked, "okänd adress"))
	lines, err := h.desk.OpenCases(ctx, dpo)
	require.NoError(t, err)
	require.Len(t, lines, 3)
	assert.Equal(t, first.ID(), lines[0].Number, "what burns first")
	assert.False(t, lines[0].Overdue)
	h.set("2026-04-07")
	late, err := h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	assert.Empty(t, late, "the last day runs to its end")
	h.set("2026-04-08")
	for range 2 {
		late, err = h.desk.MarkMissed(ctx, dpo)
		require.NoError(t, err)
		require.Len(t, late, 1)
		assert.Equal(t, first.ID(), late[0].Number)
	}
	h.set("2026-04-10")
	late, err = h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	require.Len(t, late, 2, "and not the one whose clock rests")
	assert.Equal(t, second.ID(), late[1].Number)
	var cases []gdpr.ID
	for d, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
		require.NoError(t, err)
		assert.Equal(t, gdpr.AnsweredLate, d.Cause)
		cases = append(cases, d.Case)
	}
	assert.Len(t, cases, 2, "one each")
	c, err := h.desk.Case(ctx, dpo, first.ID())
	require.NoError(t, err)
	assert.Equal(t, subjectrights.Received, c.State())
}

// Another request of the same person while one is open is linked, and has a clock of its own (REQUIREMENTS 4.12).
func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	first := h.receive(gdpr.Email(annas), subjectrights.Access)
	assert.Empty(t, first.Linked())
	h.set("2026-03-09")
	second := h.receive(gdpr.Email(annas), subjectrights.Access)
	assert.Len(t, second.Linked(), 1)
	assert.Equal(t, "2026-04-07", h.desk.Due(first).String())
	assert.Equal(t, "2026-04-09", h.desk.Due(second).String())
}

// An extension gives no more time to refuse: that is told inside the first month, else it is a deviation (Art. 12(4)).
func TestRefusalAfterTheFirstMonth(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	ctx := t.Context()
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Complexity, "Arkivet är på papper.", h.at))
	h.set("2026-04-20")
	require.NoError(t, h.desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive, Reasons: "Den tionde på en månad."}))
	n := 0
	for d, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
		require.NoError(t, err)
		assert.Equal(t, "2026-04-07", d.Last.String())
		n++
	}
	assert.Equal(t, 1, n)
}

// What is wholly on hold is kept whole, restricted, and told: the case comes to its end.
func TestErasureWhollyOnHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	ctx := t.Context()
	h.set("2026-03-05")
	p := h.posted()
	h.put("support-ticket", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna", "message": "Hej"}})
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(ctx, gdpr.Hold{Subject: gdpr.Subject(c.Person()), Ground: "Tvist 17/2026", ReviewBy: date(t, "2026-12-31")})
	require.NoError(t, err)
	out, err := h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	assert.Empty(t, out.Erasures[0].Records)
	require.Len(t, out.Erasures[0].Kept, 1)
	require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{}))
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	require.Len(t, p.sent, 1)
	assert.Contains(t, p.sent[0].Text, "spärrat från radering")
}
