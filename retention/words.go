package retention

import "fmt"

// Words explains the verdict in plain English sentences, for Explain and for
// reports: of each purpose its rules, what started their clocks, their last
// days, the law or policy they come from, and what still waits; then which
// purpose decides. They hold ids of the register, days and what the register
// says under ref, and nothing else.
func (v Verdict) Words() []string {
	var out []string
	for _, s := range v.Standings {
		for _, sentence := range s.words() {
			out = append(out, s.Purpose+": "+sentence)
		}
	}
	return append(out, v.sum())
}

// sum says what the purposes come to.
func (v Verdict) sum() string {
	switch {
	case len(v.Standings) == 0:
		return "No purpose is given, so no end is known."
	case v.Wake.IsZero():
		return fmt.Sprintf("No end is known: %s still holds it.", v.Decides)
	case v.Kept:
		return fmt.Sprintf("The last reason is to keep it for %s.", v.Decides)
	}
	return fmt.Sprintf("The last reason to have it is %s.", v.Decides)
}

func (s Standing) words() []string {
	var out []string
	if s.Ended != nil {
		out = append(out, s.ended())
	}
	if s.Ceiling != nil {
		out = append(out, fmt.Sprintf("%s %s%s.", s.action(), s.Ceiling.words(), s.by()))
	}
	if s.Floor != nil {
		out = append(out, fmt.Sprintf("keep %s%s. Nothing erases it before that day is over.", s.Floor.words(), s.by()))
	}
	for i, r := range s.Waits {
		action := s.action()
		if s.FloorWaits && i == len(s.Waits)-1 {
			action = "keep"
		}
		out = append(out, fmt.Sprintf("%s %s%s; clock not started: %s.", action, r, s.by(), r.waitsFor()))
	}
	if s.FloorWaits {
		out = append(out, "kept until that clock has started and run out.")
	}
	if len(out) == 0 {
		out = append(out, "no rule applies.")
	}
	return out
}

func (s Standing) ended() string {
	if s.Ended.AtOnce {
		return fmt.Sprintf("the purpose ended on %s, at once by law; it is not used since.", s.Ended.Day)
	}
	return fmt.Sprintf("the purpose ended on %s; it is not used since.", s.Ended.Day)
}

func (s Standing) action() string {
	if s.Anonymize {
		return "anonymize"
	}
	return "erase"
}

func (s Standing) by() string {
	if s.Ref == "" {
		return ""
	}
	return " (" + s.Ref + ")"
}

// words is the rule, what started it, and its last day.
func (d Deadline) words() string {
	start := fmt.Sprintf("%s on %s", d.Rule.Event, d.Day)
	if d.Rule.YearEnd {
		start += fmt.Sprintf(", hence from %s", d.Start)
	}
	last := "last day"
	switch {
	case d.Last != d.Rule.Period.After(d.Start):
		last = "in the next run, the controller's own last day"
	case d.Rule.Event == ErasureInstructed:
		last = "in the next run, last day"
	}
	return fmt.Sprintf("%s: %s, %s %s", d.Rule, start, last, d.Last)
}

func (r Rule) waitsFor() string {
	if r.EachAgreement {
		return "the agreement states no period"
	}
	return string(r.Event)
}
