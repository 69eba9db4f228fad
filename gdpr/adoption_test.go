package gdpr_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

const mill = `
register: {format: 1, version: 1, from: 2026-01-01, author: Kvarnrådet, change: Något}
organization: {name: Kvarnen i Åby AB, contact: post@kvarnen.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
subjects: {guest: A guest of a customer}
events: {milled: Day on which the flour was fetched}
terms:
  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, each-agreement after agreement-ended], at-end: erase}
activities:
  order:
    role: controller
    class: internal
    subjects: [customer]
    fields: {name: user.name, phone: user.contact.phone_number, note: user.content.private}
    purpose: Mala säd
    basis: A6-1-b
    erase: [P3Y after assignment-ended with agreement, P12M after collected without agreement]
  books:
    records-of: order
    fields: [name]
    purpose: Bokföring
    basis: A6-1-c
    keep: P7Y after year-end of milled
    erase: P7Y3M after year-end of milled
    ref: Bokföringslagen
  hosted:
    role: processor
    terms: lease
    subjects: [guest]
    fields: {key: user.unique_id, content: user}
    find-by: [key]
    purpose: Leverera tjänsten
`

const (
	orderRules = "P3Y after assignment-ended with agreement; P12M after collected without agreement"
	booksText  = "  books:\n    records-of: order\n    fields: [name]\n    purpose: Bokföring\n    basis: A6-1-c\n    keep: P7Y after year-end of milled\n" +
		"    erase: P7Y3M after year-end of milled\n    ref: Bokföringslagen\n"
)

