package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// holding is a record and why it is there.
type holding struct {
	*gdpr.Stored
	why *gdpr.Explanation
}

// holdingsOf is everything held about a person: first as controller, then as processor, the oldest first.
func (h *house) holdingsOf(ctx context.Context, actor gdpr.Actor, who gdpr.Identity) ([]holding, error) {
	desk := h.As(actor, gdpr.SubjectRights)
	var all []holding
	for r, err := range desk.Find(ctx, who) {
		if err != nil {
			return nil, err
		}
		why, err := desk.Explain(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, holding{r, why})
	}
	slices.SortStableFunc(all, func(x, y holding) int {
		return cmp.Or(cmp.Compare(x.Role, y.Role), x.Collected.Compare(y.Collected))
	})
	return all, nil
}

// under counts a session's records that an agreement dates, those of its assignment included.
func under(ctx context.Context, s *gdpr.Session, a agreement) (n int, err error) {
	for _, owner := range []gdpr.ID{a.id, a.assignment} {
		if owner.IsZero() {
			continue
		}
		for _, err := range s.Records(ctx, gdpr.Query{Agreement: owner}) {
			if err != nil {
				return 0, err
			}
			n++
		}
	}
	return n, nil
}

// until is the last day on which a record may be kept.
func until(x *gdpr.Explanation) string {
	if x.Parts[0].Until.IsZero() {
		return "not known"
	}
	return x.Parts[0].Until.String()
}

// because is the rule that dates a record, or what its clocks wait for.
func because(x *gdpr.Explanation) string {
	standing := x.Parts[0].Verdict.Standings[0]
	if standing.Ceiling != nil {
		return standing.Ceiling.Rule.String()
	}
	var events []string
	for _, rule := range standing.Waits {
		events = append(events, string(rule.Event))
	}
	return "waits for " + strings.Join(events, " or ")
}

// pile is the records of an activity that stay for the same reason, with the first and the last of their last days.
type pile struct {
	activity, reason string
	count            int
	first, last      civil.Date
}

// piles sorts what the sessions may use by why it stays.
func piles(ctx context.Context, sessions ...*gdpr.Session) ([]*pile, error) {
	var all []*pile
	for _, s := range sessions {
		groups, err := groupsOf(ctx, s)
		if err != nil {
			return nil, err
		}
		from := len(all)
		for _, g := range groups {
			for i, r := range []*gdpr.Stored{g.oldest, g.newest} {
				why, err := s.Explain(ctx, r.ID)
				if err != nil {
					return nil, err
				}
				if p := pileOf(&all, why); i == 0 {
					p.count += g.count
				}
			}
		}
		slices.SortFunc(all[from:], func(x, y *pile) int { return cmp.Compare(x.reason, y.reason) })
	}
	return all, nil
}

// pileOf is the pile that a record belongs to.
func pileOf(all *[]*pile, why *gdpr.Explanation) *pile {
	day, reason := why.Parts[0].Until, because(why)
	at := slices.IndexFunc(*all, func(p *pile) bool { return p.activity == why.Activity && p.reason == reason })
	if at < 0 {
		at = len(*all)
		*all = append(*all, &pile{activity: why.Activity, reason: reason, first: day, last: day})
	}
	p := (*all)[at]
	if day.Before(p.first) {
		p.first = day
	}
	if day.After(p.last) {
		p.last = day
	}
	return p
}

// group is the records under the same agreement or assignment, or under none: the same clock, at most on other days.
type group struct {
	count          int
	oldest, newest *gdpr.Stored
}

// groupsOf are those of a session.
func groupsOf(ctx context.Context, s *gdpr.Session) (map[[2]gdpr.ID]*group, error) {
	groups := map[[2]gdpr.ID]*group{}
	for r, err := range s.Records(ctx, gdpr.Query{}) {
		if err != nil {
			return nil, err
		}
		key := [2]gdpr.ID{r.Agreement, r.Assignment}
		g := groups[key]
		if g == nil {
			g = &group{oldest: r, newest: r}
			groups[key] = g
		}
		g.count++
		if r.Collected.Before(g.oldest.Collected) {
			g.oldest = r
		}
		if r.Collected.After(g.newest.Collected) {
			g.newest = r
		}
	}
	return groups, nil
}
