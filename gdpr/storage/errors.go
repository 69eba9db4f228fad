package storage

import (
	"errors"
	"fmt"
	"strings"
)

// The conditions that an adapter reports. It may wrap them with detail, never with the content of a row.
var (
	// ErrNotFound: a read of one row found none.
	ErrNotFound = errors.New("not found")
	// ErrLeased: another owner holds the lease.
	ErrLeased = errors.New("leased elsewhere")
	// ErrBusy: a reader prevents the store from finishing; try again.
	ErrBusy = errors.New("busy: a reader holds an old state of the store")
	// ErrOutcomeUnknown: the connection was lost while committing; the batch is stored or it is not.
	ErrOutcomeUnknown = errors.New("outcome of the commit unknown")
	// ErrSchemaOutdated: the tables were written by another version of the library.
	ErrSchemaOutdated = errors.New("schema does not fit this version of the library")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// Kind names a table in a condition that failed.
type Kind string

// The tables that conditions speak of.
const (
	KindPart          Kind = "part"
	KindSubject       Kind = "subject"
	KindIndex         Kind = "index"
	KindSchedule      Kind = "schedule"
	KindFile          Kind = "file"
	KindLease         Kind = "lease"
	KindEntry         Kind = "trail entry"
	KindSegment       Kind = "segment"
	KindProof         Kind = "proof"
	KindStoreKey      Kind = "store key"
	KindControllerKey Kind = "controller key"
	KindSubjectKey    Kind = "subject key"
	KindPartKey       Kind = "part key"
)

// Reason says why a condition failed.
type Reason string

// The reasons.
const (
	Missing Reason = "missing" // the row is not there, or not any more
	Exists  Reason = "exists"  // a row of that key is there
	Changed Reason = "changed" // its revision is another
	Held    Reason = "held"    // a hold counts on it
	Stale   Reason = "stale"   // the lease has a newer fence; the number was taken
	Erased  Reason = "erased"  // a tombstone stands there
)

// Failure is one row whose condition failed.
type Failure struct {
	Kind   Kind
	ID     ID     // record of a part or part key, subject of an index row, owner of a schedule, lane of an entry, else the row's own
	Part   int    // of a part or part key
	Name   string // family of a schedule, kind of a file or index row, name of a lease
	Reason Reason
}

// ConditionError says that a batch was not applied because conditions failed. It names all rows that failed.
type ConditionError struct{ Failures []Failure }

// Error names the first failures; ids only.
func (e *ConditionError) Error() string {
	var b strings.Builder
	b.WriteString("condition failed")
	for i, f := range e.Failures {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(e.Failures)-i)
			break
		}
		fmt.Fprintf(&b, "; %s %s %s", f.Kind, f.ID, f.Reason)
	}
	return b.String()
}

// Has reports whether a row of that kind failed for that reason.
func (e *ConditionError) Has(k Kind, r Reason) bool {
	for _, f := range e.Failures {
		if f.Kind == k && f.Reason == r {
			return true
		}
	}
	return false
}