// What a new version changes, line by line. Nothing is stored: this is the comparison alone.
func TestAdoptionSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "smallest.yaml", memory.New(), nil)
	first, err := register.Parse(register.File{Name: "mill.yaml", Data: []byte(mill)})
	require.NoError(t, err)
	h.store, h.reg = memory.New(), first
	h.dir = t.TempDir()
	h.open()
	longer := func(what string) string { return "lives longer: " + what }
	shorter := func(what string) string { return "ends earlier: " + what }
	order := func(rules string) string { return "order: erase: " + orderRules + " -> " + rules }
	for _, c := range []struct {
		name     string
		old, new string // a change of the text
		want     []string
	}{
		{"the same rules in other words", "P12M after collected", "P1Y after collected", nil},
		{"a text", "purpose: Mala säd", "purpose: Mala all säd", nil},
		{"a longer period", "P12M after collected", "P13M after collected", []string{longer(order("P3Y after assignment-ended with agreement; P13M after collected without agreement"))}},
		{"a shorter period", "P12M after collected", "P11M after collected", []string{shorter(order("P3Y after assignment-ended with agreement; P11M after collected without agreement"))}},
		{"a year in days may be a day more than a leap year has", "P12M after collected", "P366D after collected",
			[]string{longer(order("P3Y after assignment-ended with agreement; P366D after collected without agreement"))}},
		{"a year in days", "P12M after collected", "P365D after collected",
			[]string{shorter(order("P3Y after assignment-ended with agreement; P365D after collected without agreement"))}},
		{"the year's end", "P12M after collected", "P12M after year-end of collected",
			[]string{longer(order("P3Y after assignment-ended with agreement; P12M after year-end of collected without agreement"))}},
		{"one start for two", "[P3Y after assignment-ended with agreement, P12M after collected without agreement]", "[P6M after collected]", []string{shorter(order("P6M after collected"))}},
		{"an earlier start", "P3Y after assignment-ended", "P1Y after collected", []string{shorter(order("P1Y after collected with agreement; P12M after collected without agreement"))}},
		{"a later start", "P3Y after assignment-ended", "P3Y after agreement-ended", []string{longer(order("P3Y after agreement-ended with agreement; P12M after collected without agreement"))}},
		{"another start", "P12M after collected without agreement", "P1M after milled without agreement", []string{
			longer(order("P3Y after assignment-ended with agreement; P1M after milled without agreement")),
			shorter(order("P3Y after assignment-ended with agreement; P1M after milled without agreement"))}},
		{"one more clock", "[P3Y after assignment-ended", "[P1M after purpose-ended, P3Y after assignment-ended",
			[]string{shorter(order("P1M after purpose-ended; " + orderRules))}},
		{"a floor and its ceiling", "    keep: P7Y after year-end of milled\n    erase: P7Y3M", "    keep: P8Y after year-end of milled\n    erase: P8Y3M", []string{
			longer("books: erase: P7Y3M after year-end of milled -> P8Y3M after year-end of milled"),
			longer("books: keep: P7Y after year-end of milled -> P8Y after year-end of milled")}},
		{"a shorter floor", "P7Y after year-end", "P6Y after year-end", []string{shorter("books: keep: P7Y after year-end of milled -> P6Y after year-end of milled")}},
		{"no floor", "    keep: P7Y after year-end of milled\n", "", []string{shorter("books: keep: P7Y after year-end of milled -> none")}},
		{"a new floor", "    erase: [P3Y", "    keep: P1M after collected\n    ref: Kvarnlagen\n    erase: [P3Y", []string{longer("order: keep: none -> P1M after collected")}},
		{"the year's end of a shorter period", "P3Y after assignment-ended", "P2Y after year-end of assignment-ended",
			[]string{shorter(order("P2Y after year-end of assignment-ended with agreement; P12M after collected without agreement"))}},
		{"terms loosened", "P3M after erasure-instructed", "P4M after erasure-instructed", []string{longer("hosted: terms: P3M after erasure-instructed; " +
			"each-agreement after agreement-ended -> P4M after erasure-instructed; each-agreement after agreement-ended")}},
		{"terms left open", "P3M after erasure-instructed", "each-agreement after erasure-instructed", []string{longer("hosted: terms: P3M after erasure-instructed; " +
			"each-agreement after agreement-ended -> each-agreement after erasure-instructed; each-agreement after agreement-ended")}},
		{"terms closed", "each-agreement after agreement-ended", "P1Y after agreement-ended", []string{shorter("hosted: terms: P3M after erasure-instructed; " +
			"each-agreement after agreement-ended -> P3M after erasure-instructed; P1Y after agreement-ended")}},
		{"a purpose that ended", booksText, "", []string{longer("books: erase: P7Y3M after year-end of milled -> none"), "activity ended: books"}},
		{"a purpose that began", "  hosted:\n", strings.Replace(booksText, "books:", "tax:", 1) + "  hosted:\n", []string{"activity began: tax"}},
		{"a field removed", "phone: user.contact.phone_number, ", "", []string{"field: order: phone removed"}},
		{"a field renamed", "phone: user", "tel: user", []string{"field: order: phone -> tel"}},
		{"a field of a purpose removed", "fields: [name]", "fields: [note]", []string{"field: books: name removed"}},
		{"another zone", "country: SE}", "country: SE, zone: Europe/Helsinki}", []string{
			longer("zone: Europe/Stockholm -> Europe/Helsinki"), shorter("zone: Europe/Stockholm -> Europe/Helsinki")}},
		{"records of their own", booksText, strings.Replace(booksText, "    records-of: order\n    fields: [name]\n",
			"    role: controller\n    class: internal\n    subjects: [customer]\n    fields: {name: user.name}\n", 1),
			[]string{"cannot be adopted: books: records-of: its records keep their family; give the new activity another name"}},
		{"another role", "    role: processor\n    terms: lease\n", "    role: controller\n    class: internal\n    basis: A6-1-b\n    erase: P1M after collected\n",
			[]string{"cannot be adopted: hosted: role: its records keep the role that they were collected in; give the new activity another name"}},
	} {
		text := strings.Replace(strings.Replace(mill, c.old, c.new, 1), "version: 1", "version: 2", 1)
		require.NotEqual(t, strings.Replace(mill, "version: 1", "version: 2", 1), text, c.name)
		switch c.name { // what nothing refers to any more the register refuses
		case "another role":
			text = strings.Replace(text, "terms:\n  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, each-agreement after agreement-ended], at-end: erase}\n", "", 1)
		case "a purpose that ended":
			text = strings.Replace(text, "events: {milled: Day on which the flour was fetched}\n", "", 1)
		}
		next, err := register.Parse(register.File{Name: "mill.yaml", Data: []byte(text)})
		require.NoError(t, err, c.name)
		out, err := h.PlanAdoption(t.Context(), next)
		require.NoError(t, err, c.name)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		assert.Equal(t, "register version 1 -> 2", lines[0])
		var got []string
		for _, l := range lines[1:] {
			got = append(got, strings.TrimSpace(l))
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

// PlanAdoption counts what would become due, end earlier and end later, and touches nothing.
func TestPlanAdoption(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		f.invoice()
		_, agreement := h.customer("Tallbackens vårdcentral")
		f.hosted(agreement, bjorn)
		f.ticket(agreement, gdpr.ID{})
		_, err := f.support.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej"}, CollectedAt: on("2025-07-01").at}) // due by either
		require.NoError(t, err)
		h.clock.set("2026-07-01")
		f.ticket(gdpr.ID{}, gdpr.ID{})
		entries, _ := h.trail()
		next := h.version("epm.yaml", epmFirst, epmSecond,
			"P1Y after collected without", "P4M after collected without", "P1Y after assignment-ended", "P1Y after collected", "P7Y3M after", "P8Y after")
		out, err := h.PlanAdoption(ctx, next)
		require.NoError(t, err)
		assert.Equal(t, []gdpr.AdoptionLine{
			{Activity: "hosted-customer-data", Parts: 1},
			{Activity: "invoice", Parts: 1, Later: 1},
			{Activity: "support-ticket", Parts: 4, Due: 1, Earlier: 4},
		}, out.Lines)
		assert.Contains(t, out.String(), "  parts of support-ticket: 4; due at once 1, earlier 4, later 0\n")
		assert.Len(t, out.Longer, 1)
		assert.Equal(t, 1, h.Register().Version)
		again, _ := h.trail()
		assert.Len(t, again, len(entries))

		_, err = h.PlanAdoption(ctx, nil)
		refusedInput(t, err, "register")
		same, err := h.PlanAdoption(ctx, h.reg)
		require.NoError(t, err)
		assert.Empty(t, same.Longer)
		changed := *next
		changed.Version = 1
		_, err = h.PlanAdoption(ctx, &changed)
		require.ErrorContains(t, err, "version 1 is stored with other content")
		require.NoError(t, h.Close())
		_, err = h.PlanAdoption(ctx, next)
		require.ErrorIs(t, err, gdpr.ErrClosed)
	})
}

