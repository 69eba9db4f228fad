package invented

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// person is somebody who does not exist.
type person struct {
	name     string
	email    string // in lower case, without spaces: no two persons share it
	phone    string // as +46..., or empty; no two persons share it
	employer string // empty for a private person
	customer int    // index of the employer's support agreement, or -1

	tickets, withoutAgreement, sales, hosted int      // in how many rows of each file
	hostedBy                                 []string // the agreements of these
}

const (
	contactCount  = 570 // persons at customers
	prospectCount = 130 // persons who write without an agreement
	phoneCount    = 270 // of these 700 have a telephone number
)

// anna is the person whom the main example looks for, at the company with this index.
const (
	annaName     = "Anna Lindqvist"
	annaEmail    = "anna.lindqvist@kund.example"
	annaCustomer = 6
)

// newPersons makes the persons who write tickets: Anna, the contacts at customers, the prospects.
func newPersons(agreements []agreement) []*person {
	r := stream(2)
	taken := map[string]bool{annaEmail: true}
	persons := []*person{{name: annaName, email: annaEmail, employer: customerNames[annaCustomer], customer: annaCustomer}}
	for i := range contactCount - 1 {
		customer := i % len(customerNames) // each has some, the larger ones more
		if i >= 5*len(customerNames) {
			customer = r.IntN(len(customerNames)) * r.IntN(len(customerNames)) / len(customerNames)
		}
		persons = append(persons, newPerson(r, taken, agreements[customer].customer, customer))
	}
	for range prospectCount {
		employer := ""
		if chance(r, 60) {
			employer = pick(r, prospectNames)
		}
		persons = append(persons, newPerson(r, taken, employer, -1))
	}
	// Anna has the first number; who has the others is drawn.
	persons[0].phone = phoneNumber(0)
	for i, at := range r.Perm(len(persons) - 1)[:phoneCount-1] {
		persons[at+1].phone = phoneNumber(i + 1)
	}
	return persons
}

// newPerson draws a person with an e-mail address that nobody has taken.
func newPerson(r *rand.Rand, taken map[string]bool, employer string, customer int) *person {
	p := &person{name: pick(r, firstNames) + " " + pick(r, lastNames), employer: employer, customer: customer}
	if p.name == annaName { // there may be others of that name, but they would spoil the story
		p.name = "Anna Lindgren"
	}
	at := pick(r, homeDomains)
	if employer != "" {
		at = domain(employer)
	}
	given, family, _ := strings.Cut(p.name, " ")
	local := fold(given) + "." + fold(family)
	p.email = local + "@" + at
	for n := 2; taken[p.email]; n++ {
		p.email = fmt.Sprintf("%s%d@%s", local, n, at)
	}
	taken[p.email] = true
	return p
}

// taken returns the e-mail addresses of everybody there is so far.
func (w *world) taken() map[string]bool {
	taken := map[string]bool{}
	for _, p := range w.persons {
		taken[p.email] = true
	}
	return taken
}

// personsCSV tells who is who: in how many rows of which file a search for this person must find him.
func (w *world) personsCSV() []byte {
	f := newFile("name", "email", "phone", "employer", "tickets", "without_agreement", "sales", "hosted", "hosted_by")
	for _, p := range w.persons {
		f.row(p.name, p.email, p.phone, p.employer, fmt.Sprint(p.tickets), fmt.Sprint(p.withoutAgreement), fmt.Sprint(p.sales),
			fmt.Sprint(p.hosted), strings.Join(p.hostedBy, " "))
	}
	return f.bytes()
}
