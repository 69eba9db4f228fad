package report

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// Input is what a report is made of. All but the first six fields may be left out. It prints as [redacted].
type Input struct {
	// Register is the register in force: purposes, bases, recipients, periods.
	Register *gdpr.Register
	// Case is the number of the request.
	Case string
	// Received is the day of the request, Due the last day to answer it.
	Received, Due civil.Date
	// Made is when the report is made.
	Made time.Time
	// Person is whose data it is; zero when nothing is held.
	Person gdpr.ID
	// Records are all records about the person that the organization holds as controller, in any order.
	Records []Record
	// Stream hands them out instead, when they are too many for memory: those of an activity one after the other. It is read once to make the report, for what
	// must be said first, and once more for each file that is written.
	Stream iter.Seq2[Record, error]
	// Sources are where else the organization holds data about the person as controller: an application's own tables, a file share.
	Sources []Source
	// Erased is what was held and is no more.
	Erased []Erased
	// Reads is when and why the data was read: days and purposes, no staff (CJEU C-579/21).
	Reads []Read
	// Consents are those that the person has given, Art. 7.
	Consents []Consent
	// Suppressions are the person's objections to an activity, Art. 21(2)-(3).
	Suppressions []Suppression
	// Restrictions are those in force, Art. 18.
	Restrictions []Restriction
	// PassedOn says where else the request goes.
	PassedOn PassedOn
}

// Record is one record and why it is there.
type Record struct {
	Stored *gdpr.Stored
	Why    *gdpr.Explanation
	// Supplement is what the person has added to it, Art. 16; nil for nothing. Behind a pointer, so that it does not print.
	Supplement *string
}

// Source is a place outside the engine. The register describes what is held there: its activities are among the organization's own.
type Source struct {
	// Name tells the person what it is: "Lönesystemet".
	Name string
	// Items hands out what is held there about the person. It is read as Stream is. An error ends it: then the report says that the source could not be read
	// to its end and that the rest follows. The error itself is not shown (see Report.Incomplete).
	Items iter.Seq2[Item, error]
}

// Item is a piece of data of a Source. It prints as [redacted].
type Item struct {
	// Activity is that of the register for which it is held as controller.
	Activity string
	// Collected is the day on which it was collected; zero if that is not known.
	Collected civil.Date
	// Fields are its values, under the names of the activity's fields where it has them.
	Fields gdpr.Fields
}

// Erased is something that was held for an activity, and erased on a day, by a rule of the register or on a ground.
type Erased struct {
	Day      civil.Date
	Activity string
	Records  int
	Rule     string      // as retention.ParseRule reads it
	Ground   gdpr.Ground // or this
}

// Read is that data was read on a day, so and so many times, for a purpose: an activity of the register, gdpr.SubjectRights or gdpr.Retention.
type Read struct {
	Day     civil.Date
	Purpose string
	Count   int
}

// Consent is one that the person has given for an activity.
type Consent struct {
	Activity  string
	Given     civil.Date
	Withdrawn civil.Date // zero while it stands
	Version   string     // of the text consented to
	How       string     // "Webbformuläret"
}

// Suppression is that the person has said no to an activity.
type Suppression struct {
	Activity string
	Since    civil.Date
}

// Restriction is that data may only be stored, on a ground of Art. 18(1): "A18-1-a" to "A18-1-d".
type Restriction struct {
	Ground string
	Since  civil.Date
	Record gdpr.ID // zero: all that is held
}

// PassedOn are the controllers for whom the organization processes data about the person. They answer for themselves (Art. 28(3)(e)).
type PassedOn struct {
	// To are the names of those whose terms let us name them.
	To []string
	// Unnamed: there are others, too.
	Unnamed bool
}

// String returns [redacted].
func (Input) String() string { return redactedText }

// GoString returns [redacted].
func (Input) GoString() string { return redactedText }

// Format prints [redacted] for every verb.
func (Input) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// LogValue returns [redacted].
func (Input) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON fails.
func (Input) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// String returns [redacted].
func (Item) String() string { return redactedText }

// GoString returns [redacted].
func (Item) GoString() string { return redactedText }

// Format prints [redacted] for every verb.
func (Item) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// LogValue returns [redacted].
func (Item) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON fails.
func (Item) MarshalJSON() ([]byte, error) { return nil, errMarshal }
