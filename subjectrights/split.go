package subjectrights

import (
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// found is what a request leads to, split by role.
type found struct {
	person gdpr.ID        // ours; zero for nobody
	own    []*gdpr.Stored // as controller, opened, about that person
	others []*gdpr.Stored // as processor, sealed
}

// find looks for everything that the identifiers lead to, and says whose it is; named is the person, if that is already known.
func (d *Desk) find(ctx context.Context, s *gdpr.Session, who gdpr.Identity, named gdpr.ID) (*found, error) {
	out := &found{person: named}
	var persons []gdpr.ID
	for r, err := range s.Find(ctx, who) {
		if err != nil {
			return nil, err
		}
		if r.Controller != d.eng.Self() {
			out.others = append(out.others, r)
			continue
		}
		out.own = append(out.own, r)
		for _, id := range r.Subjects() {
			if !slices.Contains(persons, id) {
				persons = append(persons, id)
			}
		}
	}
	switch {
	case !named.IsZero() && !slices.Contains(persons, named):
		return nil, refuse("Person", "not one of those that the identifiers lead to in our own records")
	case named.IsZero() && len(persons) > 1:
		return nil, &AmbiguousError{Persons: persons}
	case named.IsZero() && len(persons) == 1:
		out.person = persons[0]
	}
	out.own = slices.DeleteFunc(out.own, func(r *gdpr.Stored) bool { return !slices.Contains(r.Subjects(), out.person) })
	return out, nil
}

// holdings are our own records by activity, in the order of the register; an activity that it no longer knows comes last.
func (f *found) holdings(reg *gdpr.Register) []Holding {
	var out []Holding
	for _, r := range f.own {
		at := slices.IndexFunc(out, func(h Holding) bool { return h.Activity == r.Activity })
		if at < 0 {
			at = len(out)
			out = append(out, Holding{Activity: r.Activity})
		}
		out[at].Records = append(out[at].Records, r.ID)
	}
	order := reg.ActivityIDs()
	slices.SortFunc(out, func(x, y Holding) int { return place(order, x.Activity) - place(order, y.Activity) })
	return out
}

func place(order []string, id string) int {
	if at := slices.Index(order, id); at >= 0 {
		return at
	}
	return len(order)
}

// forwards are the customers' records: one item for each customer.
func (f *found) forwards(reg *gdpr.Register, by civil.Date) []Forward {
	var out []Forward
	for _, r := range f.others {
		at := slices.IndexFunc(out, func(w Forward) bool { return w.Controller == r.Controller })
		if at < 0 {
			at = len(out)
			out = append(out, Forward{Controller: r.Controller, By: by, MayName: true})
		}
		w := &out[at]
		w.Records = append(w.Records, r.ID)
		if !slices.Contains(w.Agreements, r.Agreement) {
			w.Agreements = append(w.Agreements, r.Agreement)
		}
		act, ok := reg.Activity(r.Activity)
		w.MayName = w.MayName && ok && reg.Terms[act.Terms].NameController
	}
	slices.SortFunc(out, func(x, y Forward) int { return strings.Compare(x.Controller.String(), y.Controller.String()) })
	return out
}
