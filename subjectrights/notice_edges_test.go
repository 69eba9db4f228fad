package subjectrights_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// That a request was passed on to nobody yet is no refusal that the person was told of.
func TestToldOfARefusalThatIsNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	h.ticket(gdpr.Email(annas), "Hej")
	h.customer("Kund i Norden AB", "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "x"})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	require.Error(t, h.desk.ToldRefusal(t.Context(), dpo, c, h.at), "nothing is refused")
}

// A dispute that the customer was not told of in time is not sent for ever once the order is at its end, nor does it stop the outbox.
func TestNoticeOfAnOrderAtItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	p := h.posted()
	party, agreement, _ := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	o := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructErase, Subject: gdpr.Email(annas), Number: "K-7"})
	require.NoError(t, h.desk.Dispute(ctx, dpo, o, "Verkar strida mot lagen."))
	require.NoError(t, h.desk.Settle(ctx, dpo, o, false))
	for range 5 {
		_, err := h.desk.Deliver(ctx, dpo)
		require.NoError(t, err)
		h.at = h.at.Add(time.Hour)
	}
	n := 0
	for _, m := range p.sent {
		if m.Kind == "disputed" {
			n++
		}
	}
	assert.LessOrEqual(t, n, 1, "sent again and again")
	h.at = h.at.AddDate(4, 0, 0)
	h.sweepAll()
	_, err := h.desk.Deliver(ctx, dpo)
	require.NoError(t, err, "a notice of a case that is gone blocks all others")
}

// slow sends once its gate is open.
type slow struct {
	gate func(m subjectrights.Message)
	n    map[gdpr.ID]int
}

func (s *slow) Send(_ context.Context, m subjectrights.Message) (string, error) {
	s.n[m.ID]++
	if s.gate != nil {
		s.gate(m)
	}
	return "", nil
}

// What one process is sending another leaves alone.
func TestTwoOutboxes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	for _, number := range []string{"1", "2"} {
		r := request(h.at, gdpr.Email(annas), subjectrights.Access)
		r.Case, r.Reply = number, subjectrights.Address{Contact: annas}
		_, err := h.desk.Receive(t.Context(), dpo, r)
		require.NoError(t, err)
	}
	sent := map[gdpr.ID]int{}
	desk := func(gate func(subjectrights.Message)) *subjectrights.Desk {
		d, err := subjectrights.New(h.Engine, &subjectrights.Options{Now: func() time.Time { return h.at }, Transport: &slow{gate, sent}})
		require.NoError(t, err)
		return d
	}
	depth := 0
	// The first has listed both and sends the first; meanwhile the second lists what is left and sends it, and while it does the first comes to it.
	var first, second *subjectrights.Desk
	resume, done := make(chan struct{}), make(chan error, 1)
	second = desk(func(subjectrights.Message) { close(resume); <-time.After(300 * time.Millisecond) })
	first = desk(func(subjectrights.Message) {
		if depth++; depth == 1 {
			go func() { _, err := second.Deliver(t.Context(), dpo); done <- err }()
			<-resume
		}
	})
	_, err := first.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	require.NoError(t, <-done)
	for _, n := range sent {
		assert.Equal(t, 1, n, "sent by both")
	}
}

// After an instruction was carried out by a process that died, or by another, it is carried out once.
func TestRestrictedTwiceOnInstruction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	party, agreement, _ := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	s := h.As(dpo, "hosted-customer-data").Under(agreement)
	_, err := s.Case("K-7").Restrict(ctx, gdpr.Restriction{Subject: gdpr.Email(annas), Ground: gdpr.AccuracyContested}) // and the process died
	require.NoError(t, err)
	o := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructRestrict, Subject: gdpr.Email(annas), Number: "K-7"})
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Ground: gdpr.AccuracyContested}))
	is, err := s.Restrictions(ctx, gdpr.Email(annas))
	require.NoError(t, err)
	assert.Len(t, is, 1)
}

// What a transport hears from the other side stands sealed, or not at all.
func TestReceipt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	var err error
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: func() time.Time { return h.at }, Transport: telling{}})
	require.NoError(t, err)
	r := request(h.at, gdpr.Email(annas), subjectrights.Access)
	r.Reply = subjectrights.Address{Contact: annas}
	_, err = h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	_, err = h.desk.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	files, err := h.As(dpo, gdpr.SubjectRights).OpenCaseFiles(t.Context(), "request", gdpr.ID{})
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.NotContains(t, string(files[0].Public), "Lindqvist")
}

type telling struct{}

func (telling) Send(context.Context, subjectrights.Message) (string, error) {
	return "OK: Anna Lindqvist, 070-1740605, 19121212-1212", nil
}

// A customer without an address can be told by other means, and the case come to its end.
func TestCustomerWithoutAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	ctx, admin := t.Context(), h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kund i Norden AB", Country: "SE"})
	if err != nil {
		return // refused: as good
	}
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: date(t, "2024-01-01"), Activities: []string{"hosted-customer-data"},
		Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	require.NoError(t, err)
	_, err = h.As(dpo, "hosted-customer-data").Under(agreement).Put(ctx, gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"content": "x"}})
	require.NoError(t, err)
	h.set("2026-03-05")
	h.posted()
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err = h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: h.at}))
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	require.NoError(t, h.desk.Close(ctx, dpo, h.reread(c)), "nothing says that it was passed on, and nothing can")
}
