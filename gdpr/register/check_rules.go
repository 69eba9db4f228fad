package register

import (
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// ceiling is the key under which an activity's ceilings stand.
func ceiling(a *Activity) string {
	if a.Anonymize {
		return "anonymize"
	}
	return "erase"
}

// rules checks each rule of an activity for itself.
func (c *checker) rules(path string, a *Activity) {
	for i, rule := range a.Erase {
		c.activityRule(element(join(path, ceiling(a)), i, len(a.Erase)), rule)
	}
	if a.Keep != nil {
		c.activityRule(path+".keep", *a.Keep)
	}
}

func (c *checker) activityRule(path string, rule retention.Rule) {
	if !c.rule(path, rule) {
		return
	}
	known := c.refer(reference{kind: "events", id: string(rule.Event), path: path + "@event",
		what: "unknown start event", why: "A clock starts at a built-in event or at one under events."})
	switch {
	case !known:
	case rule.EachAgreement:
		c.atValue(path+"@period", "each-agreement outside terms", "Only terms leave a period to the agreement.", "Write a period.")
	case rule.Event == retention.ErasureInstructed:
		c.atValue(path+"@event", "instruction on own data", "Nobody instructs a controller to erase, so the clock would never start.",
			"Use another event.")
	}
}

// rule checks what a loaded rule cannot have wrong.
func (c *checker) rule(path string, rule retention.Rule) bool {
	if c.broken(path) {
		return false
	}
	if read, err := retention.ParseRule(rule.String()); err != nil || read != rule {
		c.atValue(path, ruleForm.what, ruleForm.why, ruleForm.mend)
		return false
	}
	return true
}

// ownRules checks how the rules of a controller's activity go together.
func (c *checker) ownRules(path string, a *Activity) {
	key := ceiling(a)
	p := join(path, key)
	if len(a.Erase) == 0 && !c.broken(path+".anonymize") {
		c.lacking(path, "erase", "no clock", "Data is kept no longer than its purpose needs, Art. 5(1)(e).",
			"Add erase, or anonymize, with a rule such as P1Y after collected.")
	}
	if a.Keep != nil && a.Ref.IsZero() {
		c.missing(path, "ref", "What must be kept is kept by a law or a policy.", "Add ref: with its section.")
	}
	if c.broken(p) || c.broken(path+".erase") {
		return
	}
	c.cases(p, a.Erase)
	for i, rule := range a.Erase {
		q := element(p, i, len(a.Erase))
		if a.Keep != nil && !c.broken(path+".keep") && !c.broken(q) && !endsAfter(rule, *a.Keep) {
			c.atValue(q, "not after keep"+c.line(path+".keep", q), "The floor holds to the end of that day and leaves no time to "+key+".",
				"Give "+key+" a longer period.")
		}
	}
}

// cases checks that records with and without an agreement both have a clock.
func (c *checker) cases(path string, rules []retention.Rule) {
	covered := map[bool]bool{}
	for _, rule := range rules {
		for _, agreement := range []bool{true, false} {
			covered[agreement] = covered[agreement] || rule.Applies(agreement)
		}
	}
	lack := func(missing, other string) {
		c.atKey(path, "no clock for records "+missing+" agreement", "They would be kept for ever.",
			fmt.Sprintf("Add a rule %q, or take %q away.", missing+" agreement", other+" agreement"))
	}
	switch {
	case !covered[false]:
		lack("without", "with")
	case !covered[true]:
		lack("with", "without")
	}
}

// endsAfter reports whether a ceiling ends later than a floor, whatever day
// their event falls on. It holds for those that never meet: rules for different
// cases, and of different events, whose days have nothing to do with each other.
func endsAfter(ceiling, floor retention.Rule) bool {
	if ceiling.Event != floor.Event {
		return true
	}
	if ceiling.Case != floor.Case && ceiling.Case != retention.AnyCase && floor.Case != retention.AnyCase {
		return true
	}
	if ceiling.YearEnd == floor.YearEnd {
		return longer(ceiling.Period, floor.Period)
	}
	// Two spans that together have leap years and a century without one. Between
	// the first of a month and the 28th both ends move alike, day by day.
	for _, from := range []civil.Date{{Year: 2000, Month: time.January, Day: 1}, {Year: 2096, Month: time.January, Day: 1}} {
		for day := from; day.Year < from.Year+5; day = day.AddDays(1) {
			if (day.Day == 1 || day.Day >= 28) && !last(ceiling, day).After(last(floor, day)) {
				return false
			}
		}
	}
	return true
}

// longer reports whether a ends later than b, whatever day both begin on. Where
// one has more months and the other more days, their bounds decide.
func longer(a, b civil.Period) bool {
	months := 12*(a.Years-b.Years) + a.Months - b.Months
	days := 7*(a.Weeks-b.Weeks) + a.Days - b.Days
	switch {
	case months >= 0 && days >= 0:
		return months > 0 || days > 0
	case months <= 0 && days <= 0:
		return false
	}
	return a.MinDays() > b.MaxDays()
}

// last is the last day of a rule whose event falls on day.
func last(rule retention.Rule, day civil.Date) civil.Date {
	if rule.YearEnd {
		day = day.YearEnd()
	}
	return rule.Period.After(day)
}

// termsRules checks the rules of a set of terms.
func (c *checker) termsRules(path string, t *Terms) {
	p := path + ".erase"
	if len(t.Erase) == 0 {
		c.missing(path, "erase", "Art. 28(3)(g) wants an end.", "Add erase: with a rule for erasure-instructed and one for agreement-ended.")
	}
	count := map[retention.Event]int{}
	for i, rule := range t.Erase {
		q := element(p, i, len(t.Erase))
		if !c.rule(q, rule) {
			continue
		}
		count[rule.Event]++
		switch known := rule.Event == retention.ErasureInstructed || rule.Event == retention.AgreementEnded; {
		case !known:
			c.atValue(q+"@event", "not an event of terms", "Terms say what follows an instruction to erase and the end of the agreement.",
				"Write erasure-instructed or agreement-ended.")
		case rule.Case != retention.AnyCase:
			c.atValue(q+"@case", "case in terms", "Data of a customer always has an agreement.", "Take the words away.")
		case count[rule.Event] > 1:
			c.atValue(q, "second rule for the same event", "Terms have one for each.", "Take one of the two away.")
		}
	}
	if c.broken(p) {
		return
	}
	for _, event := range []retention.Event{retention.ErasureInstructed, retention.AgreementEnded} {
		if count[event] == 0 {
			c.atKey(p, "no rule for "+string(event), "Terms say what follows an instruction to erase and the end of the agreement.",
				"Add a rule, if need be each-agreement after "+string(event)+".")
			return
		}
	}
}
