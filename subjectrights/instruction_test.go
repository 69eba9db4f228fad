package subjectrights_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// post is a transport that keeps what it is given.
type post struct {
	sent []subjectrights.Message
	fail func(m subjectrights.Message) error
}

func (p *post) Send(_ context.Context, m subjectrights.Message) (string, error) {
	if p.fail != nil {
		if err := p.fail(m); err != nil {
			return "", err
		}
	}
	p.sent = append(p.sent, m)
	return "kvitto " + m.Kind, nil
}

// posted gives the house's desk a transport.
func (h *house) posted() *post {
	h.t.Helper()
	p := &post{}
	var err error
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: func() time.Time { return h.at }, Transport: p})
	require.NoError(h.t, err)
	return p
}

// hosted is a customer with an agreement and one record about Anna.
func (h *house) hosted(name string) (party, agreement, record gdpr.ID) {
	h.t.Helper()
	party, record = h.customer(name, "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "Hemligt hos " + name})
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	for _, w := range c.Forward() {
		if w.Controller == party {
			agreement = w.Agreements[0]
		}
	}
	require.False(h.t, agreement.IsZero())
	return party, agreement, record
}

func (h *house) instruct(in subjectrights.Instruction) *subjectrights.Order {
	h.t.Helper()
	in.Activity, in.Received = "hosted-customer-data", h.at
	o, err := h.desk.Instruct(h.t.Context(), dpo, in)
	require.NoError(h.t, err)
	return o
}

// A customer has one person erased: its own data goes, with a proof that is reported back; nobody else's does.
func TestInstructionToErase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	p := h.posted()
	own := h.put("support-ticket", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna", "message": "Hej"}})
	party, agreement, _ := h.hosted("Kund i Norden AB")
	other, _, _ := h.hosted("Ådalens Bygg AB")
	ctx := t.Context()
	o := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructErase, Subject: gdpr.Email(annas), Number: "K-7"})
	assert.Equal(t, "2026-04-30", o.Due().String(), "three months, not rolled")
	_, err := h.desk.Instruct(ctx, dpo, subjectrights.Instruction{From: party, Agreement: agreement, Activity: "hosted-customer-data", Action: subjectrights.InstructErase,
		Received: h.at, Number: "K-7"})
	require.ErrorIs(t, err, gdpr.ErrConflict)
	lines, err := h.desk.Orders(ctx, dpo)
	require.NoError(t, err)
	require.Len(t, lines, 1)

	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{}))
	assert.False(t, o.Proof().IsZero())
	require.ErrorIs(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{}), subjectrights.ErrState)
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	var reports []subjectrights.Message
	for _, m := range p.sent {
		if m.Kind == "report" {
			reports = append(reports, m)
		}
	}
	require.Len(t, reports, 1)
	assert.Equal(t, party.String(), reports[0].Party)
	assert.Contains(t, reports[0].Text, o.Proof().String())
	assert.NotContains(t, reports[0].Text, "Ådalen")
	assert.NotContains(t, reports[0].Text, "anna")
	o, err = h.desk.Order(ctx, dpo, "K-7")
	require.NoError(t, err)
	assert.Equal(t, subjectrights.OrderReported, o.State())

	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	require.Len(t, c.Forward(), 1)
	assert.Equal(t, other, c.Forward()[0].Controller)
	require.Len(t, c.Own(), 1)
	assert.Equal(t, []gdpr.ID{own}, c.Own()[0].Records)
}

// The other instructions: rectify, restrict, return, and erase all; disputed and settled.
func TestInstructions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	p := h.posted()
	party, agreement, record := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	in := subjectrights.Instruction{From: party, Agreement: agreement, Subject: gdpr.Email(annas)}

	in.Action = subjectrights.InstructRectify
	o := h.instruct(in)
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Record: record, Change: gdpr.Change{Fields: gdpr.Fields{"content": "Rättat"}}}))
	got, err := h.As(dpo, "hosted-customer-data").Under(agreement).Get(ctx, record)
	require.NoError(t, err)
	assert.Equal(t, "Rättat", got.Text("content"))

	in.Action = subjectrights.InstructRestrict
	o = h.instruct(in)
	require.ErrorIs(t, h.desk.Dispute(ctx, web, o, "Nej."), subjectrights.ErrPersonDecides)
	require.NoError(t, h.desk.Dispute(ctx, dpo, o, "Strider mot artikel 5."))
	require.ErrorIs(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Ground: gdpr.AccuracyContested}), subjectrights.ErrState)
	require.NoError(t, h.desk.Settle(ctx, dpo, o, true))
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Ground: gdpr.AccuracyContested}))
	_, err = h.As(dpo, "hosted-customer-data").Under(agreement).Get(ctx, record)
	require.ErrorIs(t, err, gdpr.ErrRestricted)

	in.Subject = gdpr.Identity{}
	in.Action = subjectrights.InstructReturn
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}))
	o = h.instruct(in)
	var sealed bytes.Buffer
	require.Error(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{}), "where to?")
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Package: &sealed, Recipients: []string{key.Recipient().String()}}))
	assert.NotZero(t, sealed.Len())

	in.Action = subjectrights.InstructErase
	in.By = date(t, "2026-02-10")
	o = h.instruct(in)
	assert.Equal(t, "2026-02-10", o.Due().String(), "the customer's own day is earlier")
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{}))
	res, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(t, err)
	assert.Equal(t, 1, res.Erased)
	x, err := h.As(dpo, "hosted-customer-data").Under(agreement).Explain(ctx, record)
	require.NoError(t, err)
	assert.Empty(t, x.Parts)

	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	var kinds []string
	for _, m := range p.sent {
		if m.Kind != "forward" {
			kinds = append(kinds, m.Kind)
		}
	}
	assert.ElementsMatch(t, strings.Fields("disputed report report report report"), kinds)
}

// What is wrong in an instruction is refused with its name; only the controller of the data gives one.
func TestInstructionRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	party, agreement, _ := h.hosted("Kund i Norden AB")
	other, _, _ := h.hosted("Ådalens Bygg AB")
	ctx := t.Context()
	whole := subjectrights.Instruction{From: party, Agreement: agreement, Activity: "hosted-customer-data", Action: subjectrights.InstructErase, Received: h.at}
	for field, spoil := range map[string]func(*subjectrights.Instruction){
		"Instruction.Action":    func(in *subjectrights.Instruction) { in.Action = "sell" },
		"Instruction.Activity":  func(in *subjectrights.Instruction) { in.Activity = "support-ticket" },
		"Instruction.Agreement": func(in *subjectrights.Instruction) { in.Agreement = gdpr.ID{1} },
		"Instruction.Received":  func(in *subjectrights.Instruction) { in.Received = h.at.Add(time.Second) },
		"Instruction.By":        func(in *subjectrights.Instruction) { in.By = date(t, "2026-03-04") },
		"Instruction.Subject":   func(in *subjectrights.Instruction) { in.Action = subjectrights.InstructRestrict },
	} {
		in := whole
		spoil(&in)
		_, err := h.desk.Instruct(ctx, dpo, in)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, field)
		assert.Equal(t, field, refused.Field)
	}
	whole.From = other
	_, err := h.desk.Instruct(ctx, dpo, whole)
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
}
