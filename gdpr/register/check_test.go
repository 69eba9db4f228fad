package register

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func TestBuiltInGoIsTheFile(t *testing.T) {
	t.Parallel()
	read, built := parse(t, "epm.yaml"), builtEPM()
	assert.Equal(t, read.Digest(), built.Digest(), "before Check")
	require.NoError(t, built.Check())
	assert.Equal(t, read.Digest(), built.Digest(), "after Check")
	require.NoError(t, built.Check(), "once more")
	assert.Empty(t, built.Warnings())
	assert.ElementsMatch(t, read.ActivityIDs(), built.ActivityIDs())
	for _, id := range read.ActivityIDs() {
		assert.Equal(t, read.Activities[id], built.Activities[id])
	}
	assert.Equal(t, read.Roles["support"], built.Roles["support"])
	assert.Equal(t, read.Reviews, built.Reviews)
	assert.Equal(t, read.Terms, built.Terms)
}

// The same change in the file and in Go gives the same problem, with a path for
// a position.
func TestBuiltInGoHasTheSameProblems(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		old, new string
		change   func(*Register)
	}{
		"period": {"audit-log: P2Y", "audit-log: 2 years", func(r *Register) { r.Accountability.AuditLog.Years = -1 }},
		"unknown event": {"P1Y after assignment-ended with", "P1Y after assigment-ended with",
			func(r *Register) { r.Activities["support-ticket"].Erase[0].Event = "assigment-ended" }},
		"case not covered": {"      - P1Y after collected without agreement\n", "", func(r *Register) {
			a := r.Activities["support-ticket"]
			a.Erase = a.Erase[:1]
		}},
		"category": {"      message: user.content.private ", "      message: anna.berg@kund.example ",
			func(r *Register) { r.Activities["support-ticket"].Fields[3].Category = "anna.berg@kund.example" }},
		"renamed category": {"title: user.professional_information.job_title", "title: user.job_title",
			func(r *Register) { r.Activities["sales-contact"].Fields[4].Category = "user.job_title" }},
		"elsewhere": {"    class: internal                # silent\n    subjects: [customer_contact, prospect]",
			"    class: internal\n    subjects: [customer_contact, employee]",
			func(r *Register) { r.Activities["sales-contact"].Subjects[1] = "employee" }},
		"class of customer data": {"    terms: service-agreement\n    subjects", "    terms: service-agreement\n    class: internal\n    subjects",
			func(r *Register) { r.Activities["hosted-customer-data"].Class = Internal }},
		"not after keep": {"P7Y3M after", "P7Y after", func(r *Register) { r.Activities["invoice"].Erase[0].Period.Months = 0 }},
		"at-end missing": {"    at-end: each-agreement ", "    # at-end: each-agreement ", func(r *Register) {
			terms := r.Terms["service-agreement"]
			terms.AtEnd = ""
			r.Terms["service-agreement"] = terms
		}},
		"erase and log": {"{may: [log]}", "{may: [log, erase], for: all}",
			func(r *Register) { r.Roles["auditor"] = AccessRole{May: []Permission{MayLog, MayErase}, All: true} }},
		"version": {"{format: 1, version: 1,", "{format: 1, version: 2,", func(r *Register) { r.Version = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := problems(t, "epm.yaml", edit(t, file(t, "epm.yaml"), tt.old, tt.new))
			require.Len(t, want, 1)
			r := builtEPM()
			tt.change(r)
			var got Problems
			require.ErrorAs(t, r.Check(), &got)
			require.Len(t, got, 1)
			w := want[0]
			w.File, w.Line, w.Column, w.What = "", 0, 0, onLine.ReplaceAllString(w.What, "")
			assert.Equal(t, w, got[0])
			assert.Equal(t, strings.TrimSpace(w.Path+": "+w.What+". "+w.Why+" "+w.Mend), got[0].String())
		})
	}
}

