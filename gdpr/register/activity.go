package register

import (
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Activity is one purpose and with it one row of Art. 30. Its id is the id of
// the purpose. In the comments, C is an activity of a controller or joint
// controller, P of a processor or sub-processor.
type Activity struct {
	// ID is the key in Register.Activities. Check fills it in.
	ID string
	// Role has no default, unless the activity has RecordsOf.
	Role Role
	// With are the joint controllers (Art. 26). Needed with JointController.
	With []string
	// Terms are those that its agreements name. P: needed, C: refused.
	Terms string
	// RecordsOf makes it a further purpose of another activity's records, whose
	// With, Role, Terms, Class and Subjects it takes. So a customer's data never
	// serves a purpose of our own, Art. 28(10).
	RecordsOf string
	// Class is needed for C, and CustomerData for P.
	Class Class
	// Subjects are categories, Fideslang's own or the register's.
	Subjects []string
	// Fields are all that may be recorded, in the order of the file. With
	// RecordsOf it defaults to all, and categories are filled in.
	Fields []Field
	// FindBy are the fields with a blind index. Defaults to those of e-mail,
	// phone and national identification number; with RecordsOf to those that
	// the first activity finds by.
	FindBy []string
	// Labels are clear values that are not personal, to list and sort by, each
	// with the values allowed.
	Labels map[string][]string
	// Purpose is the purpose in words (Art. 5(1)(b), 13(1)(c)).
	Purpose Text
	// Basis is one of Art. 6(1), and conditions of Art. 9(2) and 10 where the
	// fields need them. C: needed, P: refused, it is the customer's own.
	Basis []Basis
	// Interest is needed with A6-1-f and refused else (Art. 13(1)(d)).
	Interest Text
	// Compatible is the assessment of Art. 6(4), needed of C with RecordsOf
	// unless the basis is A6-1-a or A6-1-c.
	Compatible Text
	// Recipients are parties and what each may be given (Art. 13(1)(e)).
	Recipients map[string]Share
	// Erase are the ceilings: the earliest that has started decides. C: one or
	// more, P: refused, the terms say it.
	Erase []retention.Rule
	// Anonymize: what the rules of Erase end is anonymized instead.
	Anonymize bool
	// Keep is the floor. C only.
	Keep *retention.Rule
	// Ref is the law or the section of the policy. Needed with Keep.
	Ref Text
	// DirectMarketing are the conditions of which one must hold. Not nil makes
	// it direct marketing (Art. 21(2)).
	DirectMarketing map[string]Condition
	// Accuracy is the reminder of Art. 5(1)(d). For P it goes to the controller.
	Accuracy *Cadence
	// AutomatedDecisions describes them, Art. 15(1)(h). Empty: none are taken.
	AutomatedDecisions Text
}

// Field is a name under which data is recorded, and which kind of data it is.
type Field struct {
	Name     string
	Category Category
}

// Share is what a recipient may be given. After Check, Fields has every field
// if All is set.
type Share struct {
	All    bool
	Fields []string
}

// Condition is one on which direct marketing is allowed (EPM-M2).
type Condition struct {
	// Evidence is how long evidence of it counts.
	Evidence civil.Period
	Text     Text
}

// Processor reports whether the organization acts on a controller's
// instructions here, as processor or sub-processor.
func (a *Activity) Processor() bool { return a.Role.ForOther() }

// FieldNames returns the names of the fields in the order of the file.
func (a *Activity) FieldNames() []string {
	names := make([]string, len(a.Fields))
	for i, f := range a.Fields {
		names[i] = f.Name
	}
	return names
}

// Category returns the category of a field, "" if there is no such field.
func (a *Activity) Category(field string) Category {
	for _, f := range a.Fields {
		if f.Name == field {
			return f.Category
		}
	}
	return ""
}

// LawfulBasis returns the basis of Art. 6(1), "" in a processor's role.
func (a *Activity) LawfulBasis() Basis {
	for _, b := range a.Basis {
		if slices.Contains(lawfulBases, b) {
			return b
		}
	}
	return ""
}

// LabelAllowed reports whether a record may carry that label with that value.
func (a *Activity) LabelAllowed(label, value string) bool {
	return slices.Contains(a.Labels[label], value)
}

// clone copies what fillIn writes to.
func (a *Activity) clone() *Activity {
	c := *a
	c.Fields = slices.Clone(a.Fields)
	c.Recipients = maps.Clone(a.Recipients)
	return &c
}
