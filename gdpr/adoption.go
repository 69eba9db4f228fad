package gdpr

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Adoption is what a new version of the register changes for what is stored (REQUIREMENTS 4.18, 4.19). It names activities, fields and rules and counts parts;
// there is no personal data in it.
type Adoption struct {
	// From is the version in force, To the new one.
	From, To int
	// Longer is what may live longer: a ceiling with a longer period or another, later start; a floor that is new or longer; an activity that the
	// register does not have any more, so that no rule ends its data. Adopting it takes an [Approval].
	Longer []RuleChange
	// Shorter is what may end earlier. A rule with another start can be both.
	Shorter []RuleChange
	// Began and Ended are the activities that came, and those that are not in the register any more.
	Began, Ended []string
	// Fields are those that an activity does not have any more. What is stored of them stays until its part goes.
	Fields []FieldChange
	// Obstacles say why the version cannot be adopted at all: an agreement that does not keep within its terms, or an activity that would hold its records
	// in another role or family.
	Obstacles []string
	// Lines count the parts, by activity. Only [Engine.PlanAdoption] counts, and only where there are no obstacles.
	Lines []AdoptionLine
}

// RuleChange is a rule of an activity that is another now.
type RuleChange struct {
	Activity string // "" for the zone
	Key      string // of the register: erase, keep, terms or zone
	Old, New string // as the register writes it; "" for none
}

// String returns "ACTIVITY: KEY: OLD -> NEW".
func (c RuleChange) String() string {
	out := c.Key + ": " + orNone(c.Old) + " -> " + orNone(c.New)
	if c.Activity == "" {
		return out
	}
	return c.Activity + ": " + out
}

func orNone(rule string) string {
	if rule == "" {
		return "none"
	}
	return rule
}

// FieldChange is a field that an activity does not have any more.
type FieldChange struct {
	Activity, Field string
	Now             string // a new field of the same category: its new name; "" for none
}

// String returns "ACTIVITY: FIELD removed", or which name it has now.
func (c FieldChange) String() string {
	if c.Now == "" {
		return c.Activity + ": " + c.Field + " removed"
	}
	return c.Activity + ": " + c.Field + " -> " + c.Now
}

// AdoptionLine counts the parts of one activity and its further purposes.
type AdoptionLine struct {
	Activity string
	Parts    int
	Due      int // that the next sweep may erase, and by the version in force would not; part of Earlier
	Earlier  int // that end earlier
	Later    int // that end later, or have no known end any more
}

// String is the adoption in words, a line for each change.
func (a *Adoption) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "register version %d -> %d\n", a.From, a.To)
	for _, o := range a.Obstacles {
		fmt.Fprintf(&b, "  cannot be adopted: %s\n", o)
	}
	for _, c := range a.Longer {
		fmt.Fprintf(&b, "  lives longer: %s\n", c)
	}
	for _, c := range a.Shorter {
		fmt.Fprintf(&b, "  ends earlier: %s\n", c)
	}
	for _, id := range a.Began {
		fmt.Fprintf(&b, "  activity began: %s\n", id)
	}
	for _, id := range a.Ended {
		fmt.Fprintf(&b, "  activity ended: %s\n", id)
	}
	for _, c := range a.Fields {
		fmt.Fprintf(&b, "  field: %s\n", c)
	}
	for _, l := range a.Lines {
		fmt.Fprintf(&b, "  parts of %s: %d; due at once %d, earlier %d, later %d\n", l.Activity, l.Parts, l.Due, l.Earlier, l.Later)
	}
	return b.String()
}

// dates reports whether anything may be dated otherwise by the new version. An activity that began may be one that had ended, and find its data.
func (a *Adoption) dates() bool {
	return len(a.Longer)+len(a.Shorter)+len(a.Began)+len(a.Ended) > 0
}

