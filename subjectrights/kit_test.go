package subjectrights_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/retention"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

const (
	epm      = "../testdata/registers/epm.yaml"
	orangery = "testdata/orangery.yaml"
	annas    = "anna.lindqvist@kund.example"
	caseID   = "2026-17"
)

var (
	boss = gdpr.Person("Åsa Ägare")
	dpo  = gdpr.Person("Örjan Dataskydd")
	web  = gdpr.Job("web")
)

// house is an engine on memory, a desk on it, and the clock of both.
type house struct {
	*gdpr.Engine
	t     *testing.T
	desk  *subjectrights.Desk
	store *memory.Store
	at    time.Time

	requests int
}

func newHouse(t *testing.T, register string) *house {
	t.Helper()
	reg, err := gdpr.LoadRegister(register)
	require.NoError(t, err)
	if reg.Backups != nil {
		reg.Backups.Kept = civil.Period{Days: 35} // keys live with the data here
	}
	keepers := map[string]gdpr.Anonymizer{}
	for id, act := range reg.Activities {
		if act.Anonymize {
			keepers[id] = gdpr.Anonymizer{Assessment: "Örjan Dataskydd 2025-01-01", Keep: func(context.Context, gdpr.Departing) error { return nil }}
		}
	}
	kek, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
	require.NoError(t, err)
	h := &house{t: t, store: memory.New(), at: instant(t, "2025-01-02")}
	now := func() time.Time { return h.at }
	h.Engine, err = gdpr.Open(t.Context(), h.store, kek, reg, &gdpr.Options{Owner: boss, Now: now, Anonymize: keepers})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: now})
	require.NoError(t, err)
	for role, may := range reg.Roles {
		if role == "privacy" || len(may.For) > 0 && role != "service-visit" {
			_, err := h.As(boss, gdpr.Retention).Grant(t.Context(), gdpr.Grant{Actor: dpo, Role: role})
			require.NoError(t, err)
		}
	}
	return h
}

// instant is noon of a day in Sweden's winter.
func instant(t *testing.T, day string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	require.NoError(t, err)
	return at.Add(11 * time.Hour)
}

func (h *house) set(day string) { h.at = instant(h.t, day) }

func date(t *testing.T, s string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(s)
	require.NoError(t, err)
	return d
}

// customer makes a party with an agreement on one activity, and puts a record about somebody under it.
func (h *house) customer(name, activity, terms string, who gdpr.Identity, f gdpr.Fields) (party, record gdpr.ID) {
	h.t.Helper()
	ctx, admin := h.t.Context(), h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: name, Contact: "dso@kund.example", Country: "SE"})
	require.NoError(h.t, err)
	g := gdpr.Agreement{Party: party, Ref: "AV-1", From: date(h.t, "2024-01-01"), Activities: []string{activity}, Terms: terms}
	if terms == "service-agreement" {
		g.Erase, g.AtEnd = []string{"P30D after agreement-ended"}, "erase"
	}
	agreement, err := admin.PutAgreement(ctx, g)
	require.NoError(h.t, err)
	record, err = h.As(dpo, activity).Under(agreement).Put(ctx, gdpr.Record{Subject: who, Fields: f})
	require.NoError(h.t, err)
	return party, record
}

func (h *house) put(activity string, r gdpr.Record) gdpr.ID {
	h.t.Helper()
	id, err := h.As(dpo, activity).Put(h.t.Context(), r)
	require.NoError(h.t, err)
	return id
}

