package retention

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gallra/gallra/gdpr/civil"
)

// The words of the grammar.
const (
	wordEachAgreement = "each-agreement"
	wordAfter         = "after"
	wordYearEnd       = "year-end"
	wordOf            = "of"
	wordWith          = "with"
	wordWithout       = "without"
	wordAgreement     = "agreement"
)

// Case says to which records a rule applies.
type Case uint8

const (
	// AnyCase is for every record. The zero value.
	AnyCase Case = iota
	// WithAgreement is for records that name an agreement.
	WithAgreement
	// WithoutAgreement is for records that name none.
	WithoutAgreement
)

// Rule is a period that begins with an event. As a ceiling it says when data
// must be gone at the latest, as a floor until when it must be kept.
type Rule struct {
	// Period is the length. Zero when EachAgreement is set.
	Period civil.Period
	// EachAgreement: the agreement itself states the period. Until it does, the
	// rule's clock does not start.
	EachAgreement bool
	// YearEnd moves the start from the day of the event to 31 December of that
	// year (Bokföringslagen 7 kap. 2 §).
	YearEnd bool
	// Event is what starts the clock.
	Event Event
	// Case picks the records. Zero: every record.
	Case Case
}

// RuleError says what is wrong with the text of a rule, in the three parts of
// every error of the register. None of them repeats the text.
type RuleError struct {
	// Offset is the place of the wrong word, in characters from 0. Where a word
	// is missing at the end it is the length of the text.
	Offset int
	// What is wrong: a few words, small letter, no full stop.
	What string
	// Why it is wrong: a sentence.
	Why string
	// Mend is how to mend it: a sentence.
	Mend string
}

// Error returns What, Why and Mend as running text. It leaves the place to the
// caller, who knows the line.
func (e *RuleError) Error() string {
	return fmt.Sprintf("%s. %s %s", e.What, e.Why, e.Mend)
}

// ParseRule reads a rule of the register's language:
//
//	RULE = (PERIOD | "each-agreement") "after" ["year-end of"] EVENT ["with agreement" | "without agreement"]
//
// with spaces between the words. PERIOD is what civil.ParsePeriod reads. EVENT
// is checked for its form only, since the register knows which events are
// declared. The error is a *RuleError.
func ParseRule(s string) (Rule, error) {
	w := split(s)
	var r Rule

	switch length, err := civil.ParsePeriod(w.word()); {
	case w.word() == wordEachAgreement:
		r.EachAgreement = true
	case err != nil:
		return Rule{}, w.fail("not a period",
			"A rule begins with an ISO 8601 period in whole calendar units, or with each-agreement.",
			"Write for instance P1Y after collected.")
	default:
		r.Period = length
	}
	w.next()

	if !w.take(wordAfter) {
		return Rule{}, w.fail("no after",
			"The word after stands between the period and the event.",
			"Write for instance P1Y after collected.")
	}
	if w.take(wordYearEnd) {
		if !w.take(wordOf) {
			return Rule{}, w.fail("no of",
				"The end of the year is written year-end of, followed by the event.",
				"Write for instance P7Y after year-end of financial-year-closed.")
		}
		r.YearEnd = true
	}

	r.Event = Event(w.word())
	if !r.Event.wellFormed() {
		return Rule{}, w.fail("not an event",
			"An event is an id of small letters a to z, digits and hyphens, at most 40 characters.",
			"Write a built-in event such as collected, or one declared under events.")
	}
	w.next()

	switch {
	case w.take(wordWith):
		r.Case = WithAgreement
	case w.take(wordWithout):
		r.Case = WithoutAgreement
	case w.word() != "":
		return Rule{}, w.fail("unknown word",
			"After the event only with agreement or without agreement may follow.",
			"Take the word away.")
	}
	if r.Case != AnyCase && !w.take(wordAgreement) {
		return Rule{}, w.fail("no agreement",
			"The words with and without are followed by agreement and nothing else.",
			"Write with agreement or without agreement.")
	}
	if w.word() != "" {
		return Rule{}, w.fail("too many words",
			"A rule ends after with agreement or without agreement.",
			"Take the word away, or write two rules.")
	}
	return r, nil
}

// String returns the rule in the form that ParseRule reads, with single spaces.
func (r Rule) String() string {
	words := []string{r.Period.String(), wordAfter}
	if r.EachAgreement {
		words[0] = wordEachAgreement
	}
	if r.YearEnd {
		words = append(words, wordYearEnd, wordOf)
	}
	words = append(words, string(r.Event))
	switch r.Case {
	case WithAgreement:
		words = append(words, wordWith, wordAgreement)
	case WithoutAgreement:
		words = append(words, wordWithout, wordAgreement)
	}
	return strings.Join(words, " ")
}

// Applies reports whether the rule is for a record that names an agreement, or
// for one that names none.
func (r Rule) Applies(agreement bool) bool {
	switch r.Case {
	case WithAgreement:
		return agreement
	case WithoutAgreement:
		return !agreement
	}
	return true
}

// scanner walks over the words of a rule and knows where each one stands.
type scanner struct {
	text       string
	start, end int // of the current word, in bytes
}

func split(s string) *scanner {
	w := &scanner{text: s}
	w.next()
	return w
}

// word is the current word, "" after the last one.
func (w *scanner) word() string { return w.text[w.start:w.end] }

func (w *scanner) next() {
	for w.start = w.end; w.start < len(w.text) && w.text[w.start] == ' '; {
		w.start++
	}
	for w.end = w.start; w.end < len(w.text) && w.text[w.end] != ' '; {
		w.end++
	}
}

func (w *scanner) take(word string) bool {
	if w.word() != word {
		return false
	}
	w.next()
	return true
}

func (w *scanner) fail(what, why, mend string) error {
	return &RuleError{
		Offset: utf8.RuneCountInString(w.text[:w.start]),
		What:   what, Why: why, Mend: mend,
	}
}
