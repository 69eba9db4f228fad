package retention_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/civil"
	_ "github.com/gallra/gallra/internal/seeded"
	"github.com/gallra/gallra/retention"
)

// table returns the rows of a table under testdata/deadlines, each by the names
// of its columns.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "testdata", "deadlines", name))
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(lines), 10)
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		require.NotEmpty(t, row["source"])
		rows = append(rows, row)
	}
	return rows
}

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(s)
	require.NoError(t, err)
	return d
}

func rule(t testing.TB, s string) retention.Rule {
	t.Helper()
	r, err := retention.ParseRule(s)
	require.NoError(t, err)
	return r
}

func stockholm(t testing.TB) *time.Location {
	t.Helper()
	loc, err := civil.LoadZone("Europe/Stockholm")
	require.NoError(t, err)
	return loc
}

// policy reads the erase and keep columns.
func policy(t *testing.T, purpose string, row map[string]string) retention.Policy {
	t.Helper()
	p := retention.Policy{Purpose: purpose}
	for text := range strings.SplitSeq(row["erase"], ";") {
		p.Erase = append(p.Erase, rule(t, text))
	}
	if row["keep"] != "-" {
		keep := rule(t, row["keep"])
		p.Keep = &keep
	}
	return p
}

// ended reads the ended column: "-", a day, or a day "at once".
func ended(t *testing.T, text string) (retention.End, bool) {
	t.Helper()
	if text == "-" {
		return retention.End{}, false
	}
	day, atOnce := strings.CutSuffix(text, " at once")
	return retention.End{Day: date(t, day), AtOnce: atOnce}, true
}

// at writes an instant as the tables do.
func at(instant time.Time, loc *time.Location) string {
	if instant.IsZero() {
		return "unknown"
	}
	return instant.In(loc).Format("2006-01-02 15:04")
}

func TestErasureTable(t *testing.T) {
	t.Parallel()
	loc := stockholm(t)
	for _, row := range table(t, "erasure.csv") {
		t.Run(row["case"], func(t *testing.T) {
			t.Parallel()
			f := retention.Facts{
				Agreement: row["agreement"] == "yes", Assignment: row["assignment"] == "yes",
				Days: map[retention.Event]civil.Date{}, Ended: map[string]retention.End{},
			}
			for word := range strings.FieldsSeq(row["events"]) {
				event, day, ok := strings.Cut(word, "=")
				require.True(t, ok)
				f.Days[retention.Event(event)] = date(t, day)
			}
			if row["instructed_by"] != "-" {
				f.InstructedBy = date(t, row["instructed_by"])
			}
			if end, ok := ended(t, row["ended"]); ok {
				f.Ended["purpose"] = end
			}

			v := retention.Judge([]retention.Policy{policy(t, "purpose", row)}, f, loc)
			require.Len(t, v.Standings, 1)
			s := v.Standings[0]
			assert.Equal(t, row["use_ends"], at(s.UseEnds, loc), "use ends")
			assert.Equal(t, row["wake"], at(s.Wake, loc), "wake")
			assert.Equal(t, row["limit"], at(s.Limit, loc), "limit")
			assert.Equal(t, s.Wake, v.Wake, "one purpose decides alone")
			assert.Equal(t, s.Limit, v.Limit)
			assert.Equal(t, "purpose", v.Decides)
			assert.NotEmpty(t, v.Words())
		})
	}
}

func TestSeveralTable(t *testing.T) {
	t.Parallel()
	loc := stockholm(t)
	var names []string
	cases := map[string][]map[string]string{}
	for _, row := range table(t, "several.csv") {
		if cases[row["case"]] == nil {
			names = append(names, row["case"])
		}
		cases[row["case"]] = append(cases[row["case"]], row)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := retention.Facts{
				Days:  map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05")},
				Ended: map[string]retention.End{},
			}
			var policies []retention.Policy
			for _, row := range cases[name] {
				policies = append(policies, policy(t, row["purpose"], row))
				if end, ok := ended(t, row["ended"]); ok {
					f.Ended[row["purpose"]] = end
				}
			}
			v := retention.Judge(policies, f, loc)
			for i, row := range cases[name] {
				assert.Equal(t, row["purpose"], v.Standings[i].Purpose)
				assert.Equal(t, row["wake"], at(v.Standings[i].Wake, loc), row["purpose"])
				assert.Equal(t, row["part_wake"], at(v.Wake, loc))
				assert.Equal(t, row["part_limit"], at(v.Limit, loc))
				assert.Equal(t, row["decides"], v.Decides)
				assert.Equal(t, row["kept_by_floor"] == "yes", v.Kept)
			}
		})
	}
}

