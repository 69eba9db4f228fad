package register

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gallra/gallra/retention"
)

// shared reports whether every file may have that key at the top.
func shared(path string) bool {
	switch path {
	case "register", "subjects", "elsewhere", "events", "parties", "terms", "activities", "roles", "reviews":
		return true
	}
	return false
}

// readFile reads a file into the register, and what it has under register into
// a header of its own.
func (l *loader) readFile(root *yaml.Node) {
	r := l.register
	var header *Register
	var elsewhere map[string]Text
	l.object("A register",
		key{"register", func(n *yaml.Node, path string) {
			header = new(Register)
			l.header(header)(n, inFile(path, l.file))
		}},
		key{"organization", l.organization(&r.Organization)},
		key{"accountability", l.accountability(&r.Accountability)},
		key{"backups", func(n *yaml.Node, path string) {
			r.Backups = new(Backups)
			l.backups(r.Backups)(n, path)
		}},
		key{"security", l.text(&r.Security)},
		key{"subjects", entries(l, &r.Subjects, isCategoryID, categoryForm, l.text)},
		key{"elsewhere", func(n *yaml.Node, path string) {
			entries(l, &elsewhere, isCategoryID, categoryForm, l.text)(n, inFile(path, l.file))
		}},
		key{"events", entries(l, &r.Events, isID, idForm, l.text)},
		key{"parties", entries(l, &r.Parties, isID, idForm, l.party)},
		key{"terms", entries(l, &r.Terms, isID, idForm, l.terms)},
		key{"activities", entries(l, &r.Activities, isID, idForm, l.activity)},
		key{"roles", entries(l, &r.Roles, isID, idForm, l.accessRole)},
		key{"reviews", entries(l, &r.Reviews, isID, idForm, l.cadence)},
	)(root, "")

	l.headers = append(l.headers, header)
	if l.file == 0 && header != nil {
		r.Format, r.Version, r.From = header.Format, header.Version, header.From
		r.Author, r.Owner, r.Change = header.Author, header.Owner, header.Change
	}
	for category, text := range elsewhere {
		if r.Elsewhere == nil {
			r.Elsewhere = map[string]Text{}
		}
		if _, ok := r.Elsewhere[category]; !ok {
			r.Elsewhere[category] = text
		}
	}
}

func (l *loader) header(r *Register) reader {
	return l.object("A register's head",
		key{"format", l.number(&r.Format)},
		key{"version", l.number(&r.Version)},
		key{"from", l.date(&r.From)},
		key{"author", l.text(&r.Author)},
		key{"owner", l.text(&r.Owner)},
		key{"change", l.text(&r.Change)},
	)
}

// newer returns the format of a file that is written for a newer library, whose
// other keys cannot be judged.
func newer(root *yaml.Node) *yaml.Node {
	header := under(root, "register")
	format := under(header, "format")
	if format == nil || format.Kind != yaml.ScalarNode {
		return nil
	}
	if n, err := parseNumber(format.Value); err != nil || n <= Format {
		return nil
	}
	return format
}

