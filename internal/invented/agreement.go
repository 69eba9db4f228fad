package invented

import (
	"fmt"
	"time"
)

// agreement is one between the firm and a customer: on support, in which the firm is controller of its tickets, or on hosting, in which it
// is the customer's processor.
type agreement struct {
	number, kind, customer, contact, country string
	signed                                   time.Time
	assignment, title                        string
	assignmentEnded, agreementEnded          time.Time
	eraseAfterEnd, atEnd                     string
}

var assignmentTitles = []string{
	"Drift och förvaltning", "Flytt till nytt ekonomisystem", "Byte av e-postplattform", "Support av kassasystem", "Nytt intranät",
	"Säkerhetskopiering och test av återläsning", "Nätverk i nya lokaler", "Införande av ärendehantering", "Utrullning av surfplattor",
	"Integration mot lager", "Uppgradering av databas", "Telefoni i hela huset",
}

// What has ended, by the index of the support agreement. The others go on.
var (
	withoutAssignment = map[int]bool{1: true, 4: true, 9: true, 13: true, 17: true, 21: true, 26: true, 30: true, 33: true, 36: true, 38: true}

	assignmentEnds = map[int]time.Time{
		// more than a year ago: their tickets are overdue
		2: day(2024, time.September, 30), 8: day(2025, time.January, 31), 12: day(2025, time.March, 14), 16: day(2025, time.May, 30),
		20: day(2025, time.June, 19), 25: day(2025, time.September, 12), 29: day(2025, time.October, 31),
		// about to pass a year
		5: day(2025, time.November, 20), 11: day(2025, time.November, 23), 19: day(2025, time.November, 27), 28: day(2025, time.December, 4),
		// within the year
		3: day(2026, time.January, 30), 14: day(2026, time.March, 31), 23: day(2026, time.June, 18), 31: day(2026, time.August, 28),
		37: day(2026, time.October, 30),
		// together with the agreement, or shortly before it
		34: day(2025, time.February, 28), 39: day(2026, time.May, 29),
	}

	agreementEnds = map[int]time.Time{
		17: day(2025, time.June, 30), 26: day(2025, time.November, 25), 36: day(2026, time.August, 31), // named no assignment
		34: day(2025, time.March, 31), 39: day(2026, time.June, 30),
	}

	// signed late: their people wrote before there was an agreement
	signedLate = map[int]time.Time{
		0: day(2024, time.October, 1), 6: day(2024, time.March, 1), 10: day(2025, time.August, 18), 15: day(2026, time.February, 2),
		18: day(2025, time.January, 15), 22: day(2024, time.May, 6), 24: day(2026, time.September, 1), 27: day(2025, time.April, 22),
		32: day(2024, time.November, 11), 35: day(2025, time.November, 3),
	}
)

func newAgreements() []agreement {
	r := stream(1)
	var all []agreement
	for i, customer := range customerNames {
		a := agreement{
			number: fmt.Sprintf("AV-%d", 1001+i), kind: "support", customer: customer, contact: "avtal@" + domain(customer), country: "SE",
			signed: dayBetween(r, day(2021, time.September, 1), day(2023, time.May, 31)), agreementEnded: agreementEnds[i],
		}
		if late, ok := signedLate[i]; ok {
			a.signed = late
		}
		if !withoutAssignment[i] {
			a.assignment, a.title = fmt.Sprintf("UP-%d", 5001+i), pick(r, assignmentTitles)
			a.assignmentEnded = assignmentEnds[i]
		}
		all = append(all, a)
	}
	for i, h := range hostings {
		all = append(all, agreement{
			number: fmt.Sprintf("AV-%d", 2001+i), kind: "hosting", customer: h.customer, contact: "dataskydd@" + domain(h.customer), country: "SE",
			signed: h.signed, eraseAfterEnd: h.eraseAfterEnd, atEnd: h.atEnd,
		})
	}
	return all
}

func (w *world) agreementsCSV() []byte {
	f := newFile("number", "kind", "customer", "contact", "country", "signed", "assignment", "assignment_title", "assignment_ended",
		"agreement_ended", "erase_after_end", "at_end")
	for _, a := range w.agreements {
		f.row(a.number, a.kind, a.customer, a.contact, a.country, iso(a.signed), a.assignment, a.title, iso(a.assignmentEnded),
			iso(a.agreementEnded), a.eraseAfterEnd, a.atEnd)
	}
	return f.bytes()
}
