package gdpr

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Record is what is collected at one moment for one activity. Role, controller, class, basis and deadlines follow
// from the activity (and, for a processor, from the agreement); they are no fields of it.
type Record struct {
	// Subject is the person it is about. Its identifiers decide who that is; an identifier also fills the activity's field of its
	// category when that is left out.
	Subject Identity
	// Fields are the values of the activity's fields. Every field is optional, but one must be there.
	Fields Fields
	// Also are further persons in the same record, each with fields of their own (REQUIREMENTS 4.11).
	Also []Share
	// Agreement is the agreement that a controller's record is kept under, if any. A processor's comes from the session.
	Agreement ID
	// Assignment is the assignment under that agreement, if any; it brings its agreement with it.
	Assignment ID
	// CollectedAt is when it was collected. Defaults to now; may lie in the past, for old data brought in.
	CollectedAt time.Time
	// Events are days of the register's own events that are known from the start and may lie ahead.
	Events map[retention.Event]civil.Date
	// Labels are the activity's declared clear values, to list and sort by. Never personal.
	Labels map[string]string
	// Source says where the data comes from, Art. 14(2)(f), 15(1)(g). Stored sealed.
	Source string
	// Origin is the place in an import, such as "tickets.csv:4711". Not stored; it names a refused line.
	Origin string
}

// Share is one further person's part in a record.
type Share struct {
	Subject Identity
	Fields  Fields
}

// String returns [redacted].
func (Record) String() string { return redacted }

// GoString returns [redacted].
func (Record) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Record) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Record) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Record) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// String returns [redacted].
func (Share) String() string { return redacted }

// GoString returns [redacted].
func (Share) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Share) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Share) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Share) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// Stored is a record as a session sees it: only the parts and fields that its purpose may use. What it says of the
// record is open; the values are behind a pointer and do not print.
type Stored struct {
	ID         ID
	Activity   string // the first activity of the record's family
	Purposes   []string
	Role       Role
	Controller ID // the party that decides; the organization itself, or a customer
	Agreement  ID
	Assignment ID
	Class      string
	Collected  civil.Date
	Version    int // of the first person's data; raised by every Update of it
	Labels     map[string]string
	Restricted bool

	p veiled[shares]
}

type shares struct {
	subjects []ID
	fields   map[ID]Fields
	said     map[ID][]string // supplementary statements
	versions map[ID]int
	source   string
	sealed   bool // a processor's record seen from SubjectRights: not opened
}

// Subject is the id of the person the record is about (of the first, if there are several).
func (r *Stored) Subject() ID {
	if who := r.p.get().subjects; len(who) > 0 {
		return who[0]
	}
	return ID{}
}

// Subjects are the ids of all persons in the record.
func (r *Stored) Subjects() []ID {
	return append([]ID(nil), r.p.get().subjects...)
}

// Fields returns the values of the first person's fields. The map is the caller's own.
func (r *Stored) Fields() Fields { return r.FieldsOf(r.Subject()) }

// FieldsOf returns the values of one person's fields.
func (r *Stored) FieldsOf(subject ID) Fields {
	out := Fields{}
	for k, v := range r.p.get().fields[subject] {
		out[k] = v
	}
	return out
}

// VersionOf returns the version of one person's data, raised by every Update of it; 0 for somebody else.
func (r *Stored) VersionOf(subject ID) int {
	return r.p.get().versions[subject]
}

// Text returns a string field of the first person, "" when it is absent.
func (r *Stored) Text(field string) string {
	return r.p.get().fields[r.Subject()].Text(field)
}

// Statement is what the first person adds to the record (Art. 16); "" for nothing. What they add to several parts of it comes in lines.
func (r *Stored) Statement() string { return r.StatementOf(r.Subject()) }

// StatementOf is what one person adds to the record.
func (r *Stored) StatementOf(subject ID) string {
	return strings.Join(r.p.get().said[subject], "\n")
}

// Source says where the data came from.
func (r *Stored) Source() string {
	return r.p.get().source
}

// Sealed reports that the values were not opened: a processor's record, seen while looking across controllers.
func (r *Stored) Sealed() bool { return r.p.get().sealed }

// String names the record and hides its values.
func (r *Stored) String() string { return "record " + r.ID.String() + " " + redacted }

// GoString is String.
func (r *Stored) GoString() string { return r.String() }

// Format prints String for every verb.
func (r *Stored) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, r.String()) }

// LogValue is String.
func (r *Stored) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON fails: take the values one by one.
func (r *Stored) MarshalJSON() ([]byte, error) { return nil, errMarshal }