// under returns what stands under a key of a mapping, if anything.
func under(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (l *loader) organization(o *Organization) reader {
	return l.object("An organization",
		key{"name", word[string](l)(&o.Name)},
		key{"contact", word[string](l)(&o.Contact)},
		key{"country", word[Country](l)(&o.Country)},
		key{"number", word[string](l)(&o.Number)},
		key{"address", word[string](l)(&o.Address)},
		key{"dpo", word[string](l)(&o.DPO)},
		key{"zone", word[string](l)(&o.Zone)},
		key{"authority", word[string](l)(&o.Authority)},
	)
}

func (l *loader) accountability(a *Accountability) reader {
	return l.object("Accountability",
		key{"audit-log", l.length(&a.AuditLog)},
		key{"case-files", l.length(&a.CaseFiles)},
	)
}

func (l *loader) backups(b *Backups) reader {
	return l.object("Backups",
		key{"kept", l.length(&b.Kept)},
		key{"keys-kept", l.length(&b.KeysKept)},
	)
}

func (l *loader) party(p *Party) reader {
	return l.object("A party",
		key{"name", word[string](l)(&p.Name)},
		key{"contact", word[string](l)(&p.Contact)},
		key{"country", word[Country](l)(&p.Country)},
		key{"number", word[string](l)(&p.Number)},
		key{"address", word[string](l)(&p.Address)},
		key{"dpo", word[string](l)(&p.DPO)},
		key{"role", word[Role](l)(&p.Role)},
		key{"ref", l.text(&p.Ref)},
		key{"transfer", word[Transfer](l)(&p.Transfer)},
	)
}

func (l *loader) terms(t *Terms) reader {
	return l.object("A set of terms",
		key{"ref", l.text(&t.Ref)},
		key{"erase", oneOrMany(l, &t.Erase, l.rule)},
		key{"at-end", word[AtEnd](l)(&t.AtEnd)},
		key{"breach-notice", l.hours(&t.BreachNotice)},
		key{"name-controller", l.boolean(&t.NameController)},
	)
}

func (l *loader) activity(to **Activity) reader {
	a := new(Activity)
	*to = a
	var bare bool // fields are names only
	keys := l.object("An activity",
		key{"role", word[Role](l)(&a.Role)},
		key{"with", l.words(&a.With)},
		key{"terms", word[string](l)(&a.Terms)},
		key{"records-of", word[string](l)(&a.RecordsOf)},
		key{"class", word[Class](l)(&a.Class)},
		key{"subjects", l.words(&a.Subjects)},
		key{"fields", l.fields(&a.Fields, &bare)},
		key{"find-by", l.words(&a.FindBy)},
		key{"labels", entries(l, &a.Labels, isID, idForm, l.words)},
		key{"purpose", l.text(&a.Purpose)},
		key{"basis", oneOrMany(l, &a.Basis, word[Basis](l))},
		key{"interest", l.text(&a.Interest)},
		key{"compatible", l.text(&a.Compatible)},
		key{"recipients", entries(l, &a.Recipients, isID, idForm, l.share)},
		key{"erase", oneOrMany(l, &a.Erase, l.rule)},
		key{"anonymize", l.anonymize(a)},
		key{"keep", l.keep(&a.Keep)},
		key{"ref", l.text(&a.Ref)},
		key{"direct-marketing", entries(l, &a.DirectMarketing, isID, idForm, l.condition)},
		key{"accuracy", l.accuracy(&a.Accuracy)},
		key{"automated-decisions", l.text(&a.AutomatedDecisions)},
	)
	return func(n *yaml.Node, path string) {
		keys(n, path)
		l.register.order = append(l.register.order, strings.TrimPrefix(path, "activities."))
		l.fieldsFit(path, bare)
		if p := join(path, "anonymize"); l.given(p) && l.given(join(path, "erase")) {
			l.atKey(p, "erase and anonymize in one activity", "Each says what happens to the same data at its end.",
				"Take one of the two away.")
		}
	}
}

// fields reads name: category, or names alone.
func (l *loader) fields(to *[]Field, bare *bool) reader {
	return func(n *yaml.Node, path string) {
		if *bare = n.Kind == yaml.SequenceNode; *bare {
			var names []string
			l.words(&names)(n, path)
			for _, name := range names {
				*to = append(*to, Field{Name: name})
			}
			return
		}
		l.mapping(n, path, isID, idForm, func(name string, v *yaml.Node, p string) {
			f := Field{Name: name}
			word[Category](l)(&f.Category)(v, p)
			*to = append(*to, f)
		})
	}
}

// fieldsFit holds the form of the fields against whose they are.
func (l *loader) fieldsFit(path string, bare bool) {
	p := join(path, "fields")
	further := l.given(join(path, "records-of"))
	switch {
	case !l.given(p) || l.broken(p) || bare == further:
	case further:
		l.atValue(p, "categories with records-of", "They are the first activity's.", "Write a list of names, or leave it out for all.")
	case !l.broken(join(path, "records-of")):
		l.atValue(p, "fields without categories", "Each field says which kind of data it holds.", "Write name: category, one a line.")
	}
}

func (l *loader) anonymize(a *Activity) reader {
	return func(n *yaml.Node, path string) {
		a.Anonymize = true
		oneOrMany(l, &a.Erase, l.rule)(n, path)
	}
}

func (l *loader) keep(to **retention.Rule) reader {
	return func(n *yaml.Node, path string) {
		*to = new(retention.Rule)
		l.rule(*to)(n, path)
	}
}

func (l *loader) accuracy(to **Cadence) reader {
	return func(n *yaml.Node, path string) {
		*to = new(Cadence)
		l.cadence(*to)(n, path)
	}
}

func (l *loader) share(s *Share) reader { return l.allOr(&s.All, &s.Fields, "a list of fields") }

// allOr reads the word all, or a list of names.
func (l *loader) allOr(all *bool, names *[]string, list string) reader {
	return func(n *yaml.Node, path string) {
		if n.Kind == yaml.SequenceNode {
			l.words(names)(n, path)
			return
		}
		f := form{"neither all nor a list", "Here stands the word all, or " + list + ".", "Write all, or the list in brackets."}
		if word, ok := l.scalar(n, path, f); ok && word != "all" {
			l.fail(n, path, f)
		}
		*all = true
	}
}

func (l *loader) condition(c *Condition) reader {
	return l.object("A condition",
		key{"evidence", l.length(&c.Evidence)},
		key{"text", l.text(&c.Text)},
	)
}

func (l *loader) accessRole(r *AccessRole) reader {
	return l.object("A role",
		key{"may", list(l, &r.May, word[Permission](l))},
		key{"for", l.allOr(&r.All, &r.For, "a list of activities")},
		key{"at-most", l.length(&r.AtMost)},
		key{"supervised", l.boolean(&r.Supervised)},
	)
}
