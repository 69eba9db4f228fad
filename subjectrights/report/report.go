package report

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// The languages of a report.
const (
	Swedish = "sv"
	English = "en"
)

var (
	// ErrLanguage says that reports are in Swedish and English only.
	ErrLanguage = errors.New("not a language of the report: sv or en")
	// ErrChanged says that the records were not those any more that the report was made of. What was written is not whole: make it again.
	ErrChanged = errors.New("the data has changed since the report was made")
)

// Report is the answer to one request for access. It holds personal data behind a pointer and prints as [redacted]; JSON, JSONLines, CSV and HTML write it out.
type Report struct{ p *content }

// content is what a report holds: all but the records, unless the caller has them in memory.
type content struct {
	Input
	zone     *time.Location
	held     []*held
	sources  []sourceState
	problems []error
	count    int
	sum      [32]byte // over the records, in their order
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
	if in.Stream != nil && len(in.Records) > 0 {
		return nil, refuse("Stream", "given along with Records: one of them")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	in.PassedOn.To = slices.Sorted(slices.Values(in.PassedOn.To))
	in.Erased, in.Reads, in.Consents = slices.Clone(in.Erased), slices.Clone(in.Reads), slices.Clone(in.Consents)
	in.Suppressions, in.Restrictions, in.Sources = slices.Clone(in.Suppressions), slices.Clone(in.Restrictions), slices.Clone(in.Sources)
	zone, err := civil.LoadZone(in.Register.Organization.Zone)
	if err != nil {
		return nil, fmt.Errorf("make report: %w", err)
	}
	c := &content{Input: in, zone: zone}
	if in.Stream == nil {
		if err := c.arrange(); err != nil {
			return nil, err
		}
	}
	if err := c.survey(); err != nil {
		return nil, err
	}
	return &Report{c}, nil
}

// check looks at what is not a record.
func (in *Input) check() error {
	for _, e := range in.Erased {
		_, err := retention.ParseRule(e.Rule)
		if !e.Day.Valid() || (e.Rule == "") == (e.Ground == "") || e.Rule != "" && err != nil || e.Ground != "" && !e.Ground.Valid() {
			return refuse("Erased", "a day and either a rule or a ground")
		}
	}
	for _, x := range in.Reads {
		if !x.Day.Valid() || x.Count < 1 {
			return refuse("Reads", "a day and a count of one or more")
		}
	}
	for _, x := range in.Consents {
		if !x.Given.Valid() || !x.Withdrawn.IsZero() && x.Withdrawn.Before(x.Given) {
			return refuse("Consents", "the day it was given, and none before it on which it was withdrawn")
		}
	}
	for _, x := range in.Suppressions {
		if !x.Since.Valid() {
			return refuse("Suppressions", "the day since when")
		}
	}
	for _, x := range in.Restrictions {
		if _, ok := english.restricted[x.Ground]; !ok || !x.Since.Valid() {
			return refuse("Restrictions", "a letter of Art. 18(1), and the day since when")
		}
	}
	for _, x := range in.Sources {
		if strings.TrimSpace(x.Name) == "" || x.Items == nil {
			return refuse("Sources", "a name and its items")
		}
	}
	return nil
}

// Records is the number of records in the report.
func (r *Report) Records() int {
	if r == nil || r.p == nil {
		return 0
	}
	return r.p.count
}

// Case is the number of the request.
func (r *Report) Case() string {
	if r == nil || r.p == nil {
		return ""
	}
	return r.p.Case
}

// Incomplete says which sources could not be read to their end, and why; nil if all were. The person is still owed the rest.
func (r *Report) Incomplete() error {
	if r == nil || r.p == nil {
		return nil
	}
	return errors.Join(r.p.problems...)
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
