package main

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

//go:embed demo.yaml
var demoRegister []byte

const demoMember = "ake.oberg@post.example"

var (
	demoOwner   = gdpr.Person("Åsa Ägare") // may grant roles, and nothing else
	demoOfficer = gdpr.Person("Örjan Dataskydd")
	demoNow     = time.Date(2026, time.March, 10, 11, 0, 0, 0, time.UTC) // so that its report is always the same
)

// invent opens an engine in memory. Its KEK and register are files for as long as the program runs.
func (h *house) invent(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "access-report-")
	if err != nil {
		return err
	}
	h.end = append(h.end, func() error { return os.RemoveAll(dir) })
	h.now = func() time.Time { return demoNow }
	file := filepath.Join(dir, "register.yaml")
	if err := os.WriteFile(file, demoRegister, 0o600); err != nil {
		return err
	}
	register, err := gdpr.LoadRegister(file)
	if err != nil {
		return err
	}
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "demo.kek"))
	if err != nil {
		return err
	}
	if h.Engine, err = gdpr.Open(ctx, memory.New(), kek, register, &gdpr.Options{Owner: demoOwner, Now: h.now}); err != nil {
		return err
	}
	h.end = append(h.end, h.Engine.Close)
	_, err = h.As(demoOwner, gdpr.Retention).Grant(ctx, gdpr.Grant{Role: "privacy", Actor: demoOfficer})
	return err
}

// fill puts one member into the demo: as member, with two questions, on the list of the newsletter, and in a customer's register.
func (h *house) fill(ctx context.Context) error {
	ake := gdpr.Email(demoMember)
	day := func(daysAgo int) time.Time { return demoNow.AddDate(0, 0, -daysAgo) }
	for _, r := range []struct {
		activity string
		record   gdpr.Record
	}{
		{"membership", gdpr.Record{Subject: ake.And(gdpr.NationalNumber("19121212-1212")).And(gdpr.Ref("medlem-17")),
			Source: "Anmälan på papper", CollectedAt: day(300),
			Fields: gdpr.Fields{"name": "Åke Öberg", "phone": "070-1740605", "joined": day(300), "interests": []string{"Rosor", "Äpplen och päron"},
				"notes": "Betalar för hela familjen.\nVill ha brev, inte e-post."},
			Also: []gdpr.Share{{Subject: gdpr.Ref("medlem-18"), Fields: gdpr.Fields{"name": "Elsa Öberg"}}}}},
		{"question", gdpr.Record{Subject: ake, Source: "Webbformuläret", CollectedAt: day(120),
			Fields: gdpr.Fields{"name": "Åke Öberg", "message": "Hej!\n\nNär ska man beskära äppelträd?\nMvh Åke"}}},
		{"question", gdpr.Record{Subject: ake, CollectedAt: day(20),
			Fields: gdpr.Fields{"name": "Åke Öberg", "message": "Finns det plats på kursen i mars?"}}},
		{"newsletter", gdpr.Record{Subject: ake, Source: "Webbformuläret", CollectedAt: day(119),
			Fields: gdpr.Fields{"name": "Åke Öberg"}}},
	} {
		if _, err := h.As(demoOfficer, r.activity).Put(ctx, r.record); err != nil {
			return err
		}
	}
	admin := h.As(demoOwner, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kanalbolaget AB", Contact: "dso@kanalbolaget.example", Country: "SE"})
	if err != nil {
		return err
	}
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: civil.Date{Year: 2024, Month: time.January, Day: 1},
		Activities: []string{"hosted-open"}, Terms: "open"})
	if err != nil {
		return err
	}
	_, err = h.As(demoOfficer, "hosted-open").Under(agreement).Put(ctx, gdpr.Record{Subject: ake, Fields: gdpr.Fields{"content": "Båtplats 17"}})
	return err
}