// What a file cannot have wrong, a program can.
func TestOnlyInGo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*Register)
		path   string
		what   string
	}{
		"id of an activity": {func(r *Register) { r.Activities["Anna Berg"] = r.Activities["invoice"] }, "activities", "not an id"},
		"id of a field":     {func(r *Register) { r.Activities["invoice"].Fields[0].Name = "Anna" }, "activities.invoice.fields", "not an id"},
		"id of an event":    {func(r *Register) { r.Events["Anna"] = Plain("x") }, "events", "not an id"},
		"category":          {func(r *Register) { r.Subjects["anna-berg"] = Plain("x") }, "subjects", "not a category"},
		"language":          {func(r *Register) { r.Security = Text{{"svenska", "x"}} }, "security", "not a language"},
		"two phrases in no language": {func(r *Register) { r.Security = Text{{"", "x"}, {"", "y"}} },
			"security", "not a language"},
		"blank text":     {func(r *Register) { r.Security = Plain(" ") }, "security", "empty value"},
		"empty category": {func(r *Register) { r.Subjects["customer_contact"] = nil }, "subjects.customer_contact", "empty value"},
		"no activity":    {func(r *Register) { r.Activities["invoice"] = nil }, "activities.invoice", "empty value"},
		"field twice": {func(r *Register) {
			a := r.Activities["invoice"]
			a.Fields = append(a.Fields, a.Fields[0])
		}, "activities.invoice.fields[4]", "twice in the list"},
		"empty rule": {func(r *Register) { r.Activities["sales-contact"].Erase = make([]retention.Rule, 1) },
			"activities.sales-contact.erase", "not a rule"},
		"each-agreement with a period": {func(r *Register) { r.Terms["service-agreement"].Erase[1].Period.Days = 1 },
			"terms.service-agreement.erase[2]", "not a rule"},
		"cadence without length": {func(r *Register) { r.Reviews["risks"] = Cadence{By: "manager"} }, "reviews.risks", "not a period"},
		"date that is none": {func(r *Register) { r.From = civil.Date{Year: 2026, Month: time.February, Day: 30} },
			"register.from", "not a date"},
		"negative version": {func(r *Register) { r.Version = -1 }, "register.version", "not a whole number"},
		"newer format":     {func(r *Register) { r.Format = 2 }, "register.format", "written for another version of the library"},
		"empty conditions": {func(r *Register) { r.Activities["sales-contact"].DirectMarketing = map[string]Condition{} },
			"activities.sales-contact.direct-marketing", "no condition"},
		"share of nothing": {func(r *Register) {
			r.Parties = map[string]Party{"bank": {Name: "B", Contact: "c", Country: "SE", Role: Controller}}
			r.Activities["invoice"].Recipients = map[string]Share{"bank": {}}
		}, "activities.invoice.recipients.bank", "neither all nor a list"},
		"label without values": {func(r *Register) { r.Activities["invoice"].Labels = map[string][]string{"state": {}} },
			"activities.invoice.labels.state", "label without values"},
		"further purpose with a class of its own": {func(r *Register) {
			r.Activities["statistics"] = &Activity{RecordsOf: "invoice", Class: Public, Purpose: Plain("x"),
				Basis: []Basis{LegalObligation}, Erase: []retention.Rule{{Period: civil.Period{Years: 1}, Event: retention.Collected}}}
		}, "activities.statistics.class", "not allowed with records-of"},
		"further purpose with categories of its own": {func(r *Register) {
			r.Activities["statistics"] = &Activity{RecordsOf: "invoice", Fields: []Field{{"email", "user"}}, Purpose: Plain("x"),
				Basis: []Basis{LegalObligation}, Erase: []retention.Rule{{Period: civil.Period{Years: 1}, Event: retention.Collected}}}
		}, "activities.statistics.fields[1]", "categories with records-of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := builtEPM()
			tt.change(r)
			var got Problems
			require.ErrorAs(t, r.Check(), &got)
			require.Len(t, got, 1, got.Error())
			assert.Equal(t, tt.path, got[0].Path)
			assert.Equal(t, tt.what, got[0].What)
			assert.NotContains(t, strings.ToLower(got.Error()), "anna")
		})
	}
}

