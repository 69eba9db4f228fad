package register

import (
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/civil"
)

// DefaultBreachNotice is within how many hours a customer is told of a breach
// unless the terms say otherwise.
const DefaultBreachNotice civil.Hours = 24

// fillIn writes the defaults of the language into what was left out. They are
// part of format 1: a later library must not change them under it.
func (r *Register) fillIn() {
	if r.Owner.IsZero() {
		r.Owner = r.Author
	}
	if o := &r.Organization; o.Country == "SE" {
		setDefault(&o.Zone, "Europe/Stockholm")
		setDefault(&o.Authority, "IMY")
	}
	for id, t := range r.Terms {
		setDefault(&t.BreachNotice, DefaultBreachNotice)
		r.Terms[id] = t
	}
	if r.Reviews == nil {
		r.Reviews = map[string]Cadence{}
	}
	for _, id := range []string{ReviewRegister, ReviewAccessRights, ReviewClocksNotStarted} {
		if _, ok := r.Reviews[id]; !ok {
			r.Reviews[id] = Cadence{Every: civil.Period{Years: 1}}
		}
	}
	for id, a := range r.Activities {
		if a != nil && a.RecordsOf == "" {
			a.fillIn(id, nil)
		}
	}
	for id, a := range r.Activities {
		if a != nil && a.RecordsOf != "" {
			head, ok := r.Activity(a.RecordsOf)
			if !ok || head.RecordsOf != "" {
				head = nil
			}
			a.fillIn(id, head)
		}
	}
	for id, role := range r.Roles {
		if role.All {
			role.For = r.ActivityIDs()
			r.Roles[id] = role
		}
	}
}

// fillIn needs the first activity of the family if a has RecordsOf.
func (a *Activity) fillIn(id string, head *Activity) {
	a.ID = id
	if head != nil {
		a.takeOver(head)
	}
	if a.Processor() {
		setDefault(&a.Class, CustomerData)
	}
	if len(a.FindBy) == 0 {
		a.FindBy = nil
		for _, f := range a.Fields {
			if head != nil && slices.Contains(head.FindBy, f.Name) || head == nil && f.Category.findable() {
				a.FindBy = append(a.FindBy, f.Name)
			}
		}
	}
	for party, share := range a.Recipients {
		if share.All {
			a.Recipients[party] = Share{All: true, Fields: a.FieldNames()}
		}
	}
}

func (a *Activity) takeOver(head *Activity) {
	setDefault(&a.Role, head.Role)
	setDefault(&a.Terms, head.Terms)
	setDefault(&a.Class, head.Class)
	if len(a.Subjects) == 0 {
		a.Subjects = head.Subjects
	}
	if len(a.With) == 0 {
		a.With = head.With
	}
	if len(a.Fields) == 0 {
		a.Fields = slices.Clone(head.Fields)
	}
	for i := range a.Fields {
		setDefault(&a.Fields[i].Category, head.Category(a.Fields[i].Name))
	}
}

func (c Category) findable() bool {
	return c == CategoryEmail || c == CategoryPhone || c == CategoryNationalID
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// clone copies what fillIn writes to.
func (r *Register) clone() *Register {
	c := *r
	c.Terms = maps.Clone(r.Terms)
	c.Reviews = maps.Clone(r.Reviews)
	c.Roles = maps.Clone(r.Roles)
	c.Activities = maps.Clone(r.Activities)
	for id, a := range c.Activities {
		if a != nil {
			c.Activities[id] = a.clone()
		}
	}
	return &c
}
