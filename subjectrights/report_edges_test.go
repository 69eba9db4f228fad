package subjectrights_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// A record about several persons is found by the identifier of one: that is who asks.
func TestFamilyRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	orangeryPerson(h)
	_, err := h.desk.Receive(t.Context(), dpo, request(h.at, gdpr.Ref("familj-2"), subjectrights.Access))
	require.NoError(t, err)
}

// Somebody of whom we hold very much can ask as anybody can.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("half a minute")
	}
	h := newHouse(t, epm)
	h.set("2026-03-05")
	many := func(yield func(gdpr.Record, error) bool) {
		for range 28_000 {
			if !yield(gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"message": "Hej"}}, nil) {
				return
			}
		}
	}
	_, err := h.As(dpo, "support-ticket").PutAll(t.Context(), many, nil)
	require.NoError(t, err)
	_, err = h.desk.Receive(t.Context(), dpo, request(h.at, gdpr.Email(annas), subjectrights.Erasure))
	require.NoError(t, err)
}

// Nothing of one customer reaches another, or the person: over random stores of three customers and both roles.
func TestThreeCustomers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 17))
		h := newHouse(t, epm)
		p := h.posted()
		h.set("2026-02-02")
		names := []string{"Kund i Norden AB", "Ådalens Bygg AB", "Västanå Trä AB"}
		of := map[string]string{} // by party
		records := map[string][]string{}
		for _, name := range names {
			if rnd.IntN(3) == 0 {
				continue
			}
			party, record := h.customer(name, "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "Hemligt hos " + name})
			of[party.String()] = name
			records[party.String()] = append(records[party.String()], record.String())
		}
		own := rnd.IntN(3)
		for range own {
			h.ticket(gdpr.Email(annas), "Vårt eget")
		}
		h.ticket(gdpr.Email("annan@kund.example"), "En annans")
		h.set("2026-03-05")
		r := request(h.at, gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure)
		r.Case, r.Reply = "2026-18", subjectrights.Address{Contact: annas}
		c, err := h.desk.Receive(t.Context(), dpo, r)
		require.NoError(t, err)
		require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
		require.NoError(t, h.desk.Decide(t.Context(), dpo, c, grants(subjectrights.Access, subjectrights.Erasure)...))
		rep := h.access(c)
		assert.Equal(t, own, rep.Records())
		text := asJSON(t, rep, "sv")
		h.copied(c)
		_, err = h.desk.Erase(t.Context(), dpo, c)
		require.NoError(t, err)
		require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{}))
		_, err = h.desk.Deliver(t.Context(), dpo)
		require.NoError(t, err)
		forwards := 0
		for _, m := range p.sent {
			if m.Kind == "forward" {
				forwards++
			}
			for party, name := range of {
				if m.Party == party {
					assert.NotContains(t, m.Text, "Anna")
					assert.NotContains(t, m.Text, "annas")
					continue
				}
				assert.NotContains(t, m.Text+m.Subject, name)
				for _, id := range records[party] {
					assert.NotContains(t, m.Text, id)
				}
			}
		}
		assert.Equal(t, len(of), forwards)
		for party, name := range of {
			for _, secret := range append(records[party], party, name, "Hemligt", "En annans") {
				assert.NotContains(t, text, secret)
			}
		}
		assert.Len(t, h.receive(gdpr.Email(annas), subjectrights.Access).Forward(), len(of), "the customers' data is untouched")
	}
}

// More than a thousand records: the report has all that there is, also of an activity that came after the request.
func TestStreamedReportHasAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	many := func(yield func(gdpr.Record, error) bool) {
		for range 1001 {
			if !yield(gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"message": "Hej"}}, nil) {
				return
			}
		}
	}
	_, err := h.As(dpo, "support-ticket").PutAll(t.Context(), many, nil)
	require.NoError(t, err)
	c := h.approved(gdpr.Email(annas), subjectrights.Access)
	h.put("sales-contact", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"employer": "Kund i Norden AB"}})
	assert.True(t, strings.Contains(asJSON(t, h.access(c), "sv"), "Kund i Norden AB"))
}
