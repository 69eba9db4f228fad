package register

import (
	"fmt"
	"slices"
)

func (c *checker) activities() {
	ids := c.register.ActivityIDs()
	if len(c.register.Activities) == 0 {
		c.lacking("", "activities", "no activity declared", "A register is a record of processing activities, Art. 30.",
			"Add activities: with at least one.")
		c.lose("activities")
	}
	for _, id := range sortedKeys(c.register.Activities) {
		if c.register.Activities[id] == nil {
			c.atKey(join("activities", id), emptyForm.what, emptyForm.why, emptyForm.mend)
			c.lose("activities")
		}
	}
	for _, id := range ids {
		c.activity(join("activities", id), c.register.Activities[id])
	}
}

func (c *checker) activity(path string, a *Activity) {
	if c.spoiled[path] {
		return // not even an object
	}
	head, role := c.role(path, a)
	c.with(path, a, role)
	if a.Terms != "" {
		c.refer(reference{kind: "terms", id: a.Terms, path: path + ".terms",
			what: "unknown terms", why: "An agreement names terms that stand under terms."})
	}
	if a.RecordsOf == "" {
		c.subjectsOf(path, a)
	}
	c.fields(path, a, head)
	c.findBy(path, a)
	c.labels(path, a, head)
	c.need(path, "purpose", a.Purpose, "Data is collected for a purpose that is said, Art. 5(1)(b).", "Add purpose: with a line.")
	c.recipients(path, a, role)
	c.rules(path, a)
	c.text(path+".ref", a.Ref)
	if a.Accuracy != nil {
		c.cadence(path+".accuracy", a.Accuracy)
	}
	c.text(path+".automated-decisions", a.AutomatedDecisions)
	if a.RecordsOf == "" && !a.Compatible.IsZero() {
		c.atKey(path+".compatible", "not allowed without records-of", "It compares a further purpose with the first one, Art. 6(4).", "Delete the line.")
	}
	c.text(path+".compatible", a.Compatible)
	switch {
	case role.ForOther():
		c.processor(path, a, role)
	case role != "":
		c.controller(path, a, role)
	}
}

// role returns the first activity of the family, if a is another one of it, and
// the role, if it is known.
func (c *checker) role(path string, a *Activity) (*Activity, Role) {
	if a.RecordsOf != "" {
		return c.recordsOf(path, a)
	}
	p := path + ".role"
	switch {
	case c.broken(path + ".records-of"):
		return nil, ""
	case a.Role == "":
		c.missing(path, "role", "Whose data it is decides on all the rest; there is no default.", "Add role: "+enumerate(activityRoles, "or")+".")
		return nil, ""
	case !oneOf(c, p, "unknown role", "An activity has one of four roles.", "", a.Role, activityRoles):
		return nil, ""
	}
	return nil, a.Role
}

// recordsOf checks a further purpose of the records of another activity.
func (c *checker) recordsOf(path string, a *Activity) (*Activity, Role) {
	p := path + ".records-of"
	known := c.refer(reference{kind: "activities", id: a.RecordsOf, path: p,
		what: "no such activity", why: "A further purpose belongs to the records of another activity."})
	if !known {
		return nil, ""
	}
	head := c.register.Activities[a.RecordsOf]
	if head.RecordsOf != "" {
		c.atValue(p, "chain or circle", "The records are those of one first activity, which has no records-of of its own.", "Name that one.")
		return nil, ""
	}
	for _, k := range []struct {
		name  string
		other bool // than what was taken over
	}{
		{"role", a.Role != head.Role},
		{"terms", a.Terms != head.Terms},
		{"class", a.Class != head.Class},
		{"subjects", !slices.Equal(a.Subjects, head.Subjects)},
	} {
		if q := join(path, k.name); (k.other || c.given(q)) && !c.broken(q) {
			c.atKey(q, "not allowed with records-of", "It is the first activity's, so that a customer's data never serves a purpose of our own, Art. 28(10).",
				"Delete the line.")
		}
	}
	if !slices.Contains(activityRoles, head.Role) {
		return head, ""
	}
	return head, head.Role
}