func TestDeadlineSaysAll(t *testing.T) {
	t.Parallel()
	keep := rule(t, "P7Y after year-end of financial-year-closed")
	v := retention.Judge([]retention.Policy{{Purpose: "invoice", Keep: &keep}},
		retention.Facts{Days: map[retention.Event]civil.Date{"financial-year-closed": date(t, "2025-06-30")}}, stockholm(t))
	assert.Equal(t, &retention.Deadline{
		Purpose: "invoice", Rule: keep, Day: date(t, "2025-06-30"), Start: date(t, "2025-12-31"), Last: date(t, "2032-12-31"),
		End: time.Date(2032, time.December, 31, 23, 0, 0, 0, time.UTC),
	}, v.Standings[0].Floor)
	assert.True(t, v.Wake.IsZero(), "a floor alone erases nothing")
	assert.Equal(t, v.Standings[0].Floor.End, v.KeptUntil)
	assert.False(t, v.Kept)
}

// A lead time on B's ceiling must not reach behind A's floor.
func TestKeptUntil(t *testing.T) {
	t.Parallel()
	keep := rule(t, "P30D after collected")
	v := retention.Judge([]retention.Policy{
		{Purpose: "a", Erase: []retention.Rule{rule(t, "P30D after collected")}, Keep: &keep},
		{Purpose: "b", Erase: []retention.Rule{rule(t, "P31D after collected")}},
	}, retention.Facts{Days: map[retention.Event]civil.Date{retention.Collected: date(t, "2026-01-01")}}, nil)
	assert.Equal(t, "b", v.Decides)
	assert.False(t, v.Kept)
	assert.Equal(t, "2026-02-02 00:00", at(v.Wake, time.UTC))
	assert.Equal(t, "2026-02-01 00:00", at(v.KeptUntil, time.UTC))
}

func TestLimitOfWhatEndedWithoutRule(t *testing.T) {
	t.Parallel()
	waiting := []retention.Rule{rule(t, "P1Y after agreement-ended")}
	counting := []retention.Rule{rule(t, "P1Y after collected")}
	judge := func(day string, policies ...retention.Policy) retention.Verdict {
		return retention.Judge(policies, retention.Facts{
			Days:  map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05")},
			Ended: map[string]retention.End{"a": {Day: date(t, day), AtOnce: true}},
		}, nil)
	}
	alone := judge("2025-06-10", retention.Policy{Purpose: "a", Erase: waiting})
	assert.Equal(t, "2025-06-10 00:00", at(alone.Wake, time.UTC))
	assert.True(t, alone.Limit.IsZero(), "no rule sets one: the next run")

	before := judge("2025-06-10", retention.Policy{Purpose: "a", Erase: waiting}, retention.Policy{Purpose: "b", Erase: counting})
	assert.Equal(t, "2026-03-06 00:00", at(before.Limit, time.UTC))

	after := judge("2026-06-10", retention.Policy{Purpose: "a", Erase: waiting}, retention.Policy{Purpose: "b", Erase: counting})
	assert.Equal(t, "2026-06-10 00:00", at(after.Wake, time.UTC))
	assert.True(t, after.Limit.IsZero(), "a limit must not lie before the last reason")
}

