package register_test

import (
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

func ExampleLoad() {
	r, err := register.Load("../../testdata/registers/epm.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range r.ActivityIDs() {
		a, _ := r.Activity(id)
		fmt.Printf("%s: %s, %s\n", id, a.Role, a.Purpose.In("en"))
	}
	// Output:
	// support-ticket: controller, Handle the ticket and give good service
	// sales-contact: controller, Offers and follow-up of purchases
	// hosted-customer-data: processor, Deliver the service under the agreement
	// invoice: controller, Bookkeeping
}

func ExampleParse() {
	file := register.File{Name: "register.yaml", Data: []byte(`
register: {format: 1, version: 1, from: 2026-01-01, author: Owner of the firm}
organization: {name: Exempel AB, contact: privacy@exempel.example, country: SE}
accountability: {audit-log: P2Y, case-files: 3 years}
activities:
  inquiry:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {email: user.contact.emial}
    purpose: Answer those who ask for an offer
    basis: A6-1-b
    erase: P1Y after collected
`)}
	_, err := register.Parse(file)
	var problems register.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Printf("line %d, %s: %s. %s\n", p.Line, p.Path, p.What, p.Mend)
		}
	}
	// Output:
	// line 4, accountability.case-files: not a period. Write for instance P2Y.
	// line 10, activities.inquiry.fields.email: not a data category. Did you mean "user.contact.email"?
}

func ExampleRegister_Check() {
	r := &register.Register{
		Format: register.Format, Version: 1, From: civil.Date{Year: 2026, Month: 1, Day: 1},
		Author:         register.Plain("Owner of the firm"),
		Organization:   register.Organization{Name: "Exempel AB", Contact: "privacy@exempel.example", Country: "SE"},
		Accountability: register.Accountability{AuditLog: civil.Period{Years: 2}, CaseFiles: civil.Period{Years: 3}},
		Activities: map[string]*register.Activity{"inquiry": {
			Role: register.Controller, Class: register.Internal, Subjects: []string{"prospect"},
			Fields:  []register.Field{{Name: "email", Category: register.CategoryEmail}, {Name: "question", Category: "user.content.private"}},
			Purpose: register.Plain("Answer those who ask for an offer"), Basis: []register.Basis{register.Contract},
			Erase: []retention.Rule{{Period: civil.Period{Years: 1}, Event: retention.Collected}},
		}},
	}
	fmt.Println(r.Check())
	fmt.Println(r.Organization.Zone, r.Organization.Authority)

	r.Activities["inquiry"].Erase = nil
	fmt.Println(r.Check())
	// Output:
	// <nil>
	// Europe/Stockholm IMY
	// activities.inquiry: no clock. Data is kept no longer than its purpose needs, Art. 5(1)(e). Add erase, or anonymize, with a rule such as P1Y after collected.
}