func (c *checker) with(path string, a *Activity, role Role) {
	p := path + ".with"
	switch {
	case role == JointController && len(a.With) == 0:
		c.missing(path, "with", "Art. 26 wants an arrangement with the other controllers.", "Add with: and a list of parties.")
	case role != "" && role != JointController && len(a.With) > 0 && !c.broken(p):
		c.atKey(p, "not allowed with role "+string(role), "Only joint controllers decide together, Art. 26.", "Delete the line.")
		return
	}
	for i, id := range a.With {
		q := numbered(p, i)
		if c.declaredParty(id, q, false) && c.register.Parties[id].Role != JointController && !c.broken(join("parties", id)+".role") {
			c.atValue(q, "party is no joint-controller"+c.line(join("parties", id), q), "Who decides together with us has that role, Art. 26.",
				"Change the party's role, or take it away here.")
		}
	}
	unique(c, p, a.With)
}

// declaredParty checks that a party is declared.
func (c *checker) declaredParty(id, path string, key bool) bool {
	return c.refer(reference{kind: "parties", id: id, path: path, key: key,
		what: "undeclared party", why: "Whoever is named stands under parties."})
}

func (c *checker) subjectsOf(path string, a *Activity) {
	p := path + ".subjects"
	if len(a.Subjects) == 0 {
		c.missing(path, "subjects", "Art. 30(1)(c) wants the categories of data subjects.", "Add subjects: with a list.")
	}
	for i, category := range a.Subjects {
		c.subject(numbered(p, i), category)
	}
	unique(c, p, a.Subjects)
}

func (c *checker) subject(path, category string) {
	if elsewhere, ok := c.elsewhere(path, category); ok && !c.broken(path) {
		c.atValue(path, "category kept elsewhere"+c.line(elsewhere, path), "This policy set refuses it.",
			"Take it away here, or take it out of elsewhere.")
		return
	}
	if !c.refer(reference{kind: "subjects", id: category, path: path,
		what: "undeclared category", why: "A category is one of Fideslang's own or stands under subjects."}) {
		return
	}
	first, ok := c.taken[category]
	if !ok {
		c.taken[category] = path
		return
	}
	if c.source != nil && c.source.key(first).file != c.source.key(path).file {
		c.atValue(path, "category of another file"+c.line(first, path), "A category stands in one policy set.",
			"Take it away here or there.")
	}
}

// elsewhere finds what the same file says of a category under elsewhere.
func (c *checker) elsewhere(path, category string) (string, bool) {
	if c.source == nil {
		_, ok := c.register.Elsewhere[category]
		return join("elsewhere", category), ok
	}
	p := join(inFile("elsewhere", c.source.key(path).file), category)
	return p, c.given(p)
}

func (c *checker) fields(path string, a, head *Activity) {
	p := path + ".fields"
	if len(a.Fields) == 0 && a.RecordsOf == "" {
		c.missing(path, "fields", "What is not declared cannot be recorded.", "Add fields: with name: category, one a line.")
	}
	if a.RecordsOf == "" {
		for _, f := range a.Fields {
			c.category(join(p, f.Name), f)
		}
	} else if head != nil {
		c.fieldNames(join("activities", head.ID), p, head, a.FieldNames())
		for i, f := range a.Fields {
			if q := numbered(p, i); f.Category != head.Category(f.Name) && !c.broken(q) {
				c.atValue(q, "categories with records-of", "They are the first activity's.", "Leave the category out.")
			}
		}
	}
	if a.RecordsOf == "" && c.source == nil {
		unique(c, p, a.FieldNames())
	}
}

func (c *checker) category(path string, f Field) {
	if f.Category.Valid() || c.broken(path) {
		return
	}
	if now, ok := renamed[f.Category]; ok {
		c.atValue(path, "renamed data category", "Fideslang 3.2 has it under a new key.", fmt.Sprintf("Write %s.", now))
		return
	}
	mend := fmt.Sprintf("Write a Fideslang key, for instance %s.", exampleCategory(f.Name))
	if meant, ok := nearest(string(f.Category), sortedKeys(categories)); ok {
		mend = fmt.Sprintf("Did you mean %q?", string(meant))
	}
	c.atValue(path, "not a data category", "The register holds kinds of data, never data about a person.", mend)
}