func TestWaits(t *testing.T) {
	t.Parallel()
	keep := rule(t, "P7Y after financial-year-closed")
	p := retention.Policy{Purpose: "a", Keep: &keep, Erase: []retention.Rule{
		rule(t, "P1Y after assignment-ended with agreement"), rule(t, "P2Y after assignment-ended without agreement"),
		rule(t, "each-agreement after collected"), rule(t, "P9Y after collected"),
	}}
	f := retention.Facts{Agreement: true, Days: map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05")}}
	s := retention.Judge([]retention.Policy{p}, f, nil).Standings[0]
	assert.Equal(t, []retention.Rule{p.Erase[0], p.Erase[2], keep}, s.Waits, "the floor last, no rule of the other case")
	assert.True(t, s.FloorWaits)
	assert.Equal(t, p.Erase[3], s.Ceiling.Rule)
	assert.True(t, s.Wake.IsZero())
}

func TestNothingToJudge(t *testing.T) {
	t.Parallel()
	v := retention.Judge(nil, retention.Facts{}, nil)
	assert.True(t, v.Wake.IsZero())
	assert.Empty(t, v.Standings)
	assert.Equal(t, []string{"No purpose is given, so no end is known."}, v.Words())

	v = retention.Judge([]retention.Policy{{Purpose: "a"}}, retention.Facts{}, nil)
	assert.True(t, v.Wake.IsZero())
	assert.Equal(t, "a", v.Decides)
	assert.Equal(t, []string{"a: no rule applies.", "No end is known: a still holds it."}, v.Words())
}

// A rule that no text can hold must not pass for one that has run out.
func TestPeriodThatIsNotValidWaits(t *testing.T) {
	t.Parallel()
	bad := retention.Rule{Period: civil.Period{Days: -1}, Event: retention.Collected}
	v := retention.Judge([]retention.Policy{{Purpose: "a", Erase: []retention.Rule{bad}}},
		retention.Facts{Days: map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05")}}, nil)
	assert.True(t, v.Wake.IsZero())
	assert.Equal(t, []retention.Rule{bad}, v.Standings[0].Waits)
}

var someEvents = []retention.Event{
	retention.Collected, retention.AssignmentEnded, retention.AgreementEnded, retention.ErasureInstructed,
	retention.PurposeEnded, "financial-year-closed",
}

// days draws days, so close together that clocks often tie.
func days() *rapid.Generator[civil.Date] {
	return rapid.Custom(func(t *rapid.T) civil.Date {
		return civil.Date{Year: 2024, Month: time.January, Day: 20}.AddDays(rapid.IntRange(0, 500).Draw(t, "day"))
	})
}

func policies() *rapid.Generator[[]retention.Policy] {
	return rapid.Custom(func(t *rapid.T) []retention.Policy {
		var out []retention.Policy
		for _, purpose := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "purposes")] {
			p := retention.Policy{
				Purpose: purpose, Ref: "Policy för åäö", Anonymize: rapid.Bool().Draw(t, "anonymize"),
				Erase: rapid.SliceOfN(rules(someEvents...), 0, 3).Draw(t, "erase"),
			}
			if rapid.Bool().Draw(t, "has floor") {
				keep := rules(someEvents...).Draw(t, "keep")
				p.Keep = &keep
			}
			out = append(out, p)
		}
		return out
	})
}

func facts() *rapid.Generator[retention.Facts] {
	return rapid.Custom(func(t *rapid.T) retention.Facts {
		f := retention.Facts{
			Agreement: rapid.Bool().Draw(t, "agreement"), Assignment: rapid.Bool().Draw(t, "assignment"),
			Days:  map[retention.Event]civil.Date{retention.Collected: days().Draw(t, "collected")},
			Ended: map[string]retention.End{},
		}
		for _, e := range someEvents {
			if e != retention.PurposeEnded && rapid.Bool().Draw(t, "known") {
				f.Days[e] = days().Draw(t, string(e))
			}
		}
		for _, purpose := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, "ended") {
				f.Ended[purpose] = retention.End{Day: days().Draw(t, "end"), AtOnce: rapid.Bool().Draw(t, "at once")}
			}
		}
		if rapid.Bool().Draw(t, "own day") {
			f.InstructedBy = days().Draw(t, "by")
		}
		return f
	})
}

func zones(t testing.TB) *rapid.Generator[*time.Location] {
	return rapid.SampledFrom([]*time.Location{time.UTC, stockholm(t)})
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	zones := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		given, f, loc := policies().Draw(t, "policies"), facts().Draw(t, "facts"), zones.Draw(t, "zone")
		v := retention.Judge(given, f, loc)

		other := rapid.Permutation(given).Draw(t, "policies in another order")
		for i := range other {
			other[i].Erase = rapid.Permutation(other[i].Erase).Draw(t, "rules in another order")
		}
		again := retention.Judge(other, refilled(t, f), loc)
		if !again.Wake.Equal(v.Wake) || !again.Limit.Equal(v.Limit) || !again.KeptUntil.Equal(v.KeptUntil) ||
			again.Decides != v.Decides || again.Kept != v.Kept {
			t.Fatal("another order, another verdict")
		}
	})
}

// refilled has the same facts, written down in another order.
func refilled(t *rapid.T, f retention.Facts) retention.Facts {
	out := f
	out.Days, out.Ended = map[retention.Event]civil.Date{}, map[string]retention.End{}
	for _, e := range rapid.Permutation(someEvents).Draw(t, "order of events") {
		if day, ok := f.Days[e]; ok {
			out.Days[e] = day
		}
	}
	for _, p := range rapid.Permutation([]string{"a", "b", "c"}).Draw(t, "order of purposes") {
		if end, ok := f.Ended[p]; ok {
			out.Ended[p] = end
		}
	}
	return out
}

