package invented

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// hostings are the customers whose data the firm holds as processor, with what they have agreed for the end.
var hostings = []struct {
	customer             string
	signed               time.Time
	eraseAfterEnd, atEnd string
	prefix               string   // of the customer's own references
	contents             []string // name, number
}{
	{"Björkö Bageri AB", day(2023, time.March, 1), "P30D", "erase", "BB", []string{
		"%s, medlem i brödklubben. Hämtar %d surdegslimpor varje fredag, \"skivade\".",
		"Tårta till %s, %d bitar, utan nötter.\nText på tårtan: \"Grattis på födelsedagen, Åke!\" 🎂",
		"%s klagade på att bullarna var torra. Fick %d nya, gott så.",
	}},
	{"Fastighets AB Lyktan", day(2024, time.February, 1), "P90D", "return", "HY", []string{
		"Hyresgäst %s, Lyktgatan %d, två rum och kök.\nKontraktet löper tills vidare.",
		"Felanmälan från %s, lägenhet %d: kranen i köket droppar, portkod lämnad.",
		"%s har sagt upp p-plats %d, tömd och städad.",
	}},
	{"Vågskvalp Friskvård AB", day(2025, time.January, 7), "P14D", "erase", "VF", []string{
		"%s, årskort nr %d. Tränar \"mest på morgonen\", vill ha påminnelse.",
		"%s bokade vattengympa, plats %d.\nMeddelar att knät är opererat.",
		"%s har fryst kortet i %d veckor, åter efter semestern.",
	}},
}

// entry is one row of what a customer has entrusted to the firm.
type entry struct {
	agreement, reference string
	of                   *person
	email                string // as it was written
	collected            time.Time
	content              string
}

const (
	hostedRows     = 200 // of each customer
	hostedPersons  = 140 // of each customer
	hostedBoth     = 12  // of them write tickets to the firm, too
	hostedFirstRef = 20100
)

func (w *world) addHosted() {
	r := stream(5)
	taken := w.taken()
	ticketWriters := w.persons[1:contactCount]
	for i, h := range hostings {
		number := fmt.Sprintf("AV-%d", 2001+i)
		var people []*person
		for range hostedBoth {
			people = append(people, pick(r, ticketWriters))
		}
		for len(people) < hostedPersons {
			p := newPerson(r, taken, "", -1)
			w.persons = append(w.persons, p)
			people = append(people, p)
		}
		if i < 2 { // Anna buys bread from one of them and lives in a house of the other
			people[0] = w.persons[0]
		}
		rows := slices.Clone(people) // each once, Anna twice at the first of them, the others as it falls out
		if i == 0 {
			rows = append(rows, w.persons[0])
		}
		for len(rows) < hostedRows {
			rows = append(rows, pick(r, people[1:]))
		}
		reference := map[*person]string{}
		for _, p := range rows {
			if reference[p] == "" {
				reference[p] = fmt.Sprintf("%s-%d", h.prefix, hostedFirstRef+len(reference))
				p.hostedBy = append(p.hostedBy, number)
			}
			p.hosted++
			w.hosted = append(w.hosted, entry{
				agreement: number, reference: reference[p], of: p, email: spellEmail(r, p.email),
				collected: dayBetween(r, h.signed, Today.AddDate(0, 0, -1)),
				content:   fmt.Sprintf(pick(r, h.contents), p.name, 2+r.IntN(60)),
			})
		}
	}
	slices.SortStableFunc(w.hosted, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.agreement, b.agreement), a.collected.Compare(b.collected))
	})
}

func (w *world) hostedCSV() []byte {
	f := newFile("agreement", "reference", "email", "collected", "content")
	for _, e := range w.hosted {
		f.row(e.agreement, e.reference, e.email, iso(e.collected), e.content)
	}
	return f.bytes()
}
