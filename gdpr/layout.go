package gdpr

import (
	"slices"
	"sort"
	"strings"

	"github.com/gallra/gallra/gdpr/register"
)

// layout is how the fields of one family fall into parts: fields with the same set of purposes die together.
type layout struct {
	head     *register.Activity
	purposes []string          // the family, the first activity first
	group    map[string]string // field -> its purposes, joined: the group it belongs to
	category map[string]string // field -> Fideslang category
	findBy   map[string]bool
	byKind   map[string]string // identifier kind -> the first field of that category
}

func layouts(reg *register.Register) map[string]*layout {
	out := map[string]*layout{}
	for _, id := range reg.ActivityIDs() {
		if reg.Head(id) == id {
			out[id] = newLayout(reg, id)
		}
	}
	return out
}

func newLayout(reg *register.Register, head string) *layout {
	a, _ := reg.Activity(head)
	l := &layout{head: a, purposes: reg.Family(head), group: map[string]string{}, category: map[string]string{},
		findBy: map[string]bool{}, byKind: map[string]string{}}
	for _, field := range a.FieldNames() {
		var users []string
		for _, p := range l.purposes {
			act, _ := reg.Activity(p)
			if slices.Contains(act.FieldNames(), field) {
				users = append(users, p)
			}
			if slices.Contains(act.FindBy, field) {
				l.findBy[field] = true
			}
		}
		sort.Strings(users)
		category := string(a.Category(field))
		l.group[field] = strings.Join(users, ",")
		l.category[field] = category
		if _, seen := l.byKind[category]; !seen {
			l.byKind[category] = field
		}
	}
	return l
}

// split sorts a person's fields into parts, in a stable order.
func (l *layout) split(f Fields) []partFields {
	byGroup := map[string]Fields{}
	for name, v := range f {
		g := l.group[name]
		if byGroup[g] == nil {
			byGroup[g] = Fields{}
		}
		byGroup[g][name] = v
	}
	groups := make([]string, 0, len(byGroup))
	for g := range byGroup {
		groups = append(groups, g)
	}
	sort.Strings(groups)
	out := make([]partFields, 0, len(groups))
	for _, g := range groups {
		out = append(out, partFields{purposes: strings.Split(g, ","), fields: byGroup[g]})
	}
	return out
}

type partFields struct {
	purposes []string
	fields   Fields
}

// categories are the data categories that the given purposes may use.
func (l *layout) categories(purposes []string) map[string]bool {
	out := map[string]bool{}
	for field, g := range l.group {
		for _, p := range strings.Split(g, ",") {
			if slices.Contains(purposes, p) {
				out[l.category[field]] = true
			}
		}
	}
	return out
}

// undeclared refuses a field that the activity does not have. It names those that it has, never the one that was given.
func (l *layout) undeclared(prefix string) error {
	if l == nil {
		return refuse(prefix+"Fields", "are of an activity that is not in the register any more")
	}
	return refuse(prefix+"Fields", "has a field that activity %s does not declare (Art. 5(1)(c)); it declares %s",
		l.head.ID, strings.Join(l.head.FieldNames(), ", "))
}
