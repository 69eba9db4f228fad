package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
)

var (
	owner   = gdpr.Person("Åsa Ägare")
	privacy = gdpr.Person("Sara Dahl")
	shop    = gdpr.Job("shop")
	morning = gdpr.Job("morning")
)

// demo fills a store and shows a few days' work on it. The default folder begins anew each time; another one must not have a store yet.
func (p *program) demo(ctx context.Context, set *settings) (err error) {
	if set.dir == defaultDir {
		err = os.RemoveAll(set.dir)
	} else if _, is := os.Stat(filepath.Join(set.dir, "data.db")); is == nil {
		return errors.New("there is a store in the folder: -demo makes a new one")
	}
	if err := errors.Join(err, os.MkdirAll(set.dir, 0o700)); err != nil {
		return err
	}
	p.printf("A firm sells things and hosts data for a customer. People it knows have written to it; all are invented.\n")
	numbers, err := p.fill(ctx, set)
	if err != nil {
		return err
	}
	secret := filepath.Join(set.dir, "passphrase")
	if err := os.WriteFile(secret, []byte("korrekt häst batteri häfta\n"), 0o600); err != nil {
		return err
	}
	for _, step := range []struct{ why, call string }{
		{"What burns first?", "list"},
		{"The newest request, for a copy and erasure:", "show " + numbers["anna"]},
		{"She is logged in, so that we know who asks:", "identify -how logged-in -name - -to - " + numbers["anna"]},
		{"A person decides, never a job:", "decide -grant access -grant erasure=A17-1-a " + numbers["anna"]},
		{"The copy is sealed first, then the data goes:", "execute -passphrase-file " + secret + " " + numbers["anna"]},
		{"The answer goes to the address that is hers:", "answer " + numbers["anna"]},
		{"Another request needs more time. The first month is not over:", "identify -how known-address -to - " + numbers["olle"]},
		{"", "extend -ground complexity -reasons MANY " + numbers["olle"]},
		{"Everything that is to be told lies there as drafts of mails:", "deliver"},
		{"All is told, so the request is closed:", "close " + numbers["anna"]},
		{"", "show " + numbers["anna"]},
		{"What a job mails every morning:", "overdue"},
	} {
		if step.why != "" {
			p.printf("\n%s\n", step.why)
		}
		if err := p.step(ctx, set, step.call); err != nil {
			return err
		}
	}
	p.printf("\nGo on with: go run ./examples/requests -dir %s -as \"person Sara Dahl\" list\n", set.dir)
	return nil
}

// step runs one command as if it had been typed.
func (p *program) step(ctx context.Context, set *settings, call string) error {
	args := strings.Fields(call)
	for i := range args {
		if args[i] == "MANY" {
			args[i] = "Dina beställningar ligger i flera arkiv."
		}
	}
	actor := privacy
	if args[0] == "overdue" || args[0] == "deliver" {
		actor = morning
	}
	p.printf("\n$ requests %s\n", strings.Replace(call, "MANY", `"Dina beställningar ligger i flera arkiv."`, 1))
	lines := "anna.lindqvist@kund.example\nAnna Lindqvist\n"
	if strings.Contains(call, "known-address") {
		lines = "olle.oberg@kund.example\n"
	}
	typed := &program{in: bufio.NewReader(strings.NewReader(lines)), out: p.out, now: p.now, env: func(string) string { return actor.String() }}
	return typed.run(ctx, append([]string{"-dir", set.dir, "-register", set.register}, args...))
}

// fill makes the store, the people and their requests, and returns the numbers of the requests.
func (p *program) fill(ctx context.Context, set *settings) (numbers map[string]string, err error) {
	h, err := begin(ctx, p, set, &gdpr.Options{Now: p.now, Owner: owner})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	admin := h.As(owner, gdpr.Retention)
	for actor, role := range map[gdpr.Actor]string{privacy: "privacy", morning: "privacy", shop: "shop"} {
		if _, err := admin.Grant(ctx, gdpr.Grant{Actor: actor, Role: role}); err != nil {
			return nil, err
		}
	}
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kanalbolaget AB", Contact: "dso@kanalbolaget.example", Country: "SE"})
	if err != nil {
		return nil, err
	}
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: civil.Date{Year: 2025, Month: time.January, Day: 1},
		Activities: []string{"hosted"}, Terms: "hosting"})
	if err != nil {
		return nil, err
	}
	numbers = map[string]string{}
	for _, who := range []struct {
		key, name, email string
		rights           []subjectrights.Right
		days             int // ago
	}{
		{"marta", "Märta Ekström", "marta.ekstrom@kund.example", []subjectrights.Right{subjectrights.Access}, 45},
		{"olle", "Olle Öberg", "olle.oberg@kund.example", []subjectrights.Right{subjectrights.Access}, 20},
		{"anna", "Anna Lindqvist", "anna.lindqvist@kund.example", []subjectrights.Right{subjectrights.Access, subjectrights.Erasure}, 2},
	} {
		if _, err := h.As(shop, "order").Put(ctx, gdpr.Record{Subject: gdpr.Email(who.email),
			Fields: gdpr.Fields{"name": who.name, "email": who.email, "wish": "Ring på dörren"}}); err != nil {
			return nil, err
		}
		if who.key == "anna" {
			record := gdpr.Record{Subject: gdpr.Email(who.email), Fields: gdpr.Fields{"email": who.email, "content": "Hos kunden"}}
			if _, err := h.As(shop, "hosted").Under(agreement).Put(ctx, record); err != nil {
				return nil, err
			}
		}
		c, err := h.desk.Receive(ctx, privacy, subjectrights.Request{Rights: who.rights, Channel: subjectrights.Email,
			Received: p.now().AddDate(0, 0, -who.days), Subject: gdpr.Email(who.email), Reply: subjectrights.Address{Name: who.name, Contact: who.email}})
		if err != nil {
			return nil, err
		}
		numbers[who.key] = c.ID()
	}
	return numbers, nil
}
