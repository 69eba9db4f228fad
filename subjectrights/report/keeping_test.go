package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

var (
	person = gdpr.ID{1}
	other  = gdpr.ID{2}
)

// judged explains a record of one part with the given rules and events.
func judged(t *testing.T, f retention.Facts, policies ...retention.Policy) gdpr.PartExplanation {
	t.Helper()
	zone, err := civil.LoadZone("Europe/Stockholm")
	require.NoError(t, err)
	v := retention.Judge(policies, f, zone)
	x := gdpr.PartExplanation{Subject: person, Verdict: v}
	for _, p := range policies {
		x.Purposes = append(x.Purposes, p.Purpose)
	}
	if !v.Limit.IsZero() {
		x.Until = civil.DateOf(v.Limit, zone).AddDays(-1)
	}
	return x
}

func rules(t *testing.T, texts ...string) []retention.Rule {
	t.Helper()
	var out []retention.Rule
	for _, s := range texts {
		r, err := retention.ParseRule(s)
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

func TestHowLongARecordStays(t *testing.T) {
	t.Parallel()
	spring := civil.Date{Year: 2026, Month: time.March, Day: 5}
	collected := retention.Facts{Days: map[retention.Event]civil.Date{retention.Collected: spring}}
	ended := func(atOnce bool) retention.Facts {
		f := collected
		f.Ended = map[string]retention.End{"ticket": {Day: spring.AddDays(10), AtOnce: atOnce}}
		return f
	}
	year := retention.Policy{Purpose: "ticket", Erase: rules(t, "P1Y after collected")}
	statistics := retention.Policy{Purpose: "statistics", Erase: rules(t, "P2Y after collected"), Anonymize: true}
	waits := retention.Policy{Purpose: "ticket", Erase: rules(t, "P1Y after assignment-ended")}
	floor := rules(t, "P7Y after year-end of collected")[0]
	law := retention.Policy{Purpose: "ticket", Keep: &floor, Erase: rules(t, "P7Y3M after year-end of collected")}
	waitingFloor := rules(t, "P7Y after year-end of agreement-ended")[0]
	lawWaits := retention.Policy{Purpose: "ticket", Keep: &waitingFloor, Erase: rules(t, "P8Y after year-end of agreement-ended")}

	for name, c := range map[string]struct {
		part  gdpr.PartExplanation
		lines []string
		cell  string
		until string
	}{
		"a ceiling": {judged(t, collected, year),
			[]string{"Raderas senast den 5 mars 2027. Det är ett år efter att uppgifterna registrerades, den 5 mars 2026."}, "5 mars 2027", "2027-03-05"},
		"a clock that waits": {judged(t, collected, waits),
			[]string{"Det finns inget slutdatum än. Raderas senast ett år efter att uppdraget har avslutats."}, "Inget slutdatum än", ""},
		"no rule at all": {judged(t, collected, retention.Policy{Purpose: "ticket"}),
			[]string{"Det finns ingen tidsgräns för detta."}, "Inget slutdatum än", ""},
		"two purposes": {judged(t, collected, year, statistics), []string{
			"Används för detta längst till och med den 5 mars 2027. Det är ett år efter att uppgifterna registrerades, den 5 mars 2026.",
			"Används för detta längst till och med den 5 mars 2028. Det är två år efter att uppgifterna registrerades, den 5 mars 2026.",
			"Därefter görs de anonyma, senast den 5 mars 2028."}, "5 mars 2028", "2028-03-05"},
		"a law keeps it": {judged(t, collected, law), []string{
			"Måste sparas till och med den 31 december 2033.",
			"Raderas senast den 31 mars 2034. Det är sju år och tre månader efter utgången av 2026, det år då uppgifterna registrerades."}, "31 mars 2034", "2034-03-31"},
		"a law keeps it, and its clock waits": {judged(t, collected, lawWaits), []string{
			"Måste sparas, och tiden har inte börjat räknas än. Måste sparas i sju år efter utgången av det år då avtalet har upphört.",
			"Det finns inget slutdatum än. Raderas senast åtta år efter utgången av det år då avtalet har upphört."}, "Inget slutdatum än", ""},
		"an objection": {judged(t, ended(true), waits), []string{
			"Används inte längre för detta sedan den 15 mars 2026.", "Raderas inom kort."}, "Inom kort", ""},
	} {
		out, last := built(t, gdpr.Explanation{Parts: []gdpr.PartExplanation{c.part}})
		var lines []string
		for _, k := range out.Kept {
			lines = append(lines, k.Text)
		}
		assert.Equal(t, c.lines, lines, name)
		assert.Equal(t, c.cell, last, name)
		assert.Equal(t, c.until, out.Until, name)
	}
}

func TestHoldAndOthers(t *testing.T) {
	t.Parallel()
	collected := retention.Facts{Days: map[retention.Event]civil.Date{retention.Collected: {Year: 2026, Month: time.March, Day: 5}}}
	p := judged(t, collected, retention.Policy{Purpose: "ticket", Erase: rules(t, "P1Y after collected")})
	p.Holds = []gdpr.HoldInfo{{Ground: "Tvist med grannen", ReviewBy: civil.Date{Year: 2026, Month: time.June, Day: 30}}}
	theirs := judged(t, collected, retention.Policy{Purpose: "ticket", Erase: rules(t, "P9Y after collected")})
	theirs.Subject = other
	out, last := built(t, gdpr.Explanation{Parts: []gdpr.PartExplanation{p, theirs}})
	require.Len(t, out.Kept, 2, "nothing is said of the other person's part")
	assert.Contains(t, out.Kept[1].Text, "senast den 30 juni 2026")
	assert.NotContains(t, out.Kept[1].Text, "granne", "the ground may say too much")
	assert.Equal(t, "Inget slutdatum än: en post får inte raderas för tillfället", last)
	assert.Empty(t, out.Until)
	assert.Equal(t, 1, out.Others.Count)
}

// built is the record of a report that has only this one, and until when it stays as a cell of a table says it.
func built(t *testing.T, x gdpr.Explanation) (record, string) {
	t.Helper()
	reg := &gdpr.Register{Activities: map[string]*register.Activity{
		"ticket": {Purpose: register.Plain("Ärenden")}, "statistics": {RecordsOf: "ticket", Purpose: register.Plain("Statistik")}}}
	b := &builder{in: &content{Input: Input{Person: person, Register: reg}}, reg: reg, w: &swedish}
	r := Record{Stored: &gdpr.Stored{Activity: "ticket"}, Why: &x}
	return b.record(r), endOf(r, person).words(&swedish)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	reg, err := gdpr.LoadRegister("../../testdata/registers/epm.yaml")
	require.NoError(t, err)
	day := civil.Date{Year: 2026, Month: time.March, Day: 5}
	id := gdpr.ID{9}
	whole := Input{Register: reg, Received: day, Due: day, Made: time.Now(), Person: person}
	_, err = New(whole)
	require.NoError(t, err, "nothing held is an answer too")
	for name, spoil := range map[string]func(*Input){
		"no register":   func(in *Input) { in.Register = nil },
		"no day":        func(in *Input) { in.Received = civil.Date{} },
		"not explained": func(in *Input) { in.Records = []Record{{Stored: &gdpr.Stored{ID: id}}} },
		"of another": func(in *Input) {
			in.Records = []Record{{Stored: &gdpr.Stored{ID: id}, Why: &gdpr.Explanation{Record: gdpr.ID{8}}}}
		},
		"somebody else's": func(in *Input) {
			in.Records = []Record{{Stored: &gdpr.Stored{ID: id}, Why: &gdpr.Explanation{Record: id}}}
		},
		"a customer's": func(in *Input) {
			in.Records = []Record{{Stored: &gdpr.Stored{ID: id, Role: register.Processor}, Why: &gdpr.Explanation{Record: id}}}
		},
	} {
		in := whole
		spoil(&in)
		_, err := New(in)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, name)
	}
}