// An agreement that does not keep within its terms any more stands in the way, whoever approves. Once it has ended and holds nothing it does not.
func TestAdoptionOfTermsThatAnAgreementBreaks(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		_, agreement := h.customer("Tallbackens vårdcentral")
		id := f.hosted(agreement, asa)
		changes := []string{epmFirst, epmSecond, "each-agreement after agreement-ended", "P20D after agreement-ended"}
		out, err := h.PlanAdoption(ctx, h.version("epm.yaml", changes...))
		require.NoError(t, err)
		require.Len(t, out.Obstacles, 1)
		assert.Contains(t, out.Obstacles[0], agreement.String())
		assert.Contains(t, out.String(), "cannot be adopted: agreement "+agreement.String()+": Agreement.Erase[1]: longer than the terms allow")
		assert.Nil(t, out.Lines)
		h.approval = &gdpr.Approval{Version: 2, Reason: "Beslut", Approver: dpo}
		refusedInput(t, h.unapproved("epm.yaml", changes...), "register")
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		refusedInput(t, h.unapproved("epm.yaml", changes...), "register")
		assert.Equal(t, "2026-03-30", f.goesOn(id, "2026-03-10", "2026-04-10"))

		party, left := h.customer("Kvarnbyns mejeri") // of which nothing is left but what nobody can read
		f.hosted(left, asa)
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: left})
		refusedInput(t, h.unapproved("epm.yaml", changes...), "register")
		_, err = f.rights.Offboard(ctx, party)
		require.NoError(t, err)
		h.adopt("epm.yaml", changes...)
		assert.Equal(t, 3, h.sweep().Cleared)
		f.verified()
	})
}

