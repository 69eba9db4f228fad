package subjectrights_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil/holiday"
	"github.com/gallra/gallra/subjectrights"
)

// TestDue has the examples of the authority's page on time limits, and the days around Easter and Christmas (Reg. 1182/71 Art. 3(4)).
func TestDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-12-31")
	for received, want := range map[string][2]string{
		"2024-03-05": {"2024-04-05", "2024-03-06"},
		"2024-08-31": {"2024-09-30", "2024-09-02"},
		"2023-11-25": {"2023-12-27", "2023-11-27"},
		"2024-11-25": {"2024-12-27", "2024-11-26"},
		"2025-11-25": {"2025-12-29", "2025-11-26"},
		"2026-03-05": {"2026-04-07", "2026-03-06"}, // Easter Day, then Easter Monday
		"2026-01-31": {"2026-03-02", "2026-02-02"}, // clamped to a Saturday
		"2026-05-19": {"2026-06-19", "2026-05-20"}, // Midsummer Eve is no public holiday
		"2026-04-02": {"2026-05-04", "2026-04-07"}, // passed on after Easter
	} {
		_, err := time.Parse(time.DateOnly, received)
		require.NoError(t, err)
		r := request(instant(t, received), gdpr.Email(annas), subjectrights.Access)
		r.Case = received
		c, err := h.desk.Receive(t.Context(), dpo, r)
		require.NoError(t, err, received)
		assert.Equal(t, want[0], h.desk.Due(c).String(), "received "+received)
		assert.Empty(t, c.Forward())
	}
}

func TestForwardByTheNextWorkingDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.customer("Kund i Norden AB", "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "hos kunden"})
	h.set("2026-04-02") // Maundy Thursday
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	require.Len(t, c.Forward(), 1)
	assert.Equal(t, "2026-04-07", c.Forward()[0].By.String())
}

func TestTheDayOfReceiptIsThatOfTheOrganization(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-10")
	late := time.Date(2026, time.March, 4, 23, 30, 0, 0, time.UTC) // half past midnight in Sweden
	r := request(late, gdpr.Email(annas), subjectrights.Access)
	c, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String(), "from 5 March, not 4 March")
	assert.Equal(t, late, c.Received())
	r.Received = time.Time{}
	assert.Equal(t, late, c.Received(), "nobody changes it afterwards")
}

func TestCalendarIsAnOption(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	desk, err := subjectrights.New(h.Engine, &subjectrights.Options{Calendar: holiday.SwedenWithEves(), Now: func() time.Time { return h.at }})
	require.NoError(t, err)
	h.set("2026-05-19")
	c, err := desk.Receive(t.Context(), dpo, request(h.at, gdpr.Email(annas), subjectrights.Access))
	require.NoError(t, err)
	assert.Equal(t, "2026-06-22", desk.Due(c).String(), "after Midsummer Eve")
}

func TestReceiveRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	whole := func() subjectrights.Request { return request(h.at, gdpr.Email(annas), subjectrights.Access) }
	for field, spoil := range map[string]func(*subjectrights.Request){
		"Rights":        func(r *subjectrights.Request) { r.Rights = nil },
		"Channel":       func(r *subjectrights.Request) { r.Channel = "duva" },
		"Received":      func(r *subjectrights.Request) { r.Received = h.at.Add(time.Second) },
		"Subject":       func(r *subjectrights.Request) { r.Subject = gdpr.Identity{} },
		"Subject.email": func(r *subjectrights.Request) { r.Subject = gdpr.Email("inte en plats") },
		"Case":          func(r *subjectrights.Request) { r.Case = annas },
		"Person":        func(r *subjectrights.Request) { r.Person = gdpr.ID{1} },
	} {
		r := whole()
		spoil(&r)
		_, err := h.desk.Receive(t.Context(), dpo, r)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, field)
		assert.Equal(t, field, refused.Field)
		assert.NotContains(t, err.Error(), "lindqvist")
		assert.NotContains(t, err.Error(), "inte en")
	}
	for name, spoil := range map[string]func(*subjectrights.Request){
		"unknown right":  func(r *subjectrights.Request) { r.Rights = []subjectrights.Right{"A99"} },
		"twice":          func(r *subjectrights.Request) { r.Rights = append(r.Rights, r.Rights[0]) },
		"no receipt":     func(r *subjectrights.Request) { r.Received = time.Time{} },
		"before GDPR":    func(r *subjectrights.Request) { r.Received = instant(t, "2018-05-24") },
		"reply of lines": func(r *subjectrights.Request) { r.Reply.Contact = "anna@kund.example\r\nBcc: x@x.example" },
		"reply without":  func(r *subjectrights.Request) { r.Reply.Name = "Anna" },
		"case of lines":  func(r *subjectrights.Request) { r.Case = "17\n18" },
	} {
		r := whole()
		spoil(&r)
		_, err := h.desk.Receive(t.Context(), dpo, r)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, name)
	}
	_, err := h.desk.Receive(t.Context(), gdpr.Actor{}, whole())
	require.Error(t, err, "nobody")
	_, err = h.desk.Receive(t.Context(), gdpr.Person("Utan Roll"), whole())
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	_, err = subjectrights.New(nil, nil)
	require.Error(t, err)
}

