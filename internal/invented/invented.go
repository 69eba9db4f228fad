// Package invented makes the persons and the input that tests, benchmarks and examples work on: a small firm's support tickets, agreements,
// sales contacts, and the data it hosts for three customers. All of it is made up, and made anew in the same way each time:
//
//	go run ./internal/invented/generate
//
// writes the files under testdata/ that are committed, and a test compares them with what the generator makes.
//
// Nobody here exists. Names are put together at random from common first and last names, companies are made up, e-mail addresses lie in
// domains that end in .example (RFC 2606), and telephone numbers come from the ranges that the Swedish regulator PTS keeps for books and films.
//
// The world is told as it stood on Today. In it, Anna Lindqvist is one person in several roles: she writes tickets for her employer, is a
// sales contact, and stands in what two of the three hosting customers have entrusted to the firm.
package invented

import (
	"math/rand/v2"
	"time"
)

// Today is the day on which the invented world is told: nothing in it is later.
var Today = day(2026, time.November, 22)

// first is the first day on which a ticket was opened.
var first = day(2023, time.June, 1)

// seed makes the same world each time. Every file draws from a stream of its own, so that a change to one leaves the others as they are.
const seed = 20261122

// stream returns the random numbers of one part of the world.
func stream(part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, part))
}

// Files returns every file of the invented world, by its path below testdata.
func Files() map[string][]byte {
	w := newWorld()
	return map[string][]byte{
		"tickets/agreements.csv": w.agreementsCSV(),
		"tickets/tickets.csv":    ticketsCSV(w.tickets),
		"tickets/sales.csv":      w.salesCSV(),
		"tickets/hosted.csv":     w.hostedCSV(),
		"tickets/broken.csv":     w.brokenCSV(),
		"persons/persons.csv":    w.personsCSV(),
	}
}

// world is everything that the files tell of, each part made from those above it.
type world struct {
	agreements []agreement
	persons    []*person
	tickets    []ticket
	sales      []contact
	hosted     []entry
}

func newWorld() *world {
	w := &world{agreements: newAgreements()}
	w.persons = newPersons(w.agreements)
	w.tickets = newTickets(w.agreements, w.persons)
	w.addSales()
	w.addHosted()
	return w
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

// dayBetween draws a day from one to the other, both included.
func dayBetween(r *rand.Rand, from, to time.Time) time.Time {
	return from.AddDate(0, 0, r.IntN(int(to.Sub(from).Hours()/24)+1))
}

// iso writes a day, or nothing for none.
func iso(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// pick draws one of them.
func pick[T any](r *rand.Rand, from []T) T {
	return from[r.IntN(len(from))]
}

// chance is true in so many cases of a hundred.
func chance(r *rand.Rand, percent int) bool {
	return r.IntN(100) < percent
}