// trail returns every entry that names a case, as action and actor.
func (h *house) trail(caseID string) []string {
	h.t.Helper()
	lanes, err := h.store.Lanes(h.t.Context())
	require.NoError(h.t, err)
	var out []string
	for _, lane := range lanes {
		rows, err := h.store.Entries(h.t.Context(), lane.ID, 0, 1000)
		require.NoError(h.t, err)
		for _, row := range rows {
			e, err := audit.DecodeEntry(row.Body)
			require.NoError(h.t, err)
			if e.Case == caseID {
				out = append(out, e.Action+" by "+e.Actor.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// receive takes in a request that has just come by e-mail.
func (h *house) receive(who gdpr.Identity, rights ...subjectrights.Right) *subjectrights.Case {
	h.t.Helper()
	r := request(h.at, who, rights...)
	if h.requests++; h.requests > 1 {
		r.Case += "-" + strconv.Itoa(h.requests)
	}
	c, err := h.desk.Receive(h.t.Context(), dpo, r)
	require.NoError(h.t, err)
	return c
}

// identified is receive of somebody who is logged in.
func (h *house) identified(who gdpr.Identity, rights ...subjectrights.Right) *subjectrights.Case {
	h.t.Helper()
	c := h.receive(who, rights...)
	require.NoError(h.t, h.desk.Identify(h.t.Context(), dpo, c, subjectrights.LoggedIn, subjectrights.Address{Name: "Anna Lindqvist", Contact: annas}))
	return c
}

// approved is identified, with everything granted: erasure on the ground that it is needed no longer.
func (h *house) approved(who gdpr.Identity, rights ...subjectrights.Right) *subjectrights.Case {
	h.t.Helper()
	c := h.identified(who, rights...)
	require.NoError(h.t, h.desk.Decide(h.t.Context(), dpo, c, grants(rights...)...))
	return c
}

func grants(rights ...subjectrights.Right) []subjectrights.Decision {
	var out []subjectrights.Decision
	for _, r := range rights {
		d := subjectrights.Decision{Right: r, Grant: true}
		switch r {
		case subjectrights.Erasure:
			d.Ground = string(gdpr.NoLongerNeeded)
		case subjectrights.Restriction:
			d.Ground = string(gdpr.AccuracyContested)
		}
		out = append(out, d)
	}
	return out
}

// copied notes that the copy is sealed.
func (h *house) copied(c *subjectrights.Case) {
	h.t.Helper()
	require.NoError(h.t, h.desk.SealedCopy(h.t.Context(), dpo, c, make([]byte, 32)))
}

func request(at time.Time, who gdpr.Identity, rights ...subjectrights.Right) subjectrights.Request {
	return subjectrights.Request{Rights: rights, Channel: subjectrights.Email, Received: at, Subject: who, Case: caseID}
}

func (h *house) access(c *subjectrights.Case) *report.Report {
	h.t.Helper()
	r, err := h.desk.Access(h.t.Context(), dpo, c)
	require.NoError(h.t, err)
	return r
}

func pageOf(t *testing.T, r *report.Report, lang string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.HTML(&b, r, lang))
	return b.String()
}

func asJSON(t *testing.T, r *report.Report, lang string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.JSON(&b, r, lang))
	return b.String()
}

// annaEverywhere fills an EPM house: Anna in our own tickets, sales and invoices, and in the data of three customers. It returns
// the ids of our own records.
func annaEverywhere(h *house) (own, customers []gdpr.ID) {
	h.t.Helper()
	anna := gdpr.Email(annas)
	h.set("2026-01-07")
	own = append(own, h.put("support-ticket", gdpr.Record{Subject: anna, Fields: gdpr.Fields{"name": "Anna Lindqvist", "phone": "070-1740605",
		"message": "Hej!\n\nVi kommer inte in i e-posten sedan i morse. Tre av oss på ekonomi\när drabbade:\n  – jag själv\n  – Åke\n  – Märta\n\nKan ni ringa?\nMvh Anna"},
		Source: "Webbformuläret på vår hemsida"}))
	h.set("2026-02-19")
	own = append(own, h.put("sales-contact", gdpr.Record{Subject: gdpr.Email("Anna.Lindqvist@KUND.example"), Fields: gdpr.Fields{"name": "Anna Lindqvist",
		"employer": "Kund i Norden AB", "title": "IT-ansvarig"}}))
	own = append(own, h.put("invoice", gdpr.Record{Subject: anna, Fields: gdpr.Fields{"reference": "Anna Lindqvist", "document": "Faktura 2025-1187, 12 500 kr"},
		Events: map[retention.Event]civil.Date{"financial-year-closed": date(h.t, "2025-12-31")}}))
	h.set("2026-03-02")
	for _, name := range []string{"Kund i Norden AB", "Ådalens Bygg AB", "Västanå Trä AB"} {
		party, _ := h.customer(name, "hosted-customer-data", "service-agreement", anna, gdpr.Fields{"content": "Hemligt hos " + name})
		customers = append(customers, party)
	}
	// Somebody else, whom nothing of this may show.
	h.put("support-ticket", gdpr.Record{Subject: gdpr.Email("noel.sjogren@adalens-bygg.example"), Fields: gdpr.Fields{"name": "Noël Sjögren", "message": "Inget om henne"}})
	h.set("2026-03-05")
	return own, customers
}

// ticket is one of Anna's support tickets.
func (h *house) ticket(who gdpr.Identity, message string) gdpr.ID {
	h.t.Helper()
	return h.put("support-ticket", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist", "message": message}})
}

func (h *house) sweepAll() {
	h.t.Helper()
	_, err := h.Sweep(h.t.Context(), &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(h.t, err)
}

// left reports whether anything of a record is there.
func (h *house) left(record gdpr.ID) bool {
	h.t.Helper()
	x, err := h.As(dpo, gdpr.SubjectRights).Explain(h.t.Context(), record)
	if errors.Is(err, gdpr.ErrErased) {
		return false
	}
	require.NoError(h.t, err)
	return len(x.Parts) > 0
}

// reread is the case as it is stored.
func (h *house) reread(c *subjectrights.Case) *subjectrights.Case {
	h.t.Helper()
	c, err := h.desk.Case(h.t.Context(), dpo, c.ID())
	require.NoError(h.t, err)
	return c
}
