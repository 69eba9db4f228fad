package gdpr

import (
	"context"
	"errors"
	"fmt"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
)

// The conditions that an act can meet. Match them with errors.Is.
var (
	// ErrNotFound: no record, person or agreement of that id or identifier.
	ErrNotFound = errors.New("not found")
	// ErrErased: it was there and was erased; nothing brings it back. It wraps ErrNotFound.
	ErrErased = fmt.Errorf("erased: %w", ErrNotFound)
	// ErrOnHold: a hold forbids to erase it (Art. 17(3)(e), 18(1)(b)-(c)).
	ErrOnHold = errors.New("on hold")
	// ErrRestricted: it may only be stored (Art. 18(2)).
	ErrRestricted = errors.New("restricted: may only be stored")
	// ErrNotAllowed: the actor, the purpose or the agreement does not cover the act (EPM-5, EPM-10, EPM-R1).
	ErrNotAllowed = errors.New("not allowed")
	// ErrPurposeEnded: the purpose's time has run out for this data (Art. 5(1)(b), (e)).
	ErrPurposeEnded = errors.New("purpose has ended")
	// ErrConflict: somebody else changed it first; read again.
	ErrConflict = errors.New("changed meanwhile")
	// ErrKeysUnavailable: the key service did not answer, or another key was given.
	ErrKeysUnavailable = crypto.ErrKeysUnavailable
	// ErrSchemaOutdated: the tables were written by another version of the library.
	ErrSchemaOutdated = storage.ErrSchemaOutdated
	// ErrOutcomeUnknown says that the connection was lost while committing, and that the store could not be asked again: the act is stored or it is not.
	ErrOutcomeUnknown = storage.ErrOutcomeUnknown
	// ErrBusy says that somebody else had the store for too long; nothing was stored. Of an erasure: a reader keeps its traces in the store's files.
	ErrBusy = storage.ErrBusy
	// ErrRestored: the store is behind its ledger of erasures: it was restored from a copy (EPM-4). [Session.Replay] erases again what came back, and opens it.
	ErrRestored = errors.New("store is behind its ledger: it was restored from a copy, and erased data may be back in it; bring it up to date by Replay")
	// ErrSuppressed: the person has objected, or was erased, and may not be stored again for the purpose. The error is an [*InputError].
	ErrSuppressed = errors.New("suppressed")
	// ErrClosed: the engine was closed.
	ErrClosed = storage.ErrClosed
	// ErrLeased: another process is sweeping.
	ErrLeased = storage.ErrLeased
)

// InputError says that input was refused before anything was written. It names the field and the reason, never the value.
type InputError struct {
	Field  string // such as "Fields.email"
	Reason string
	is     error // the condition that it is an instance of; may be nil
}

// Unwrap returns the condition that the error is an instance of, such as [ErrSuppressed].
func (e *InputError) Unwrap() error { return e.is }

// Error returns "FIELD: REASON".
func (e *InputError) Error() string { return e.Field + ": " + e.Reason }

func refuse(field, format string, args ...any) error {
	return &InputError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// translate turns what a store or the keyring reports into the conditions of this package.
func translate(err error) error {
	var cond *storage.ConditionError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, crypto.ErrDestroyed):
		return ErrErased
	case errors.Is(err, storage.ErrNotFound):
		return ErrNotFound
	case errors.As(err, &cond):
		return conditionFailed(cond)
	}
	return err
}

func conditionFailed(e *storage.ConditionError) error {
	for _, f := range e.Failures {
		if f.Reason == storage.Held {
			return ErrOnHold
		}
	}
	for _, f := range e.Failures {
		if f.Reason != storage.Missing && f.Reason != storage.Erased {
			continue
		}
		if f.Kind == storage.KindPart || f.Kind == storage.KindSubject || f.Kind == storage.KindSubjectKey || f.Kind == storage.KindControllerKey {
			return ErrErased
		}
	}
	return fmt.Errorf("%w: %w", ErrConflict, e)
}
