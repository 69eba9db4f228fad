package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

// words is all that a report says in one language. The two languages have a file each; this one has the grammar they share.
type words struct {
	lang   string
	months [12]string
	// numbers are zero to twelve as words; larger ones are figures.
	numbers [13]string
	and     string
	yes, no string
	secret  string // in place of a password
	atClock string // between a day and a time of day

	year, month, week, day1 unit

	events     map[retention.Event]clauses
	rule       ruleWords
	kept       keptWords
	page       pageWords
	basis      map[register.Basis]string
	transfer   map[register.Transfer]string
	role       map[register.Role]string
	rights     map[string][2]string // name, what it means
	category   map[register.Category]string
	authority  map[string]string // full names of authorities that the register has by their short name
	others     [2]string         // one other person, several
	file       string
	noDecision string
	unknown    string // an activity that the register no longer has
	passedOn   [4]string
	backups    string
	caseFile   string

	incomplete                string // a source that could not be read to its end
	erased                    map[gdpr.Ground]string
	erasedRule                string
	readRights, readRetention string
	restricted                map[string]string // by the letter of Art. 18(1)
}

type unit struct{ one, many string }

// clauses are an event in the three tenses: a rule's ("has ended"), a fact's ("ended") and a condition's ("ends").
type clauses struct{ has, did, does string }

// ruleWords make a sentence of a rule.
type ruleWords struct {
	withAgreement, withoutAgreement        string // before the sentence
	erase, anonymize, keep                 string // %s: how long and from when
	eraseSame, anonymizeSame               string // %s: a condition, for a period of no length
	after, afterYear                       string // %s: period, clause
	afterOwn, afterYearOwn, sameOwn        string // %s: period; an event of the register's own follows
	sinceDay, sinceYear, sinceOwn, ownYear string // of a record: period, clause, day or year
}

// keptWords say how long a record stays.
type keptWords struct {
	erase, anonymize, use, keep string // %s: a day
	sumErase, sumAnonymize      string // %s: a day; of data that serves several purposes
	ended                       string // %s: a day
	keepWaits, noEnd, noRule    string
	soon, sumSoon               string
	hold                        string // %s: a day
	restricted                  string
	noEndCell, holdCell         string
	soonCell                    string
}

func wordsIn(lang string) (*words, error) {
	switch lang {
	case Swedish:
		return &swedish, nil
	case English:
		return &english, nil
	}
	return nil, ErrLanguage
}

// day is a date written out: 2 mars 2026.
func (w *words) day(d civil.Date) string {
	if !d.Valid() {
		return ""
	}
	return fmt.Sprintf("%d %s %d", d.Day, w.months[d.Month-1], d.Year)
}

// instant is a day and a time of day in the organization's zone.
func (w *words) instant(t time.Time, zone *time.Location) string {
	return w.day(civil.DateOf(t, zone)) + w.atClock + t.In(zone).Format("15:04")
}

func (w *words) number(n int) string {
	if n >= 0 && n < len(w.numbers) {
		return w.numbers[n]
	}
	return fmt.Sprint(n)
}

// amount is a number of units: "ett år", "three months".
func (w *words) amount(n int, u unit) string {
	if n == 1 {
		return u.one
	}
	return w.number(n) + " " + u.many
}

// period is a length of time in words.
func (w *words) period(p civil.Period) string {
	var parts []string
	for _, x := range []struct {
		n int
		u unit
	}{{p.Years, w.year}, {p.Months, w.month}, {p.Weeks, w.week}, {p.Days, w.day1}} {
		if x.n > 0 {
			parts = append(parts, w.amount(x.n, x.u))
		}
	}
	if len(parts) == 0 {
		return w.amount(0, w.day1)
	}
	return w.list(parts)
}

// list joins words: "a, b och c".
func (w *words) list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " " + w.and + " " + parts[last]
}

// sentence begins with a capital letter. Every first letter of ours is ASCII or Swedish.
func sentence(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// categoryName is a kind of data in words; of a kind without words of its own, those of the wider kind.
func (w *words) categoryName(c register.Category) string {
	for key := string(c); ; {
		if s, ok := w.category[register.Category(key)]; ok {
			return s
		}
		cut := strings.LastIndexByte(key, '.')
		if cut < 0 {
			return string(c)
		}
		key = key[:cut]
	}
}

// ruleText is a rule of the register as a sentence. ownEvent: the register's words for the event belong after it.
func (w *words) ruleText(r retention.Rule, keep, anonymize bool) (text string, ownEvent bool) {
	t := w.rule
	action, same := t.erase, t.eraseSame
	switch {
	case keep:
		action = t.keep
	case anonymize:
		action, same = t.anonymize, t.anonymizeSame
	}
	event, known := w.events[r.Event]
	switch {
	case r.Period.IsZero() && !r.YearEnd && !keep && known:
		text = fmt.Sprintf(same, event.does) + "."
	case r.Period.IsZero() && !r.YearEnd && !keep:
		text, ownEvent = fmt.Sprintf(action, t.sameOwn), true
	case known && r.YearEnd:
		text = fmt.Sprintf(action, fmt.Sprintf(t.afterYear, w.period(r.Period), event.has)) + "."
	case known:
		text = fmt.Sprintf(action, fmt.Sprintf(t.after, w.period(r.Period), event.has)) + "."
	case r.YearEnd:
		text, ownEvent = fmt.Sprintf(action, fmt.Sprintf(t.afterYearOwn, w.period(r.Period))), true
	default:
		text, ownEvent = fmt.Sprintf(action, fmt.Sprintf(t.afterOwn, w.period(r.Period))), true
	}
	switch r.Case {
	case retention.WithAgreement:
		text = t.withAgreement + text
	case retention.WithoutAgreement:
		text = t.withoutAgreement + text
	}
	return sentence(text), ownEvent
}

// since says how a last day came about.
func (w *words) since(d *retention.Deadline) (text string, ownEvent bool) {
	t, period := w.rule, w.period(d.Rule.Period)
	event, known := w.events[d.Rule.Event]
	switch {
	case d.Rule.Period.IsZero():
		return "", false
	case known && d.Rule.YearEnd:
		return fmt.Sprintf(t.sinceYear, period, d.Start.Year, event.did), false
	case known:
		return fmt.Sprintf(t.sinceDay, period, event.did, w.day(d.Day)), false
	case d.Rule.YearEnd:
		return fmt.Sprintf(t.ownYear, period, d.Start.Year, w.day(d.Day)), true
	}
	return fmt.Sprintf(t.sinceOwn, period, w.day(d.Day)), true
}