func TestNewCaseNumber(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	r := request(h.at, gdpr.Email(annas), subjectrights.Access)
	r.Case = ""
	one, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	two, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	assert.NotEqual(t, one.ID(), two.ID())
	assert.True(t, strings.HasPrefix(one.ID(), "2026-03-05-"))
}

func TestSplitByRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, customers := annaEverywhere(h)
	c := h.receive(gdpr.Email("ANNA.lindqvist@kund.example "), subjectrights.Access, subjectrights.Erasure)

	var held []gdpr.ID
	var activities []string
	for _, x := range c.Own() {
		activities = append(activities, x.Activity)
		held = append(held, x.Records...)
	}
	assert.Equal(t, []string{"support-ticket", "sales-contact", "invoice"}, activities, "in the order of the register")
	assert.ElementsMatch(t, own, held)
	assert.False(t, c.Person().IsZero())

	forward := c.Forward()
	require.Len(t, forward, 3, "one item a customer")
	var controllers []gdpr.ID
	for _, f := range forward {
		controllers = append(controllers, f.Controller)
		assert.Len(t, f.Records, 1, "nothing of another customer")
		assert.Len(t, f.Agreements, 1)
		assert.False(t, f.MayName, "the terms do not say name-controller")
		assert.Equal(t, date(t, "2026-03-06"), f.By)
	}
	assert.ElementsMatch(t, customers, controllers)
	assert.Contains(t, h.trail(caseID), "Receive by Örjan Dataskydd")

	c.Forward()[0].Records[0] = gdpr.ID{}
	c.Own()[0].Records[0] = gdpr.ID{}
	assert.Equal(t, forward, c.Forward(), "what is handed out is a copy")
	assert.Equal(t, held[0], c.Own()[0].Records[0])
}

func TestOnlyACustomerHasData(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.customer("Kund i Norden AB", "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "hos kunden"})
	c := h.receive(gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure)
	assert.Empty(t, c.Own())
	assert.True(t, c.Person().IsZero())
	assert.Len(t, c.Forward(), 1)
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.Known, subjectrights.Address{}))
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, grants(subjectrights.Access, subjectrights.Erasure)...))
	h.copied(c)
	out, err := h.desk.Erase(t.Context(), dpo, c)
	require.NoError(t, err, "ours is empty, and the customer's is not ours to erase")
	assert.Empty(t, out.Erasures)
	assert.Len(t, h.receive(gdpr.Email(annas), subjectrights.Access).Forward(), 1)
}

func TestTwoPersonsWithOneAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	shared := "familjen@post.example"
	h.put("festival", gdpr.Record{Subject: gdpr.Ref("elsa"), Fields: gdpr.Fields{"name": "Elsa Öberg", "email": shared}})
	h.put("festival", gdpr.Record{Subject: gdpr.Ref("olle"), Fields: gdpr.Fields{"name": "Olle Öberg", "email": shared}})
	h.customer("Kanalbolaget AB", "hosted-open", "open", gdpr.Email(shared), gdpr.Fields{"content": "hos kunden"})
	r := request(h.at, gdpr.Email(shared), subjectrights.Access)
	_, err := h.desk.Receive(t.Context(), dpo, r)
	var several *subjectrights.AmbiguousError
	require.ErrorAs(t, err, &several)
	require.ErrorIs(t, err, gdpr.ErrConflict)
	require.Len(t, several.Persons, 2)
	assert.NotContains(t, err.Error(), "familjen")

	r.Person = several.Persons[0]
	c, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	require.Len(t, c.Own(), 1)
	assert.Len(t, c.Own()[0].Records, 1)
	assert.Len(t, c.Forward(), 1, "the customer finds out by itself")
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.Known, subjectrights.Address{}))
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, grants(subjectrights.Access)...))
	page := pageOf(t, h.access(c), "sv")
	assert.NotEqual(t, strings.Contains(page, "Elsa Öberg"), strings.Contains(page, "Olle Öberg"), "one of them, not both")
}