func TestVerdictHoldsTogether(t *testing.T) {
	t.Parallel()
	zones := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		given, f, loc := policies().Draw(t, "policies"), facts().Draw(t, "facts"), zones.Draw(t, "zone")
		v := retention.Judge(given, f, loc)
		var latest time.Time
		unknown := false
		for i, s := range v.Standings {
			unknown = unknown || s.Wake.IsZero()
			if s.Wake.After(latest) {
				latest = s.Wake
			}
			if s.Floor != nil && !s.Wake.IsZero() && s.Wake.Before(s.Floor.End) {
				t.Fatal("the eraser wakes before a floor is over")
			}
			if s.FloorWaits && !s.Wake.IsZero() {
				t.Fatal("the eraser wakes while a floor has not started")
			}
			if s.Floor != nil && !v.Wake.IsZero() && v.Wake.Before(s.Floor.End) {
				t.Fatal("another purpose cuts a floor")
			}
			if s.Ceiling != nil && s.UseEnds.After(s.Ceiling.End) {
				t.Fatal("use goes on after the ceiling")
			}
			if s.Ended != nil && s.UseEnds.After(s.Ended.Day.Start(loc)) {
				t.Fatal("use goes on after the purpose ended")
			}
			if (s.Ended != nil || s.Ceiling != nil) && s.UseEnds.IsZero() {
				t.Fatal("use has no end, though a reason ended")
			}
			if s.Ended != nil && s.Ended.AtOnce && s.Floor == nil && !s.FloorWaits && s.Wake.After(s.Ended.Day.Start(loc)) {
				t.Fatal("at once is not at once")
			}
			if s.Ceiling == nil && s.Ended == nil && !s.Wake.IsZero() {
				t.Fatal("the eraser wakes though nothing has ended or run out")
			}
			if s.Purpose != given[i].Purpose {
				t.Fatal("standings in another order")
			}
		}
		switch {
		case unknown && !v.Wake.IsZero():
			t.Fatal("a purpose without a known end, but data with one")
		case unknown && !v.Limit.IsZero():
			t.Fatal("a purpose without a known end, but data with a limit")
		case !unknown && !v.Wake.Equal(latest):
			t.Fatal("not the last reason decides")
		case !v.Wake.IsZero() && v.Wake.Before(v.KeptUntil):
			t.Fatal("kept for longer than it lives")
		case v.Kept != (!v.Wake.IsZero() && v.Wake.Equal(v.KeptUntil)):
			t.Fatal("kept by no floor")
		}
		if words := v.Words(); len(words) < len(given)+1 {
			t.Fatal("a purpose without a word")
		}
	})
}

func TestLongerRuleNeverWakesEarlier(t *testing.T) {
	t.Parallel()
	zones := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		given, f, loc := policies().Draw(t, "policies"), facts().Draw(t, "facts"), zones.Draw(t, "zone")
		before := retention.Judge(given, f, loc)

		unit := rapid.IntRange(0, 2)
		longer := func(r retention.Rule) retention.Rule {
			if !r.EachAgreement {
				r.Period.Years += unit.Draw(t, "years")
				r.Period.Months += unit.Draw(t, "months")
				r.Period.Weeks += unit.Draw(t, "weeks")
				r.Period.Days += unit.Draw(t, "days")
			}
			return r
		}
		var stretched []retention.Policy
		for _, p := range given {
			p.Erase = append([]retention.Rule(nil), p.Erase...)
			for i := range p.Erase {
				p.Erase[i] = longer(p.Erase[i])
			}
			if p.Keep != nil {
				keep := longer(*p.Keep)
				p.Keep = &keep
			}
			stretched = append(stretched, p)
		}
		after := retention.Judge(stretched, f, loc)
		if before.Wake.IsZero() != after.Wake.IsZero() {
			t.Fatal("a longer rule starts or stops a clock")
		}
		if after.Wake.Before(before.Wake) {
			t.Fatal("a longer rule wakes earlier")
		}
		// A longer floor can outlast every ceiling of other purposes; then no rule sets a limit.
		if !after.Limit.IsZero() && after.Limit.Before(before.Limit) {
			t.Fatal("a longer rule sets an earlier limit")
		}
	})
}

// A further purpose can only lengthen the life of data, one more ceiling only
// shorten it.
func TestMoreReasonsMoreRules(t *testing.T) {
	t.Parallel()
	zones := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		given, f, loc := policies().Draw(t, "policies"), facts().Draw(t, "facts"), zones.Draw(t, "zone")
		v := retention.Judge(given, f, loc)

		fewer := retention.Judge(given[:len(given)-1], f, loc)
		if len(given) > 1 && !v.Wake.IsZero() && (fewer.Wake.IsZero() || fewer.Wake.After(v.Wake)) {
			t.Fatal("a further purpose shortened the life of data")
		}

		extra := rules(retention.Collected, retention.ErasureInstructed, "financial-year-closed").Draw(t, "one more")
		given[0].Erase = append(given[0].Erase, extra)
		more := retention.Judge(given, f, loc)
		if !v.Wake.IsZero() && (more.Wake.IsZero() || more.Wake.After(v.Wake)) {
			t.Fatal("one more ceiling lengthened the life of data")
		}
	})
}

func TestUnknownPurposeUnknownWake(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		given, f := policies().Draw(t, "policies"), facts().Draw(t, "facts")
		given = append(given, retention.Policy{Purpose: "unknown to the register"})
		v := retention.Judge(given, f, nil)
		if !v.Wake.IsZero() || !v.Limit.IsZero() || v.Kept {
			t.Fatal("an end is known, though one purpose has none")
		}
	})
}
