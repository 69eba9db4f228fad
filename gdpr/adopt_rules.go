package gdpr

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

// rules is what a store remembers of the register in force, so that the next version can be compared with it; docs/format.md part 7.
type rules struct {
	V          int                      `json:"v"`
	Zone       string                   `json:"zone"`
	Activities map[string]activityRules `json:"activities"`
}

type activityRules struct {
	Processor bool                         `json:"processor,omitempty"`
	RecordsOf string                       `json:"records_of,omitempty"`
	Terms     string                       `json:"terms,omitempty"`
	Erase     ruleTexts                    `json:"erase"` // a processor's: those of its terms
	Keep      ruleTexts                    `json:"keep,omitempty"`
	Fields    map[string]register.Category `json:"fields"`
}

func rulesOf(reg *Register) rules {
	out := rules{V: 1, Zone: reg.Organization.Zone, Activities: map[string]activityRules{}}
	for _, id := range reg.ActivityIDs() {
		a, _ := reg.Activity(id)
		r := activityRules{Processor: a.Processor(), RecordsOf: a.RecordsOf, Terms: a.Terms, Erase: a.Erase, Fields: map[string]register.Category{}}
		if a.Processor() {
			r.Erase = reg.Terms[a.Terms].Erase
		}
		if a.Keep != nil {
			r.Keep = ruleTexts{*a.Keep}
		}
		for _, f := range a.Fields {
			r.Fields[f.Name] = f.Category
		}
		out.Activities[id] = r
	}
	return out
}

func (r rules) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("encode rules of the register: not JSON")
	}
	return b, nil
}

func decodeRules(b []byte) (rules, error) {
	var r rules
	if json.Unmarshal(b, &r) != nil || r.V != 1 {
		return rules{}, errors.New("decode rules of the register in force: not of format 1")
	}
	return r, nil
}

// ids are the activities, sorted.
func (r rules) ids() []string { return slices.Sorted(maps.Keys(r.Activities)) }

// ruleTexts are rules that are stored as the register writes them.
type ruleTexts []retention.Rule

func (r ruleTexts) MarshalJSON() ([]byte, error) {
	texts := make([]string, len(r))
	for i := range r {
		texts[i] = r[i].String()
	}
	return json.Marshal(texts)
}

func (r *ruleTexts) UnmarshalJSON(b []byte) error {
	var texts []string
	if err := json.Unmarshal(b, &texts); err != nil {
		return err
	}
	*r = make(ruleTexts, len(texts))
	for i, text := range texts {
		var err error
		if (*r)[i], err = retention.ParseRule(text); err != nil {
			return err
		}
	}
	return nil
}

// String is what an [Adoption] shows: one rule after the other, "" for none.
func (r ruleTexts) String() string {
	texts := make([]string, len(r))
	for i := range r {
		texts[i] = r[i].String()
	}
	return strings.Join(texts, "; ")
}

// outlast reports whether ceilings may let a record live longer than others do. Of ceilings the earliest that has started decides, so that each of the others
// must have one among these that never ends later.
func (r ruleTexts) outlast(others ruleTexts) bool {
	for _, agreement := range []bool{false, true} {
		for _, o := range others {
			if o.Applies(agreement) && !slices.ContainsFunc(r, func(n retention.Rule) bool { return n.Applies(agreement) && neverLater(n, o) }) {
				return true
			}
		}
	}
	return false
}

// keepLonger reports whether a floor may keep a record longer than another does.
func (r ruleTexts) keepLonger(other ruleTexts) bool {
	for _, agreement := range []bool{false, true} {
		for _, n := range r {
			if n.Applies(agreement) && !slices.ContainsFunc(other, func(o retention.Rule) bool { return o.Applies(agreement) && neverLater(n, o) }) {
				return true
			}
		}
	}
	return false
}

// neverLater reports whether the clock of n, for every record, has started when that of o has, and ends no later. A record is collected before its agreement
// or assignment ends, and an assignment ends with its agreement at the latest; of other events nothing is known, and it says no.
func neverLater(n, o retention.Rule) bool {
	switch {
	case !startsFirst(n.Event, o.Event):
		return false
	case n.EachAgreement || o.EachAgreement: // what an agreement states must keep within the terms
		return o.EachAgreement
	}
	period := n.Period
	if n.YearEnd && !o.YearEnd {
		period.Years++
	}
	return period.AtMost(o.Period)
}

// startsFirst reports whether n never happens after o.
func startsFirst(n, o retention.Event) bool {
	switch {
	case n == o:
		return true
	case o == retention.AgreementEnded:
		return n == retention.Collected || n == retention.AssignmentEnded
	case o == retention.AssignmentEnded:
		return n == retention.Collected
	}
	return false
}
