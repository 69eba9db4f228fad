package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gallra/gallra/gdpr"
)

// The activities of the register.
const (
	ticket  = "support-ticket"
	contact = "sales-contact"
	hosted  = "hosted-customer-data"
)

// The agreements that the story comes back to.
const (
	employer = "AV-1007" // of Anna
	bakery   = "AV-2001"
)

// hosting are the agreements with customers whose data we hold as their processor.
var hosting = []string{bakery, "AV-2002", "AV-2003"}

// agreement is one with a customer, and the assignment under it, if any.
type agreement struct {
	number, customer, job string // job: the assignment's number
	id, assignment        gdpr.ID
}

func (h *house) csv(name string) string { return filepath.Join(h.testdata, "tickets", name) }

// importAgreements brings in customers, agreements and assignments, and which of them have ended.
func (h *house) importAgreements(ctx context.Context) (map[string]agreement, error) {
	desk := h.As(manager, gdpr.Retention)
	parties := map[string]gdpr.ID{}
	agreements := map[string]agreement{}
	for r, err := range rows(h.csv("agreements.csv")) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.place, err)
		}
		customer := r.text("customer")
		if _, known := parties[customer]; !known {
			id, err := desk.PutParty(ctx, gdpr.Party{Name: customer, Contact: r.text("contact"), Country: r.text("country")})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.place, err)
			}
			parties[customer] = id
		}
		a, err := putAgreement(ctx, desk, parties[customer], r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.place, err)
		}
		agreements[a.number] = a
	}
	return agreements, nil
}

// putAgreement stores one agreement. One about hosting names the register's terms and fills in what these leave to it.
func putAgreement(ctx context.Context, desk *gdpr.Session, party gdpr.ID, r row) (a agreement, err error) {
	a = agreement{number: r.text("number"), customer: r.text("customer"), job: r.text("assignment")}
	g := gdpr.Agreement{Party: party, Ref: a.number}
	if g.From, err = r.day("signed"); err != nil {
		return a, err
	}
	if r.text("kind") == "hosting" {
		g.Activities, g.Terms = []string{hosted}, "service-agreement"
		g.Erase, g.AtEnd = []string{r.text("erase_after_end") + " after agreement-ended"}, r.text("at_end")
	}
	if a.id, err = desk.PutAgreement(ctx, g); err != nil {
		return a, err
	}
	if a.job != "" {
		if a.assignment, err = desk.OpenAssignment(ctx, a.id, r.text("assignment_title")); err != nil {
			return a, err
		}
	}
	over := gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: a.assignment}
	if over.Day, err = r.day("assignment_ended"); err != nil {
		return a, err
	}
	ended := gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: a.id}
	if ended.Day, err = r.day("agreement_ended"); err != nil {
		return a, err
	}
	for _, event := range []gdpr.Event{over, ended} {
		if event.Day.IsZero() {
			continue
		}
		if err := desk.RecordEvent(ctx, event); err != nil {
			return a, err
		}
	}
	return a, nil
}

// importTickets stores the tickets, each under the agreement or assignment that its line names. Whose it is follows from the e-mail
// address, however it is spelled.
func (h *house) importTickets(ctx context.Context, agreements map[string]agreement) (int, error) {
	read := func(r row) (gdpr.Record, error) {
		opened, err := r.instant("opened", h.zone)
		if err != nil {
			return gdpr.Record{}, err
		}
		record := gdpr.Record{Subject: gdpr.Email(r.text("email")), CollectedAt: opened, Source: "Kontakt med supporten",
			Fields: gdpr.Fields{"name": r.text("name"), "message": r.text("message")}}
		if phone := r.text("phone"); phone != "" {
			record.Fields["phone"] = phone
		}
		if number := r.text("agreement"); number != "" {
			a, ok := agreements[number]
			job := r.text("assignment")
			if !ok || job != "" && job != a.job {
				return gdpr.Record{}, errors.New("no such agreement or assignment")
			}
			if record.Agreement = a.id; job != "" {
				record.Assignment = a.assignment
			}
		}
		return record, nil
	}
	return stored(h.As(support, ticket).PutAll(ctx, records(rows(h.csv("tickets.csv")), read), nil))
}

// importContacts stores the sales contacts: of the columns those that the register has a field for.
func (h *house) importContacts(ctx context.Context) (int, error) {
	read := func(r row) (gdpr.Record, error) {
		record := gdpr.Record{Subject: gdpr.Email(r.text("email")), Source: r.text("source"),
			Fields: gdpr.Fields{"name": r.text("name"), "employer": r.text("employer"), "title": r.text("title")}}
		if phone := r.text("phone"); phone != "" {
			record.Fields["phone"] = phone
		}
		return record, nil
	}
	return stored(h.As(sales, contact).PutAll(ctx, records(rows(h.csv("sales.csv")), read), nil))
}

// importHosted stores what one customer has entrusted to us: in a session under its agreement, and by the customer's own names for people.
func (h *house) importHosted(ctx context.Context, a agreement) (int, error) {
	read := func(r row) (gdpr.Record, error) {
		collected, err := r.instant("collected", h.zone)
		return gdpr.Record{Subject: gdpr.Ref(r.text("reference")), CollectedAt: collected,
			Fields: gdpr.Fields{"email": r.text("email"), "content": r.text("content")}}, err
	}
	its := only(rows(h.csv("hosted.csv")), "agreement", a.number)
	return stored(h.As(operations, hosted).Under(a.id).PutAll(ctx, records(its, read), nil))
}

// stored is how many records an import has stored. PutAll goes on past a refused line; this story wants every one.
func stored(in gdpr.Imported, err error) (int, error) {
	if err == nil && len(in.Refused) > 0 {
		err = fmt.Errorf("%d refused, the first at %s", len(in.Refused), in.Refused[0])
	}
	return in.Stored, err
}
