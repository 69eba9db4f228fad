package retention

import (
	"cmp"
	"slices"
)

// Tally counts items by activity, rule and reason.
type Tally map[Line]int

// Add counts items.
func (t Tally) Add(items ...Item) {
	for _, it := range items {
		t[Line{Activity: it.Activity, Rule: it.Rule, Why: it.Why}]++
	}
}

// Lines returns the counts, in the order of activity, reason and rule.
func (t Tally) Lines() []Line {
	out := make([]Line, 0, len(t))
	for l, n := range t {
		l.Count = n
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Activity, b.Activity), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}