func (c *checker) findBy(path string, a *Activity) {
	c.fieldNames(path, join(path, "find-by"), a, a.FindBy)
}

// fieldNames checks a list of names of the fields of the activity at path.
func (c *checker) fieldNames(path, p string, of *Activity, names []string) {
	unique(c, p, names)
	if c.lost(path+".fields") || len(of.Fields) == 0 {
		return
	}
	fields := of.FieldNames()
	declared := make(map[string]bool, len(fields))
	for _, name := range fields {
		declared[name] = true
	}
	for i, name := range names {
		if q := numbered(p, i); !declared[name] && !c.broken(q) {
			mend := "Write a name from fields."
			if meant, ok := nearest(name, fields); ok {
				mend = fmt.Sprintf("Did you mean %q?", meant)
			}
			c.atValue(q, "no such field", "What is not under fields is not recorded.", mend)
		}
	}
}

func (c *checker) labels(path string, a, head *Activity) {
	for _, name := range sortedKeys(a.Labels) {
		p := join(path+".labels", name)
		taken := a.FieldNames()
		if head != nil {
			taken = head.FieldNames()
		}
		if slices.Contains(taken, name) {
			c.atKey(p, "a field's name", "A label is stored in clear and must not be taken for a field.", "Use another word.")
			continue
		}
		if values := a.Labels[name]; (len(values) == 0 || slices.ContainsFunc(values, blank)) && !c.broken(p) {
			c.atKey(p, "label without values", "A label has one of a list of values.", "Write the values in brackets.")
		}
		unique(c, p, a.Labels[name])
	}
}

func (c *checker) recipients(path string, a *Activity, role Role) {
	for _, id := range sortedKeys(a.Recipients) {
		p, share := join(path+".recipients", id), a.Recipients[id]
		if !c.declaredParty(id, p, true) {
			continue
		}
		if c.register.Parties[id].Role == SubProcessor && role != "" && !role.ForOther() {
			c.atKey(p, "sub-processor on a controller's activity"+c.line(join("parties", id), p),
				"A sub-processor works for a processor; who works for a controller is a processor, Art. 28.", "Declare a party with role processor.")
			continue
		}
		if len(share.Fields) == 0 && !share.All && !c.broken(p) {
			c.atValue(p, "neither all nor a list", "A recipient is given named fields or all of them.", "Write all, or the list in brackets.")
		}
		if !share.All {
			c.fieldNames(path, p, a, share.Fields)
		}
	}
}

// processor checks what holds for data of others only.
func (c *checker) processor(path string, a *Activity, role Role) {
	if a.Terms == "" {
		c.missing(path, "terms", "A processor acts on terms, Art. 28(3).", "Add terms: with an id from terms.")
	}
	if a.RecordsOf != "" && len(a.Basis)+len(a.Erase) > 0 {
		c.atValue(path+".records-of", "records of a customer", "A customer's data never serves a purpose of our own, Art. 28(10).",
			"Collect the data as controller, in an activity without records-of.")
		return
	}
	refuse := func(key string, present bool, why string) {
		if p := join(path, key); present && !c.broken(p) {
			c.atKey(p, "not allowed with role "+string(role), why, "Delete the line.")
		}
	}
	refuse("class", a.Class != CustomerData || a.RecordsOf == "" && c.given(path+".class"),
		"A customer's data is class customer-data and nothing lowers it.")
	refuse("basis", len(a.Basis) > 0, "The legal basis is the customer's own.")
	refuse("interest", !a.Interest.IsZero(), "The legal basis is the customer's own.")
	refuse(ceiling(a), len(a.Erase) > 0, "The terms say when it ends.")
	refuse("keep", a.Keep != nil, "The terms say when it ends.")
	refuse("direct-marketing", a.DirectMarketing != nil, "Whether the customer may market is for the customer to see to.")
}

