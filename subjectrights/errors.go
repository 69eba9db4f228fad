package subjectrights

import (
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr"
)

// The conditions that an act on a case can meet. Match them with errors.Is.
var (
	// ErrPersonDecides: to refuse, to ask for a fee, to find that somebody is not identified, to rectify and to erase is a decision of a person, never of
	// a job (REQUIREMENTS 0.10, 3.2).
	ErrPersonDecides = errors.New("a person decides this, not a job")
	// ErrNotAsked: the request does not use that right.
	ErrNotAsked = errors.New("the request does not ask for this")
	// ErrNotGranted: nobody has decided that this is to be done.
	ErrNotGranted = errors.New("not decided on")
	// ErrNotIdentified: it is not established who asks (Art. 12(6), PRO-TIME).
	ErrNotIdentified = errors.New("the identity of the person who asks is not established")
	// ErrCopyFirst: the same request asks for a copy, which must be sealed before anything goes (REQUIREMENTS 4.9).
	ErrCopyFirst = errors.New("a copy was asked for: seal it first")
	// ErrTooLate: the time to answer cannot be extended any more, since the month is over (Art. 12(3)).
	ErrTooLate = errors.New("the month is over: it cannot be extended any more")
	// ErrUnfinished: something that was granted is not carried out, or a notice is not sent.
	ErrUnfinished = errors.New("not all is done")
	// ErrForward: the data belongs to a customer, who decides about it. Pass the request on (Art. 28(3)(e)).
	ErrForward = errors.New("held as processor: the controller decides, pass the request on")
	// ErrState is what every StateError is.
	ErrState = errors.New("not possible now")
)

// StateError says that an act is not possible in the state that a request is in. It wraps ErrState.
type StateError struct {
	From State
	Act  Act
}

// Error names state and act.
func (e *StateError) Error() string {
	if e.From == "" {
		return fmt.Sprintf("%s is not how a request begins", e.Act)
	}
	return fmt.Sprintf("the request is %s: %s is not possible now", e.From, e.Act)
}

// Unwrap returns ErrState.
func (e *StateError) Unwrap() error { return ErrState }

// AmbiguousError says that the identifiers of a request lead to several persons in our own records. A person finds out which one
// asked and names it in Request.Person: the wrong one must not get the answer (REQUIREMENTS 4.13). It wraps gdpr.ErrConflict.
type AmbiguousError struct {
	Persons []gdpr.ID
}

// Error says how many persons there are, and what to do.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("the identifiers lead to %d persons: find out who asked, and name that person in Request.Person", len(e.Persons))
}

// Unwrap returns gdpr.ErrConflict.
func (e *AmbiguousError) Unwrap() error { return gdpr.ErrConflict }

func refuse(field, reason string) error { return &gdpr.InputError{Field: field, Reason: reason} }