// compare says what the rules of a new version change.
func compare(old, next rules) *Adoption {
	a := &Adoption{}
	if old.Zone != "" && old.Zone != next.Zone { // days end at another instant
		a.Longer = append(a.Longer, RuleChange{Key: "zone", Old: old.Zone, New: next.Zone})
		a.Shorter = slices.Clone(a.Longer)
	}
	for _, id := range old.ids() {
		was := old.Activities[id]
		now, there := next.Activities[id]
		switch {
		case !there:
			a.Ended = append(a.Ended, id)
			a.Longer = append(a.Longer, was.change(id, activityRules{}))
			continue
		case was.Processor != now.Processor:
			a.Obstacles = append(a.Obstacles, id+": role: its records keep the role that they were collected in; give the new activity another name")
			continue
		case was.RecordsOf != now.RecordsOf:
			a.Obstacles = append(a.Obstacles, id+": records-of: its records keep their family; give the new activity another name")
			continue
		}
		erase, keep := was.change(id, now), RuleChange{id, "keep", was.Keep.String(), now.Keep.String()}
		if now.Erase.outlast(was.Erase) {
			a.Longer = append(a.Longer, erase)
		}
		if now.Keep.keepLonger(was.Keep) {
			a.Longer = append(a.Longer, keep)
		}
		if was.Erase.outlast(now.Erase) {
			a.Shorter = append(a.Shorter, erase)
		}
		if was.Keep.keepLonger(now.Keep) {
			a.Shorter = append(a.Shorter, keep)
		}
		a.Fields = append(a.Fields, was.fieldsGone(id, now)...)
	}
	for _, id := range next.ids() {
		if _, there := old.Activities[id]; !there {
			a.Began = append(a.Began, id)
		}
	}
	return a
}

func (r activityRules) change(id string, now activityRules) RuleChange {
	c := RuleChange{id, "erase", r.Erase.String(), now.Erase.String()}
	if r.Processor {
		c.Key = "terms"
	}
	return c
}

// fieldsGone are the fields that are not there any more. A new one of the same category is taken for the same field under another name.
func (r activityRules) fieldsGone(id string, now activityRules) (out []FieldChange) {
	taken := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if _, there := now.Fields[name]; there {
			continue
		}
		c := FieldChange{Activity: id, Field: name}
		for _, other := range slices.Sorted(maps.Keys(now.Fields)) {
			if _, old := r.Fields[other]; !old && !taken[other] && now.Fields[other] == r.Fields[name] {
				c.Now, taken[other] = other, true
				break
			}
		}
		out = append(out, c)
	}
	return out
}

// PlanAdoption shows what it would mean to adopt a new version of the register: what it changes, and how many parts would become due at once, end earlier or
// end later, holds left aside. It reads every part and changes nothing.
func (e *Engine) PlanAdoption(ctx context.Context, next *Register) (*Adoption, error) {
	out, err := e.planAdoption(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("plan adoption: %w", translate(err))
	}
	return out, nil
}

func (e *Engine) planAdoption(ctx context.Context, next *Register) (*Adoption, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	if err := checkRegister(next); err != nil {
		return nil, err
	}
	if err := next.Follows(e.reg.Stamp()); err != nil {
		return nil, err
	}
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.inForce(meta); err != nil {
		return nil, err
	}
	zone, err := civil.LoadZone(next.Organization.Zone)
	if err != nil {
		return nil, err
	}
	then := &Engine{store: e.store, reg: next, layouts: layouts(next), zone: zone, now: e.now, opt: e.opt} // to judge by
	out := compare(rulesOf(e.reg), rulesOf(next))
	out.From, out.To = e.reg.Version, next.Version
	unfit, err := then.unfit(ctx)
	if err != nil {
		return nil, err
	}
	if out.Obstacles = append(out.Obstacles, unfit...); len(out.Obstacles) > 0 {
		return out, nil
	}
	out.Lines, err = e.linesOf(ctx, then)
	return out, err
}

// linesOf judges every part by the version in force and by the new one.
func (e *Engine) linesOf(ctx context.Context, then *Engine) ([]AdoptionLine, error) {
	now := e.instant()
	before := now.Add(e.lead())
	lines := map[string]*AdoptionLine{}
	var by, byNext verdicts
	gone, err := e.leaving(ctx)
	if err != nil {
		return nil, err
	}
	q := storage.PartQuery{Light: true, Limit: 1000}
	for {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range parts {
			p := &parts[i]
			if gone[p.Controller] {
				continue
			}
			old, err := by.of(ctx, e, p)
			if err != nil {
				return nil, err
			}
			next, err := byNext.of(ctx, then, p)
			if err != nil {
				return nil, err
			}
			line := lines[p.Family]
			if line == nil {
				line = &AdoptionLine{Activity: p.Family}
				lines[p.Family] = line
			}
			line.Parts++
			switch was, is := old.verdict.Wake, next.verdict.Wake; {
			case was.Equal(is):
			case was.IsZero() || !is.IsZero() && is.Before(was):
				line.Earlier++
				if goes(&next.verdict, now, before) && !goes(&old.verdict, now, before) {
					line.Due++
				}
			default:
				line.Later++
			}
		}
		if len(parts) < q.Limit {
			break
		}
		q.After = parts[len(parts)-1].PartRef
	}
	out := make([]AdoptionLine, 0, len(lines))
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		out = append(out, *lines[id])
	}
	return out, nil
}