// controller checks what holds for the organization's own data only.
func (c *checker) controller(path string, a *Activity, role Role) {
	if a.RecordsOf == "" {
		if p := path + ".terms"; a.Terms != "" && !c.broken(p) {
			c.atKey(p, "not allowed with role "+string(role), "Terms are for data of customers.", "Delete the line.")
		}
		if a.Class == "" {
			c.missing(path, "class", "It says how well the data is to be protected.", "Add class: "+enumerate(ownClasses, "or")+".")
		} else {
			oneOf(c, path+".class", "unknown class", "Own data has one of three classes.", "", a.Class, ownClasses)
		}
	}
	c.basis(path, a)
	c.ownRules(path, a)
	c.marketing(path, a)
}

func (c *checker) basis(path string, a *Activity) {
	p := path + ".basis"
	if len(a.Basis) == 0 {
		c.missing(path, "basis", "Processing needs a basis of Art. 6(1).", "Add basis: A6-1-a to A6-1-f.")
	}
	const codes = "Write one of A6-1-a to A6-1-f, and beside it A9-2-a to A9-2-j or A10 if the data needs it."
	lawful := 0
	for i, b := range a.Basis {
		oneOf(c, element(p, i, len(a.Basis)), "unknown basis", "Bases and conditions are those of Art. 6(1), 9(2) and 10.", codes, b, allBases)
		if slices.Contains(lawfulBases, b) {
			lawful++
		}
	}
	if c.broken(p) {
		return
	}
	if lawful != 1 {
		c.atValue(p, "not exactly one basis of Art. 6(1)", "One purpose has one basis.", codes)
		return
	}
	c.conditions(p, a)
	basis := a.LawfulBasis()
	switch {
	case basis == LegitimateInterest:
		c.need(path, "interest", a.Interest, "Art. 13(1)(d) wants the interest told.", "Add interest: with a line.")
	case !a.Interest.IsZero() && !c.broken(path+".interest"):
		c.atKey(path+".interest", "not allowed without A6-1-f", "Only that basis rests on an interest, Art. 13(1)(d).", "Delete the line.")
	}
	if a.RecordsOf != "" && basis != Consent && basis != LegalObligation && a.Compatible.IsZero() {
		c.missing(path, "compatible", "A further purpose needs the assessment of Art. 6(4).", "Add compatible: with its result.")
	}
}

// conditions checks what special and criminal data need beside a basis.
func (c *checker) conditions(p string, a *Activity) {
	for _, f := range a.Fields {
		switch {
		case f.Category.Special() && !slices.ContainsFunc(a.Basis, func(b Basis) bool { return slices.Contains(conditions9, b) }):
			c.atValue(p, "special category without Art. 9 condition", "Art. 9(1) forbids it otherwise.",
				"Write a list, for instance [A6-1-b, A9-2-h], or take the field away.")
			return
		case f.Category.Criminal() && !slices.Contains(a.Basis, CriminalLaw):
			c.atValue(p, "criminal data without A10", "Art. 10 wants official authority, or a law that allows it.",
				"Write a list, for instance [A6-1-c, A10], or take the field away.")
			return
		}
	}
}

func (c *checker) marketing(path string, a *Activity) {
	p := path + ".direct-marketing"
	if a.DirectMarketing == nil || c.spoiled[p] {
		return
	}
	if len(a.DirectMarketing) == 0 && !c.broken(p) {
		c.atKey(p, "no condition", "One of them must hold before anybody is written to.", "Add a condition with evidence and text.")
	}
	if b := a.LawfulBasis(); b != Consent && b != LegitimateInterest && !c.broken(path+".basis") {
		c.atKey(p, "not allowed with this basis", "Direct marketing rests on consent or on a legitimate interest, Art. 21(2).",
			"Change the basis to A6-1-a or A6-1-f, or delete it.")
		return
	}
	for _, id := range sortedKeys(a.DirectMarketing) {
		q, condition := join(p, id), a.DirectMarketing[id]
		c.needLength(q, "evidence", condition.Evidence, "Evidence grows old.", "Say how long it counts, for instance P1Y.")
		c.need(q, "text", condition.Text, "Somebody must know what to look for.", "Add text: with a line.")
	}
}
