package report

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
)

// builder turns a report into a document in one language.
type builder struct {
	in        *content
	reg       *gdpr.Register
	w         *words
	countries display.Namer
	known     map[[2]string]known // fields, by activity and name
	number    int                 // of the last record
}

// builder starts a report in a language.
func (r *Report) builder(lang string) (*builder, error) {
	if r == nil || r.p == nil {
		return nil, refuse("Report", "missing: make one with New")
	}
	w, err := wordsIn(lang)
	if err != nil {
		return nil, err
	}
	return &builder{in: r.p, reg: r.p.Register, w: w, countries: display.Regions(language.MustParse(lang)), known: map[[2]string]known{}}, nil
}

func (b *builder) document() *document {
	o := b.reg.Organization
	d := &document{count: b.in.count, w: b.w,
		head: head{
			Format: 1, Language: b.w.lang, Case: b.in.Case, Received: b.in.Received.String(), AnswerBy: b.in.Due.String(), Made: b.made().String(),
			Controller: organization{o.Name, o.Contact, o.Number, o.Address, b.country(o.Country), o.DPO},
			Authority:  b.authority(), Register: edition{b.reg.Version, b.reg.From.String()}, HoldsData: len(b.in.held) > 0,
		},
	}
	for _, h := range b.in.held {
		d.Activities = append(d.Activities, b.activity(h))
	}
	for i, s := range b.in.Sources {
		d.Sources = append(d.Sources, b.source(s.Name, b.in.sources[i]))
	}
	d.tail = tail{Erased: b.erased(), Reads: b.reads(), Consents: b.consents(), Suppressions: b.suppressions(), Restrictions: b.restrictions(),
		PassedOn: b.passedOn(), Rights: b.rights(d.Activities), CaseFile: fmt.Sprintf(b.w.caseFile, b.w.period(b.reg.Accountability.CaseFiles))}
	if b.reg.Backups != nil {
		d.Backups = fmt.Sprintf(b.w.backups, b.w.period(b.reg.Backups.Kept))
	}
	return d
}

func (b *builder) made() civil.Date { return civil.DateOf(b.in.Made, b.in.zone) }

// authority is the supervisory authority, with its full name where we know it.
func (b *builder) authority() string {
	if full, ok := b.w.authority[b.reg.Organization.Authority]; ok {
		return full
	}
	return b.reg.Organization.Authority
}

// activity tells of everything that was collected for one activity.
func (b *builder) activity(h *held) activity {
	out := activity{ID: h.id, Title: b.title(h.id), Purposes: []purpose{}, count: h.count, kinds: running(b.w, h.kinds(b))}
	if h.count > 0 {
		out.until = h.last.words(b.w)
	}
	for _, p := range b.reg.Family(h.id) {
		if slices.Contains(h.purposes, p) {
			act, _ := b.reg.Activity(p)
			out.Purposes = append(out.Purposes, b.purpose(act))
		}
	}
	return out
}

// never is the day of an end that is not known yet.
var never = civil.Date{Year: 9999, Month: time.December, Day: 31}

func (b *builder) title(id string) phrase {
	act, ok := b.reg.Activity(id)
	if !ok {
		return phrase{Words: b.w.unknown + ": " + id}
	}
	return b.phrase(act.Purpose)
}

// phrase is a text of the register in the report's language, or in its first with a note of which that is.
func (b *builder) phrase(t register.Text) phrase {
	for _, p := range t {
		if p.Lang == b.w.lang {
			return phrase{Words: p.Words}
		}
	}
	if len(t) == 0 {
		return phrase{}
	}
	return phrase{t[0].Words, t[0].Lang}
}

// purpose makes the statements of Art. 15(1)(a) to (e) and (h) about one purpose.
func (b *builder) purpose(a *register.Activity) purpose {
	out := purpose{
		ID: a.ID, Purpose: b.phrase(a.Purpose), Interest: b.phrase(a.Interest), Compatible: b.phrase(a.Compatible), DirectMarketing: a.DirectMarketing != nil,
		Categories: b.categories(a, a.FieldNames()), Reference: b.phrase(a.Ref), Recipients: []recipient{}, Automated: automated{Text: phrase{Words: b.w.noDecision}},
	}
	for _, basis := range a.Basis {
		out.Basis = append(out.Basis, coded{string(basis), b.w.basis[basis]})
	}
	for _, id := range a.With {
		out.JointWith = append(out.JointWith, b.recipient(a, id, register.Share{}))
	}
	for _, id := range sortedKeys(a.Recipients) {
		out.Recipients = append(out.Recipients, b.recipient(a, id, a.Recipients[id]))
	}
	if a.Keep != nil {
		out.Period = append(out.Period, b.period(*a.Keep, true, false))
	}
	for _, r := range a.Erase {
		out.Period = append(out.Period, b.period(r, false, a.Anonymize))
	}
	for _, r := range rightsOf(a) {
		out.Rights = append(out.Rights, purposeRight{r.Article, r.Limited})
	}
	if !a.AutomatedDecisions.IsZero() {
		out.Automated = automated{true, b.phrase(a.AutomatedDecisions)}
	}
	return out
}

// categories are the kinds of data of some fields, each once, in the order of the register.
func (b *builder) categories(a *register.Activity, fields []string) []coded {
	out := []coded{}
	for _, f := range a.Fields {
		c := coded{string(f.Category), b.w.categoryName(f.Category)}
		if slices.Contains(fields, f.Name) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (b *builder) recipient(a *register.Activity, id string, share register.Share) recipient {
	p := b.reg.Parties[id]
	out := recipient{Name: p.Name, Contact: p.Contact, Role: coded{string(p.Role), b.w.role[p.Role]}, Country: b.country(p.Country), Categories: b.categories(a, share.Fields)}
	if p.Transfer != "" {
		out.Transfer = &coded{string(p.Transfer), b.w.transfer[p.Transfer]}
	}
	return out
}

func (b *builder) country(c register.Country) coded {
	region, err := language.ParseRegion(string(c))
	if err != nil {
		return coded{string(c), string(c)}
	}
	return coded{string(c), b.countries.Name(region)}
}

// rights explains every right that exists for any of the data, and for which.
func (b *builder) rights(activities []activity) []rightText {
	out := []rightText{}
	purposes := 0
	for _, a := range activities {
		purposes += len(a.Purposes)
	}
	for _, article := range articles {
		t := rightText{Article: article, Name: b.w.rights[article][0], Text: b.w.rights[article][1], Purposes: []string{}}
		for _, a := range activities {
			for _, p := range a.Purposes {
				for _, r := range p.Rights {
					if r.Article != article {
						continue
					}
					t.Purposes = append(t.Purposes, p.ID)
					t.titles = append(t.titles, purposeTitle{p.Purpose, r.Limited})
					if r.Limited {
						t.LimitedFor = append(t.LimitedFor, p.ID)
					}
				}
			}
		}
		t.all = len(t.Purposes) == purposes
		if len(t.Purposes) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// passedOn says that the request went on to others, and names those that may be named.
func (b *builder) passedOn() *passedOn {
	p := b.in.PassedOn
	if len(p.To) == 0 && !p.Unnamed {
		return nil
	}
	t := b.w.passedOn
	text := t[3]
	switch {
	case len(p.To) > 0 && p.Unnamed:
		text = fmt.Sprintf(t[2], b.w.list(p.To))
	case len(p.To) > 0:
		text = fmt.Sprintf(t[1], b.w.list(p.To))
	}
	return &passedOn{To: p.To, Text: t[0] + " " + text}
}
