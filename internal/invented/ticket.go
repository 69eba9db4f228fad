package invented

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// ticket is one inquiry to the support desk.
type ticket struct {
	number                string
	opened                time.Time
	agreement, assignment string
	by                    *person
	email, phone          string // as they were written
	message, state        string
}

const (
	ticketCount           = 5000
	withoutAgreementCount = 750
	fromProspectsCount    = 520 // of those without; the rest came before the writer's employer had signed
	lastOpenedBefore      = 2   // days before Today
)

// annaTickets are two from before her firm had signed, both long ago, and four from later, one of them outside of the assignment. She does
// not spell her address alike each time.
var annaTickets = []struct {
	opened       time.Time
	email, phone string
	assigned     bool
}{
	{day(2023, time.October, 12), "Anna.Lindqvist@kund.example", "", false},
	{day(2024, time.January, 25), annaEmail, "070-174 06 05", false},
	{day(2024, time.April, 9), " " + annaEmail, "+46 70 174 06 05", true},
	{day(2025, time.February, 3), annaEmail, "0701740605", false},
	{day(2026, time.January, 15), "ANNA.LINDQVIST@KUND.EXAMPLE", "", true},
	{day(2026, time.November, 9), annaEmail, "070-174 06 05", true},
}

func newTickets(agreements []agreement, persons []*person) []ticket {
	r := stream(3)
	last := Today.AddDate(0, 0, -lastOpenedBefore)
	var all []ticket
	add := func(p *person, opened time.Time) {
		all = append(all, newTicket(r, agreements, p, opened))
	}

	for _, a := range annaTickets {
		add(persons[0], a.opened)
		t := &all[len(all)-1]
		t.email, t.phone = a.email, a.phone
		t.assignment = ""
		if a.assigned {
			t.assignment = agreements[annaCustomer].assignment
		}
	}
	var contacts, early, prospects []*person
	for _, p := range persons[1:] {
		switch {
		case p.customer < 0:
			prospects = append(prospects, p)
		case agreements[p.customer].signed.After(first):
			early = append(early, p)
			fallthrough
		default:
			contacts = append(contacts, p)
		}
	}
	for i := range fromProspectsCount {
		add(chooseOne(r, prospects, i), dayBetween(r, first, last))
	}
	for range withoutAgreementCount - fromProspectsCount - 2 {
		p := pick(r, early)
		add(p, dayBetween(r, first, agreements[p.customer].signed.AddDate(0, 0, -1)))
	}
	for i := range ticketCount - len(all) {
		p := chooseOne(r, contacts, i)
		a := agreements[p.customer]
		from, to := first, last
		if a.signed.After(from) {
			from = a.signed
		}
		if !a.agreementEnded.IsZero() {
			to = a.agreementEnded
		}
		if ended := a.assignmentEnded; !ended.IsZero() && chance(r, 90) {
			to = ended // when an assignment is over, little comes in
		}
		add(p, dayBetween(r, from, to))
	}

	slices.SortStableFunc(all, func(a, b ticket) int { return a.opened.Compare(b.opened) })
	for i := range all {
		all[i].number = fmt.Sprintf("T-%d", 10001+i)
	}
	return all
}

// chooseOne takes each person once, in order, and then draws: a few write often, most now and then.
func chooseOne(r *rand.Rand, from []*person, i int) *person {
	if i < len(from) {
		return from[i]
	}
	return from[min(r.IntN(len(from)), r.IntN(len(from)))]
}

// newTicket has the agreement that was in force when it was opened, if any, and mostly its assignment.
func newTicket(r *rand.Rand, agreements []agreement, p *person, opened time.Time) ticket {
	t := ticket{opened: opened, by: p, email: spellEmail(r, p.email), state: "closed"}
	if !chance(r, 30) {
		t.phone = spellPhone(r, p.phone)
	}
	inForce := true
	if p.customer >= 0 && !opened.Before(agreements[p.customer].signed) {
		a := agreements[p.customer]
		t.agreement = a.number
		inForce = a.agreementEnded.IsZero()
		over := !a.assignmentEnded.IsZero() && opened.After(a.assignmentEnded)
		if !over && chance(r, 92) {
			t.assignment = a.assignment
		}
	} else {
		p.withoutAgreement++
	}
	p.tickets++
	t.message = message(r, p, t.agreement == "")
	switch age := Today.Sub(opened).Hours() / 24; {
	case !inForce:
	case age < 15:
		t.state = pick(r, []string{"open", "open", "waiting", "closed"})
	case age < 60:
		t.state = pick(r, []string{"open", "waiting", "closed", "closed", "closed"})
	}
	return t
}

func ticketsCSV(tickets []ticket) []byte {
	f := newFile(ticketHeader...)
	for _, t := range tickets {
		f.row(t.fields()...)
	}
	return f.bytes()
}

var ticketHeader = []string{"number", "opened", "agreement", "assignment", "name", "email", "phone", "message", "state"}

func (t ticket) fields() []string {
	return []string{t.number, iso(t.opened), t.agreement, t.assignment, t.by.name, t.email, t.phone, t.message, t.state}
}