// Who approves, and why, is said with the approval; what approves nothing is refused before anything is changed.
func TestApprovalIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	newFirm(h).ticket(gdpr.ID{}, gdpr.ID{})
	changes := []string{epmFirst, epmSecond, "P1Y after collected without", "P2Y after collected without"}
	err := h.unapproved("epm.yaml", changes...)
	refusedInput(t, err, "Options.Adopt")
	for _, part := range []string{"support-ticket", "P1Y after collected without agreement", "P2Y after collected without agreement", "PlanAdoption", "Nothing was changed"} {
		require.ErrorContains(t, err, part)
	}
	for field, bad := range map[string]gdpr.Approval{
		"Options.Adopt.Version":  {Reason: "Beslut", Approver: dpo},
		"Options.Adopt.Reason":   {Version: 2, Approver: dpo},
		"Options.Adopt.Approver": {Version: 2, Reason: "Beslut"},
		"Options.Adopt":          {Version: 3, Reason: "Beslut", Approver: dpo},
	} {
		h.approval = &bad
		refusedInput(t, h.unapproved("epm.yaml", changes...), field)
	}
	for _, reason := range []string{" ", "två\nrader", strings.Repeat("å", 101), "\xff", "fråga åsa@kund.example"} {
		h.approval = &gdpr.Approval{Version: 2, Reason: reason, Approver: dpo}
		refused := h.unapproved("epm.yaml", changes...)
		refusedInput(t, refused, "Options.Adopt.Reason")
		assert.NotContains(t, refused.Error(), "åsa@")
	}
	for _, who := range []gdpr.Actor{gdpr.Job("deploy"), gdpr.Person(""), gdpr.Person("\n"), gdpr.Person(strings.Repeat("Ö", 101))} {
		h.approval = &gdpr.Approval{Version: 2, Reason: "Beslut", Approver: who}
		refusedInput(t, h.unapproved("epm.yaml", changes...), "Options.Adopt.Approver")
	}
}

// With an approval, reason and approver stand in the trail. Without need of one nobody is named but the program.
func TestAdoptionInTheTrail(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		h.adopt("epm.yaml", epmFirst, epmSecond, "P1Y after collected without", "P6M after collected without")
		h.approval = &gdpr.Approval{Version: 3, Reason: "Beslut 2026-18, tvister", Approver: dpo}
		h.adopt("epm.yaml", epmFirst, "version: 3, from: 2026-01-01, change: Längre,")
		h.open()
		var got []string
		entries, _ := h.trail()
		for _, e := range entries {
			if e.Action == "AdoptRegister" {
				assert.Equal(t, audit.Done, e.Outcome)
				got = append(got, fmt.Sprint(e.Count, " ", e.Actor.Name, ": ", e.Why))
			}
		}
		assert.ElementsMatch(t, []string{"1 Åsa Ägare: ", "2 Åsa Ägare: ", "3 Örjan Dataskydd: Beslut 2026-18, tvister"}, got)
		h.verified()
	})
}

// A store of before the rules were kept: nothing to compare with, so no approval is asked for, and everything is dated anew.
func TestAdoptionOfAStoreWithoutRules(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		forget := func() {
			require.NoError(t, h.store.Apply(ctx, &storage.Batch{PutMeta: map[string][]byte{"rules": {}}}))
		}
		forget()
		h.adopt("epm.yaml", epmFirst, epmSecond,
			"P1Y after collected without", "P6M after collected without", "P7Y3M after", "P9Y after")
		forget()
		h.open()
		assert.Equal(t, "2026-08-31", f.goesOn(id, "2026-08-25", "2026-09-10"))
		refusedInput(t, h.unapproved("epm.yaml", epmFirst, "version: 3, from: 2026-01-01, change: Längre,",
			"P1Y after collected without", "P6M after collected without", "P7Y3M after", "P10Y after"), "Options.Adopt")
		f.verified()
	})
}

// Several processes start with the new version at once: it is adopted once, and all go on.
func TestAdoptionTogether(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
		require.NoError(t, err)
		next := h.version("epm.yaml", epmFirst, epmSecond, "P1Y after collected without", "P6M after collected without")
		opened := make(chan error)
		for range 4 {
			go func() {
				_, err := gdpr.Open(context.Background(), h.store, kek, next, &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now})
				opened <- err
			}()
		}
		for range 4 {
			require.NoError(t, <-opened)
		}
		adopted := 0
		entries, _ := h.trail()
		for _, e := range entries {
			if e.Action == "AdoptRegister" && e.Count == 2 {
				adopted++
			}
		}
		assert.Equal(t, 1, adopted)
		h.reg = next
		h.open()
		assert.Equal(t, "2026-08-31", f.goesOn(id, "2026-08-25", "2026-09-05"))
		f.verified()
	})
}
