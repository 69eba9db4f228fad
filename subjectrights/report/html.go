package report

import (
	"bufio"
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

	Skip, Supplement                                                   string
	Elsewhere, ElsewhereShort, ElsewhereCount, ItemDay, ItemNoDay      string
	Erased, ErasedShort, ErasedCaption, ColDay, ColReason              string
	Choices, Consents, ColGiven2, ColWithdrawn, ColHow, Stands         string
	Suppressions, ColSince, Restrictions, ColRestricted, RestrictedAll string
	Reads, ReadsHow, ReadsCaption, ColPurpose, ColTimes                string
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

// HTML writes a report as one page that needs nothing else, in Swedish or English. Of records that are streamed it holds one at a time. ErrLanguage
// is any other language; nothing is written then.
func HTML(w io.Writer, r *Report, lang string) error {
	b, err := r.builder(lang)
	if err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	out := bufio.NewWriterSize(w, 32<<10)
	if err := b.page(out); err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	return nil
}

func (b *builder) page(w *bufio.Writer) error {
	d := b.document()
	p := &page{d, &d.w.page}
	out := &recordPage{w: w, p: p}
	piece := func(name string, data any) error { return pageTemplate.ExecuteTemplate(w, name, data) }
	if err := piece("top", p); err != nil {
		return err
	}
	opened := false
	err := b.in.read(func(i int) error {
		if opened {
			if err := piece("activity-end", nil); err != nil {
				return err
			}
		}
		opened = true
		return piece("activity", &section{page: p, Number: i + 1, A: &d.Activities[i]})
	}, func(r Record) error {
		rec := b.record(r)
		out.record(&rec)
		return nil
	})
	if err == nil && opened {
		err = piece("activity-end", nil)
	}
	if err != nil {
		return err
	}
	if err := b.elsewhere(p, piece, out); err != nil {
		return err
	}
	return piece("bottom", p)
}

// elsewhere puts what other sources hold on the page.
func (b *builder) elsewhere(p *page, piece func(string, any) error, out *recordPage) error {
	if len(p.Sources) == 0 {
		return nil
	}
	if err := piece("sources", p); err != nil {
		return err
	}
	n := 0
	for i := range p.Sources {
		if err := piece("source", &sourceOn{p, i + 1, &p.Sources[i]}); err != nil {
			return err
		}
		if err := b.in.readSource(i, func(it Item) error {
			n++
			x := b.item(it)
			out.item(n, &x)
			return nil
		}); err != nil {
			return err
		}
	}
	return piece("activity-end", nil)
}

// page is what the template sees.
type page struct {
	*document
	T *pageWords
}

// What the pieces of the page see.
type (
	section struct {
		*page
		Number int
		A      *activity
	}
	sourceOn struct {
		*page
		Number int
		S      *source
	}
)

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

// HaveText says how many records there are. That nothing is held is said only if nothing is, and all could be read.
func (p page) HaveText() string {
	switch p.count {
	case 0:
		if slices.ContainsFunc(p.Sources, func(s source) bool { return s.count > 0 || !s.Complete }) {
			return ""
		}
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

// Kinds are kinds of data in a sentence.
func (p page) Kinds(c []coded) string {
	kinds := make([]string, len(c))
	for i := range c {
		kinds[i] = c[i].Text
	}
	return running(p.w, kinds)
}

// running joins names to a phrase: the first keeps its capital letter, the others lose it unless it is an abbreviation's.
func running(w *words, names []string) string {
	for i := 1; i < len(names); i++ {
		names[i] = small(names[i])
	}
	return w.list(names)
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
	return running(p.w, names)
}

// Article is a reference to the Regulation as the language writes it: artikel 21.2, Article 21(2).
func (p page) Article(number string) string {
	if p.Language == Swedish {
		number = strings.NewReplacer("(", ".", ")", "").Replace(number)
	}
	return fmt.Sprintf(p.T.Article, number)
}

// label is what the page calls a field.
func (f field) label() string {
	if f.showName {
		return f.Category.Text + " (" + f.Name + ")"
	}
	return f.Category.Text
}

// Until is by when the last record of an activity goes, in words.
func (a activity) Until() string { return a.until }

// Count is how many records there are.
func (a activity) Count() int { return a.count }

// Held are the kinds of data that are really held.
func (a activity) Held() string { return a.kinds }

// Count is how many items there are.
func (s source) Count() int { return s.count }

// All reports whether a right is for every purpose.
func (r rightText) All() bool { return r.all }

// Titles are the purposes that need naming: those that a right is for, or of a right for every purpose, where it is limited.
func (r rightText) Titles() []purposeTitle {
	if !r.all {
		return r.titles
	}
	return slices.DeleteFunc(slices.Clone(r.titles), func(t purposeTitle) bool { return !t.Limited })
}
