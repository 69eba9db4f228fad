package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/gallra/gallra/gdpr/civil"
)

// pageWords are the headings and fixed sentences of the page.
type pageWords struct {
	Title, Lead, Meta string

	Summary, Nothing, HaveOne, Have, Caption, ColWhy, ColRecords, ColKinds, ColUntil string
	NotShared, Shared, CanDo, Marketing, RightsAt                                    string

	Because, AlsoUsed, PurposeN, Basis, Interest, Compatible, Kinds, Joint, WhoGets, Nobody string
	HowLong, According, Decisions, YourRights, Limited                                      string
	RecipientsOf, ColName, ColRole, ColCountry, ColGiven, ColTransfer, Inside               string

	Record, RecordDay, Contents, ColField, ColValue, Source, NoSource, Stays, Reference, OnlyFor string

	PassedOn, PassedOnShort                                                      string
	Article, Rights, RightsHow, RightsCaption, ColRight, ColMeans, ColFor        string
	All, AllLimited, Complain, ComplainText                                      string
	About, Responsible, Number, Address, CountryIs, Contact, DPO                 string
	CaseNo, Asked, AnswerBy, MadeOn, Copies, Case, Law, LawIs, Basics, BasicsAre string
}

var (
	//go:embed page.html.tmpl
	pageSource string
	//go:embed page.css
	styleSource string

	style = template.CSS(styleSource) //nolint:gosec // our own file, no input
	// policy forbids everything but the one style sheet of the page, which it knows by its hash.
	policy = "default-src 'none'; style-src 'sha256-" + styleHash() + "'; base-uri 'none'; form-action 'none'"

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"sprintf": fmt.Sprintf, "inc": func(i int) int { return i + 1 }}).Parse(pageSource))
)

func styleHash() string {
	sum := sha256.Sum256([]byte(styleSource))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// HTML writes a report as one page that needs nothing else, in Swedish or English. ErrLanguage is any other language; nothing is
// written then.
func HTML(w io.Writer, r *Report, lang string) error {
	d, err := r.document(lang)
	if err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	if err := pageTemplate.Execute(w, page{d, d.w.page}); err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	return nil
}

// page is what the template sees.
type page struct {
	*document
	T pageWords
}

// Style is the style sheet.
func (page) Style() template.CSS { return style }

// Policy is the content security policy.
func (page) Policy() string { return policy }

// Day writes a date of the document out.
func (p page) Day(iso string) string {
	d, err := civil.ParseDate(iso)
	if err != nil {
		return iso
	}
	return p.w.day(d)
}

// HaveText says how many records there are.
func (p page) HaveText() string {
	switch p.count {
	case 0:
		return p.T.Nothing
	case 1:
		return p.T.HaveOne
	}
	return fmt.Sprintf(p.T.Have, p.w.number(p.count))
}

// Shared reports whether anybody else may receive any of the data.
func (p page) Shared() bool {
	for _, a := range p.Activities {
		for _, x := range a.Purposes {
			if len(x.Recipients) > 0 || len(x.JointWith) > 0 {
				return true
			}
		}
	}
	return false
}

// Marketing reports whether any of the data is used for direct marketing.
func (p page) Marketing() bool {
	for _, a := range p.Activities {
		for _, x := range a.Purposes {
			if x.DirectMarketing {
				return true
			}
		}
	}
	return false
}

// Held are the kinds of data that are really held in records of an activity.
func (p page) Held(a activity) string {
	var kinds []string
	seen := map[string]bool{}
	for _, r := range a.Records {
		for _, f := range r.Fields {
			if !seen[f.Category.Text] {
				seen[f.Category.Text] = true
				kinds = append(kinds, f.Category.Text)
			}
		}
	}
	return p.running(kinds)
}

// Kinds are kinds of data in a sentence.
func (p page) Kinds(c []coded) string {
	kinds := make([]string, len(c))
	for i := range c {
		kinds[i] = c[i].Text
	}
	return p.running(kinds)
}

// running joins names to a phrase: the first keeps its capital letter, the others lose it unless it is an abbreviation's.
func (p page) running(names []string) string {
	for i := 1; i < len(names); i++ {
		names[i] = small(names[i])
	}
	return p.w.list(names)
}

// small is a name inside a sentence. An abbreviation keeps its capital letters.
func small(name string) string {
	r := []rune(name)
	if len(r) < 2 || unicode.IsUpper(r[1]) {
		return name
	}
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// RightNames are the rights under a purpose in a sentence.
func (p page) RightNames(rights []purposeRight) string {
	names := make([]string, len(rights))
	for i, r := range rights {
		names[i] = p.w.rights[r.Article][0]
		if r.Limited {
			names[i] += " (" + p.T.Limited + ")"
		}
	}
	return p.running(names)
}

// Article is a reference to the Regulation as the language writes it: artikel 21.2, Article 21(2).
func (p page) Article(number string) string {
	if p.Language == Swedish {
		number = strings.NewReplacer("(", ".", ")", "").Replace(number)
	}
	return fmt.Sprintf(p.T.Article, number)
}

// Fields are names of fields as the page calls them.
func (p page) Fields(r record, names []string) string {
	var out []string
	for _, name := range names {
		for _, f := range r.Fields {
			if f.Name == name {
				out = append(out, f.Label())
			}
		}
	}
	if len(out) > 0 {
		out[0] = small(out[0])
	}
	return p.running(out)
}

// Label is what the page calls a field.
func (f field) Label() string {
	if f.showName {
		return f.Category.Text + " (" + f.Name + ")"
	}
	return f.Category.Text
}

// Lines is a value as text.
func (v value) Lines() string { return v.lines }

// Items are the values of a list.
func (v value) Items() []value { return v.items }

// Until is by when the last record of an activity goes, in words.
func (a activity) Until() string { return a.until }

// Day is when a record was collected, in words.
func (r record) Day() string { return r.day }

// Title is the purpose that a line is about, where it does not go without saying.
func (k kept) Title() phrase { return k.title }

// First reports whether a line is the first of those about the same fields.
func (k kept) First() bool { return k.first }

// All reports whether a right is for every purpose.
func (r rightText) All() bool { return r.all }

// Titles are the purposes that need naming: those that a right is for, or of a right for every purpose, where it is limited.
func (r rightText) Titles() []purposeTitle {
	if !r.all {
		return r.titles
	}
	return slices.DeleteFunc(slices.Clone(r.titles), func(t purposeTitle) bool { return !t.Limited })
}