// What looks like a mistake and is none.
func TestAllowed(t *testing.T) {
	t.Parallel()
	const further = "    records-of: ticket\n    fields: [message]\n    purpose: Learn what people ask about\n" +
		"    basis: A6-1-f\n    interest: To mend what is often asked about\n" +
		"    compatible: The same people would expect it; nothing about one person comes out\n    anonymize: P2Y after collected\n"
	for name, tt := range map[string]struct{ old, new string }{
		"no assessment for consent":       {further, "    records-of: ticket\n    purpose: Ask what was good\n    basis: A6-1-a\n    erase: P1Y after purpose-ended\n"},
		"a further purpose of a customer": {further, "    records-of: hosted\n    purpose: Mend the service\n"},
		"a further purpose with others":   {further, "    records-of: fair\n    purpose: Plan\n    basis: A6-1-a\n    erase: P1Y after purpose-ended\n"},
		"a list of one basis":             {"    basis: A6-1-a\n", "    basis: [A6-1-a]\n"},
		"a condition that no field needs": {"    basis: A6-1-a\n", "    basis: [A6-1-a, A9-2-a]\n"},
		"a rule for all beside a case":    {"P1Y after collected without agreement", "P5Y after collected"},
		"a floor for one case":            {"    keep: P5Y after year-end of year-closed\n", "    keep: P5Y after year-end of year-closed with agreement\n"},
		"a floor from another event":      {"    keep: P5Y after year-end of year-closed\n", "    keep: P9Y after collected\n"},
		"each-agreement for instructions": {"P3M after erasure-instructed", "each-agreement after erasure-instructed"},
		"copies longer than the limit":    {"  kept: P6M\n", "  kept: P5Y\n"},
		"no change in version 1":          {"  version: 3\n", "  version: 1\n"},
		"an event of the firm's own":      {"P0D after purpose-ended", "P1Y after term-ended"},
		"a role that nobody needs":        {"  trail: {may: [log]}\n", "  trail: {may: [log]}\n  guest: {may: [read], for: [fair]}\n"},
		"all fields, named":               {"{cloud: all}", "{cloud: [key, content]}"},
		"a text in one language":          {"    purpose: Bookkeeping\n", "    purpose: {sv: Bokföring}\n"},
		"a text over several lines":       {"    purpose: Bookkeeping\n", "    purpose: |\n      Bokföring\n      och bokslut\n"},
		"a territory of the Union":        {"    country: US\n", "    country: AX\n    # "},
	} {
		text := edit(t, file(t, "full.yaml"), tt.old, tt.new)
		if strings.HasSuffix(tt.new, "# ") {
			text = edit(t, text, "    transfer: A46-2-c\n", "")
		}
		assert.Empty(t, problems(t, "full.yaml", text), name)
	}
}

func TestEmptyRegister(t *testing.T) {
	t.Parallel()
	var r Register
	var paths []string
	var found Problems
	require.ErrorAs(t, r.Check(), &found)
	for _, p := range found {
		assert.Empty(t, p.Path)
		paths = append(paths, p.What)
	}
	assert.Equal(t, []string{"missing key register", "missing key organization", "missing key accountability", "no activity declared"}, paths)
	assert.NotEmpty(t, new(Register).Digest())
	assert.Len(t, new(Register).Warnings(), 3)
}

func TestEndsAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ceiling, floor string
		want           bool
	}{
		{"P1Y after collected", "P1Y after collected", false},
		{"P1Y after collected", "P12M after collected", false},
		{"P1Y1D after collected", "P1Y after collected", true},
		{"P11M after collected", "P1Y after collected", false},
		{"P1Y after collected", "P365D after collected", false}, // 365 days too, but for leap years
		{"P1Y1D after collected", "P365D after collected", true},
		{"P366D after collected", "P1Y after collected", false}, // as long in a leap year
		{"P367D after collected", "P1Y after collected", true},
		{"P1M after collected", "P30D after collected", false}, // February
		{"P2M after collected", "P1M27D after collected", true},
		{"P5W after collected", "P1M after collected", true},
		{"P1Y after year-end of collected", "P1Y after collected", false}, // on 31 December
		{"P1Y1D after year-end of collected", "P1Y after collected", true},
		{"P2Y after collected", "P1Y after year-end of collected", true}, // 1 January is the tightest: one day
		{"P2Y after collected", "P1Y1D after year-end of collected", false},
		{"P1Y364D after collected", "P1Y after year-end of collected", false},
		{"P1D after collected", "P9Y after purpose-ended", true},
		{"P1D after collected with agreement", "P9Y after collected without agreement", true},
		{"P1D after collected", "P9Y after collected without agreement", false},
	} {
		ceiling, err := retention.ParseRule(tt.ceiling)
		require.NoError(t, err)
		floor, err := retention.ParseRule(tt.floor)
		require.NoError(t, err)
		assert.Equal(t, tt.want, endsAfter(ceiling, floor), "%s, %s", tt.ceiling, tt.floor)
		if tt.want && ceiling.Event == floor.Event && ceiling.Case == floor.Case {
			day := civil.Date{Year: 2023, Month: time.January, Day: 1}
			for range 4000 {
				assert.True(t, last(ceiling, day).After(last(floor, day)), "%s, %s on %s", tt.ceiling, tt.floor, day)
				day = day.AddDays(1)
			}
		}
	}
}
