package subjectrights

import (
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr"
)

// The conditions that an act on a case can meet. Match them with errors.Is.
var (
	// ErrPersonDecides: to rectify, to erase and to refuse is a decision of a person, never of a job (REQUIREMENTS 0.10, 3.2).
	ErrPersonDecides = errors.New("a person decides this, not a job")
	// ErrNotAsked: the request does not use that right.
	ErrNotAsked = errors.New("the request does not ask for this")
	// ErrForward: the data belongs to a customer, who decides about it. Pass the request on (Art. 28(3)(e)).
	ErrForward = errors.New("held as processor: the controller decides, pass the request on")
)

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
