package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// period is a rule of the register in words, Art. 15(1)(d).
func (b *builder) period(r retention.Rule, keep, anonymize bool) periodText {
	text, own := b.w.ruleText(r, keep, anonymize)
	return periodText{Rule: r.String(), Text: text, Event: b.event(r.Event, own)}
}

// event is the register's words for an event of its own.
func (b *builder) event(e retention.Event, own bool) phrase {
	if !own {
		return phrase{}
	}
	p := phrase{Words: string(e)}
	if t, ok := b.reg.Events[e]; ok {
		p = b.phrase(t)
	}
	if !strings.HasSuffix(p.Words, ".") {
		p.Words += "."
	}
	return p
}

// keeping says how long a record stays, for each purpose of each of the person's parts, and what stands in the way.
func (b *builder) keeping(r Record, out *record) {
	var mine []gdpr.PartExplanation
	for _, p := range r.Why.Parts {
		if p.Subject == b.in.Person {
			mine = append(mine, p)
		}
	}
	holds := civil.Date{}
	for _, p := range mine {
		var fields []string
		if len(mine) > 1 {
			fields = b.partFields(r.Stored.Activity, p.Purposes)
		}
		n := len(out.Kept)
		b.part(p, fields, out)
		if n < len(out.Kept) {
			out.Kept[n].first = true
		}
		for _, h := range p.Holds {
			if !h.Freeze && (holds.IsZero() || h.ReviewBy.After(holds)) { // what waits for this very answer is no end to tell of
				holds = h.ReviewBy
			}
		}
	}
	if !holds.IsZero() {
		out.Kept = append(out.Kept, kept{Text: fmt.Sprintf(b.w.kept.hold, b.w.day(holds))})
	}
	if r.Stored.Restricted {
		out.Kept = append(out.Kept, kept{Text: b.w.kept.restricted})
	}
	if last := endOf(r, b.in.Person).day; last.Valid() && last != never {
		out.Until = last.String()
	}
}

// part adds what one part's clocks say.
func (b *builder) part(p gdpr.PartExplanation, fields []string, out *record) {
	k, v := b.w.kept, p.Verdict
	several := len(v.Standings) > 1
	for _, st := range v.Standings {
		n := len(out.Kept)
		b.standing(st, several, out)
		for i := n; i < len(out.Kept); i++ {
			out.Kept[i].Purpose, out.Kept[i].Fields = st.Purpose, fields
			if several {
				out.Kept[i].title = b.title(st.Purpose)
			}
		}
	}
	switch {
	case v.Wake.IsZero() || !several:
	case p.Until.IsZero():
		out.Kept = append(out.Kept, kept{Fields: fields, Text: k.sumSoon})
	default:
		sum := k.sumErase
		if slices.ContainsFunc(v.Standings, func(st retention.Standing) bool { return st.Purpose == v.Decides && st.Anonymize }) {
			sum = k.sumAnonymize
		}
		out.Kept = append(out.Kept, kept{Fields: fields, Until: p.Until.String(), Text: fmt.Sprintf(sum, b.w.day(p.Until))})
	}
}

// standing adds what the clocks of one purpose say. shared: other purposes use the same data, so that an end is one of use only.
func (b *builder) standing(st retention.Standing, shared bool, out *record) {
	k := b.w.kept
	add := func(x kept) { out.Kept = append(out.Kept, x) }
	if st.Ended != nil {
		add(kept{Text: fmt.Sprintf(k.ended, b.w.day(st.Ended.Day))})
	}
	switch {
	case st.FloorWaits:
		floor := st.Waits[len(st.Waits)-1]
		text, own := b.w.ruleText(floor, true, false)
		add(kept{Text: k.keepWaits + " " + text, Event: b.event(floor.Event, own)})
	case st.Floor != nil:
		add(kept{Text: fmt.Sprintf(k.keep, b.w.day(st.Floor.Last))})
	}
	switch {
	case st.Ceiling != nil:
		until := k.erase
		switch {
		case shared:
			until = k.use
		case st.Anonymize:
			until = k.anonymize
		}
		since, own := b.w.since(st.Ceiling)
		text := fmt.Sprintf(until, b.w.day(st.Ceiling.Last))
		if since != "" {
			text += " " + since
		}
		add(kept{Until: st.Ceiling.Last.String(), Text: text, Event: b.event(st.Ceiling.Rule.Event, own)})
	case st.Ended != nil && st.Wake.IsZero():
	case st.Ended != nil && !shared && !st.FloorWaits && st.Floor == nil:
		add(kept{Text: k.soon})
	case st.Ended != nil:
	default:
		b.waiting(st, add)
	}
}

// waiting says what a purpose without an end waits for.
func (b *builder) waiting(st retention.Standing, add func(kept)) {
	rules := st.Waits
	if st.FloorWaits {
		rules = rules[:len(rules)-1]
	}
	if len(rules) == 0 && !st.FloorWaits {
		add(kept{Text: b.w.kept.noRule})
	}
	for _, r := range rules {
		text, own := b.w.ruleText(retention.Rule{Period: r.Period, YearEnd: r.YearEnd, Event: r.Event}, false, st.Anonymize)
		add(kept{Text: b.w.kept.noEnd + " " + text, Event: b.event(r.Event, own)})
	}
}

// partFields are the fields of an activity's records that serve exactly these purposes.
func (b *builder) partFields(head string, purposes []string) []string {
	act, ok := b.reg.Activity(head)
	if !ok {
		return nil
	}
	out := []string{}
	for _, f := range act.FieldNames() {
		var users []string
		for _, id := range b.reg.Family(head) {
			if p, _ := b.reg.Activity(id); slices.Contains(p.FieldNames(), f) {
				users = append(users, id)
			}
		}
		slices.Sort(users)
		if slices.Equal(users, slices.Sorted(slices.Values(purposes))) {
			out = append(out, f)
		}
	}
	return out
}
