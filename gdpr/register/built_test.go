package register

import (
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func both(sv, en string) Text { return Text{{"sv", sv}, {"en", en}} }

// builtEPM is epm.yaml as a program would write it.
func builtEPM() *Register {
	day, month, year := civil.Period{Days: 1}, civil.Period{Months: 1}, civil.Period{Years: 1}
	const closed retention.Event = "financial-year-closed"
	return &Register{
		Format: Format, Version: 1, From: civil.Date{Year: 2026, Month: time.January, Day: 1}, Author: Plain("Privacy function"),
		Organization: Organization{
			Name: "EPM Data", Contact: "integrity@epm.se", Address: "St. Eriksgatan 117, 113 43 Stockholm", Country: "SE",
		},
		Accountability: Accountability{AuditLog: civil.Period{Years: 2}, CaseFiles: civil.Period{Years: 3}},
		Backups:        &Backups{Kept: civil.Period{Days: 35}, KeysKept: civil.Period{Days: 7}},
		Security:       Plain("The thirteen security rules of our policy (Säkerhetsföreskrifter 1-13)"),
		Subjects: map[string]Text{
			"customer_contact":      both("Kontaktperson hos kund", "Contact person at a customer"),
			"customer_data_subject": both("Den som kundens uppgifter rör", "Person in our customer's data"),
		},
		Elsewhere: map[string]Text{
			"employee": both("Se interna policyer för medarbetare", "See the internal policies for staff"),
		},
		Events: map[retention.Event]Text{
			closed: Plain("Last day of the financial year that the invoice belongs to"),
		},
		Terms: map[string]Terms{"service-agreement": {
			Ref: Plain("IT&Telekomföretagen, special provisions on personal data, IT infrastructure services, clause 8.2"),
			Erase: []retention.Rule{
				{Period: civil.Period{Months: 3}, Event: retention.ErasureInstructed},
				{EachAgreement: true, Event: retention.AgreementEnded},
			},
			AtEnd: AtEndEachAgreement, BreachNotice: 24,
		}},
		Activities: map[string]*Activity{
			"support-ticket": {
				Role: Controller, Class: Confidential, Subjects: []string{"customer_contact", "prospect"},
				Fields: []Field{
					{"name", "user.name"}, {"email", CategoryEmail}, {"phone", CategoryPhone},
					{"message", "user.content.private"}, {"attachments", "user.content.private"},
				},
				Purpose: both("Arbeta med ärendet och ge god service", "Handle the ticket and give good service"),
				Basis:   []Basis{LegitimateInterest},
				Interest: both("Att hjälpa den som hör av sig för sin organisation",
					"To help those who contact us for their organization"),
				Erase: []retention.Rule{
					{Period: year, Event: retention.AssignmentEnded, Case: retention.WithAgreement},
					{Period: year, Event: retention.Collected, Case: retention.WithoutAgreement},
				},
				Ref: Plain("Policy för integritet och GDPR-arbete, Registrering av ärenden"),
			},
			"sales-contact": {
				Role: Controller, Class: Internal, Subjects: []string{"customer_contact", "prospect"},
				Fields: []Field{
					{"name", "user.name"}, {"email", CategoryEmail}, {"phone", CategoryPhone},
					{"employer", "user.professional_information.workplace"}, {"title", "user.professional_information.job_title"},
				},
				Purpose:  both("Erbjudanden och uppföljning av inköp", "Offers and follow-up of purchases"),
				Basis:    []Basis{LegitimateInterest},
				Interest: both("Att sälja våra tjänster", "To sell our services"),
				DirectMarketing: map[string]Condition{
					"existing-customer":     {year, Plain("The employer is a customer")},
					"open-talks":            {civil.Period{Months: 6}, Plain("Talks about a possible agreement are going on")},
					"public-role":           {year, Plain("The person holds a public role in the company")},
					"consented-publication": {year, Plain("The person agreed to be public in a search service")},
				},
				Erase:    []retention.Rule{{Period: month, Event: retention.PurposeEnded}},
				Accuracy: &Cadence{Every: year, By: "sales"},
			},
			"hosted-customer-data": {
				Role: Processor, Terms: "service-agreement", Subjects: []string{"customer_data_subject"},
				Fields:  []Field{{"subject-reference", "user.unique_id"}, {"email", CategoryEmail}, {"content", "user"}},
				FindBy:  []string{"subject-reference", "email"},
				Purpose: both("Leverera tjänsten enligt avtalet", "Deliver the service under the agreement"),
			},
			"invoice": {
				Role: Controller, Class: Confidential, Subjects: []string{"customer_contact"},
				Fields:  []Field{{"reference", "user.name"}, {"email", CategoryEmail}, {"document", "user.financial"}},
				Purpose: both("Bokföring", "Bookkeeping"),
				Basis:   []Basis{LegalObligation},
				Keep:    &retention.Rule{Period: civil.Period{Years: 7}, YearEnd: true, Event: closed},
				Erase:   []retention.Rule{{Period: civil.Period{Years: 7, Months: 3}, YearEnd: true, Event: closed}},
				Ref:     Plain("Bokföringslagen (1999:1078) 7 kap. 2 §"),
			},
		},
		Roles: map[string]AccessRole{
			"support":       {May: []Permission{MayRead, MayWrite}, For: []string{"support-ticket"}},
			"sales":         {May: []Permission{MayRead, MayWrite}, For: []string{"sales-contact"}},
			"accounts":      {May: []Permission{MayRead, MayWrite}, For: []string{"invoice"}},
			"operations":    {May: []Permission{MayRead, MayWrite, MayExport, MayErase}, For: []string{"hosted-customer-data"}},
			"service-visit": {May: []Permission{MayRead}, For: []string{"hosted-customer-data"}, AtMost: day, Supervised: true},
			"privacy":       {May: []Permission{MayRead, MayExport, MayErase, MayHold, MayDecide, MayDisclose}, All: true},
			"manager":       {May: []Permission{MayGrant}},
			"auditor":       {May: []Permission{MayLog}},
			"key-custodian": {May: []Permission{MayKeys}},
		},
		Reviews: map[string]Cadence{
			ReviewRegister:         {year, "manager"},
			ReviewAccessRights:     {year, "manager"},
			ReviewRestoreTest:      {year, "operations"},
			ReviewClocksNotStarted: {year, "privacy"},
		},
	}
}
