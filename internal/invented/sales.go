package invented

import (
	"slices"
	"time"
)

// contact is somebody whom the sales people may write to, with the condition that allows it and the day of its evidence.
type contact struct {
	of               *person
	email, phone     string
	title, condition string
	evidence         time.Time
	source           string
}

const (
	salesCount       = 120
	salesFromTickets = 36 // of them write tickets too
	lapseSoon        = 8  // of them have evidence that is good for a few days more
)

var titles = []string{"VD", "IT-chef", "Inköpsansvarig", "Ekonomichef", "Platschef", "Verksamhetschef", "Driftansvarig", "Controller"}

var sources = map[string][]string{
	"existing-customer":     {"Kundregistret", "Fakturan för förra kvartalet"},
	"open-talks":            {"Möte på plats", "Telefonsamtal", "Inskickad förfrågan"},
	"public-role":           {"Företagets webbplats, sidan \"Kontakta oss\"", "Årsredovisningen"},
	"consented-publication": {"Söktjänsten Bolagsboken", "Mässkatalogen, anmälan med samtycke"},
}

func (w *world) addSales() {
	r := stream(4)
	taken := w.taken()
	numbers := phoneCount
	chosen := []*person{w.persons[0]}
	for _, at := range r.Perm(len(w.persons) - 1) {
		if p := w.persons[at+1]; p.employer != "" && len(chosen) < salesFromTickets {
			chosen = append(chosen, p)
		}
	}
	for len(chosen) < salesCount {
		p := newPerson(r, taken, pick(r, slices.Concat(prospectNames, customerNames)), -1)
		if chance(r, 30) && numbers < 295 {
			p.phone = phoneNumber(numbers)
			numbers++
		}
		w.persons = append(w.persons, p)
		chosen = append(chosen, p)
	}
	for i, p := range chosen {
		c := contact{of: p, email: spellEmail(r, p.email), phone: spellPhone(r, p.phone), title: pick(r, titles)}
		others := []string{"open-talks", "public-role", "consented-publication"}
		c.condition = pick(r, others)
		if w.isCustomer(p.employer) {
			c.condition = pick(r, append(others, "existing-customer", "existing-customer", "existing-customer"))
		}
		if i == 0 {
			c.title, c.condition = "IT-chef", "existing-customer"
		}
		oldest := Today.AddDate(-1, 0, 0) // what is older than a year shows nothing any more
		if c.condition == "open-talks" {
			oldest = Today.AddDate(0, -6, 0)
		}
		c.evidence = dayBetween(r, oldest.AddDate(0, 0, 20), Today.AddDate(0, 0, -3))
		if i > 0 && i <= lapseSoon {
			c.evidence = dayBetween(r, oldest.AddDate(0, 0, 2), oldest.AddDate(0, 0, 10))
		}
		c.source = pick(r, sources[c.condition])
		p.sales++
		w.sales = append(w.sales, c)
	}
}

// isCustomer reports whether the company has an agreement on support that has not ended.
func (w *world) isCustomer(company string) bool {
	return slices.ContainsFunc(w.agreements, func(a agreement) bool {
		return a.kind == "support" && a.customer == company && a.agreementEnded.IsZero()
	})
}

func (w *world) salesCSV() []byte {
	f := newFile("name", "email", "phone", "employer", "title", "condition", "evidence", "source")
	for _, c := range w.sales {
		f.row(c.of.name, c.email, c.phone, c.of.employer, c.title, c.condition, iso(c.evidence), c.source)
	}
	return f.bytes()
}
