package report

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// The languages of a report.
const (
	Swedish = "sv"
	English = "en"
)

// ErrLanguage says that reports are in Swedish and English only.
var ErrLanguage = errors.New("not a language of the report: sv or en")

// Input is what a report is made of. It prints as [redacted].
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
	// Records are all records about the person that the organization holds as controller.
	Records []Record
	// PassedOn says where else the request goes.
	PassedOn PassedOn
}

// Record is one record and why it is there.
type Record struct {
	Stored *gdpr.Stored
	Why    *gdpr.Explanation
}

// PassedOn are the controllers for whom the organization processes data about the person. They answer for themselves (Art. 28(3)(e)).
type PassedOn struct {
	// To are the names of those whose terms let us name them.
	To []string
	// Unnamed: there are others, too.
	Unnamed bool
}

// Report is the answer to one request for access. It holds personal data behind a pointer and prints as [redacted]; JSON and HTML write it out.
type Report struct{ p *content }

// content is what a report holds.
type content struct {
	Input
	zone *time.Location
}

// New makes a report. It refuses records of another controller or about somebody else, and ones that are not explained: a report holds all and
// only what the organization holds about this person as controller (EPM-D1).
func New(in Input) (*Report, error) {
	if in.Register == nil {
		return nil, refuse("Register", "missing")
	}
	if !in.Received.Valid() || !in.Due.Valid() || in.Made.IsZero() {
		return nil, refuse("Received", "a report needs the days of receipt and answer, and when it is made")
	}
	in.Records = slices.Clone(in.Records)
	in.PassedOn.To = slices.Sorted(slices.Values(in.PassedOn.To))
	for _, r := range in.Records {
		switch {
		case r.Stored == nil || r.Why == nil || r.Why.Record != r.Stored.ID:
			return nil, refuse("Records", "one without its explanation")
		case r.Stored.Sealed() || r.Stored.Role.ForOther():
			return nil, refuse("Records", "one that belongs to another controller, who answers for it")
		case in.Person.IsZero() || !slices.Contains(r.Stored.Subjects(), in.Person):
			return nil, refuse("Records", "one that is about somebody else")
		}
	}
	slices.SortStableFunc(in.Records, func(x, y Record) int { return x.Stored.Collected.Compare(y.Stored.Collected) })
	zone, err := civil.LoadZone(in.Register.Organization.Zone)
	if err != nil {
		return nil, fmt.Errorf("make report: %w", err)
	}
	return &Report{&content{in, zone}}, nil
}

// Records is the number of records in the report.
func (r *Report) Records() int {
	if r == nil || r.p == nil {
		return 0
	}
	return len(r.p.Records)
}

func refuse(field, reason string) error {
	return fmt.Errorf("make report: %w", &gdpr.InputError{Field: field, Reason: reason})
}

const redactedText = "[redacted]"

var errMarshal = errors.New("personal data is not marshaled by accident: write it out with report.JSON")

// String returns [redacted].
func (Report) String() string { return redactedText }

// GoString returns [redacted].
func (Report) GoString() string { return redactedText }

// Format prints [redacted] for every verb.
func (Report) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// LogValue returns [redacted].
func (Report) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON fails: JSON writes the report.
func (Report) MarshalJSON() ([]byte, error) { return nil, errMarshal }

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
