package gdpr

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Freeze keeps what is held about a person from going before an open request for access or portability is answered (REQUIREMENTS 4.9). It is a hold of the case that nobody
// need release: it ends with the answer, or by itself after its last day.
type Freeze struct {
	Subject ID
	// Until is its last day: that of the answer.
	Until civil.Date
}

func (f *Freeze) check() error {
	switch {
	case f == nil:
		return nil
	case f.Subject.IsZero():
		return refuse("Freeze.Subject", "missing")
	case !f.Until.Valid():
		return refuse("Freeze.Until", "not a day")
	}
	return nil
}

const freezeGround = "open request: nothing goes before the copy is sealed (Art. 15(3), 20)"

// freeze places the freeze of a case, or moves its last day.
func (a *act) freeze(ctx context.Context, b *storage.Batch, of ID, fr *Freeze) error {
	if _, err := a.s.e.store.Subject(ctx, fr.Subject); errors.Is(err, storage.ErrNotFound) {
		return nil // nothing is left to keep
	} else if err != nil {
		return err
	}
	row, err := a.s.e.store.File(ctx, fileHold, of)
	body := holdBody{V: 1, Subject: fr.Subject, Ground: freezeGround, Owner: a.s.actor.String(), Placed: a.now, Freeze: true}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		row = storage.File{Kind: fileHold, ID: of, Parent: fr.Subject, State: stateActive}
		b.HoldSubjects = append(b.HoldSubjects, storage.Count{ID: fr.Subject, N: 1})
	case err != nil:
		return err
	case row.State != stateActive: // it has ended: what is frozen anew was free meanwhile
		row.State = stateActive
		b.HoldSubjects = append(b.HoldSubjects, storage.Count{ID: fr.Subject, N: 1})
	default:
		if json.Unmarshal(row.Body, &body) != nil {
			return errors.New("decode hold: not of format 1")
		}
		if fr.Until.Before(body.ReviewBy) { // a sweep may have dated parts by the day that it lasted to
			if err := a.dateAgain(ctx, b, fr.Subject); err != nil {
				return err
			}
		}
	}
	body.ReviewBy = fr.Until
	row.Rev++
	row.Due = fr.Until.End(a.s.e.zone).UTC()
	if row.Body, err = json.Marshal(body); err != nil {
		return errors.New("encode hold: not JSON")
	}
	b.PutFiles = append(b.PutFiles, row)
	return nil
}

// thaw ends the freeze of a case, if it has one in force: what came due meanwhile is due at once.
func (a *act) thaw(ctx context.Context, b *storage.Batch, of ID) error {
	row, err := a.s.e.store.File(ctx, fileHold, of)
	if errors.Is(err, storage.ErrNotFound) || err == nil && row.State != stateActive {
		return nil
	}
	if err != nil {
		return err
	}
	var body holdBody
	if json.Unmarshal(row.Body, &body) != nil || !body.Freeze {
		return errors.New("decode freeze: not of format 1")
	}
	return a.ended(ctx, b, row, body)
}

// onlyFrozen reports whether nothing but freezes keeps a person from being erased, and adds to the batch that this stays so: a hold that is placed meanwhile raises
// their revisions. A freeze keeps data from going; it does not keep it from being put right.
func (a *act) onlyFrozen(ctx context.Context, b *storage.Batch, subject ID) (bool, error) {
	holds, err := a.s.e.holdsOn(ctx, subject)
	if err != nil {
		return false, err
	}
	for _, h := range holds {
		if !h.Freeze {
			return false, nil
		}
	}
	for _, h := range holds {
		b.Files = append(b.Files, storage.FileCond{Kind: fileHold, ID: h.ID, Rev: h.file.Rev})
	}
	return len(holds) > 0, nil
}

// touchFreezes raises the revisions of the freezes of a person on whom a hold is placed.
func (a *act) touchFreezes(ctx context.Context, b *storage.Batch, subject ID) error {
	holds, err := a.s.e.holdsOn(ctx, subject)
	for _, h := range holds {
		if h.Freeze {
			h.file.Rev++
			b.PutFiles = append(b.PutFiles, h.file)
		}
	}
	return err
}

// lapse ends the freezes whose last day is over.
func (e *Engine) lapse(ctx context.Context) error {
	now := e.instant()
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileHold, State: stateActive, Before: now, Limit: 1000})
	if err != nil {
		return err
	}
	for _, f := range files {
		var body holdBody
		if json.Unmarshal(f.Body, &body) != nil {
			return errors.New("decode hold: not of format 1")
		}
		if !body.Freeze {
			continue
		}
		a := &act{s: e.As(Job("sweep"), Retention), now: now, action: "Release", grant: grantBuiltIn}
		var cond *storage.ConditionError
		if err := a.endHold(ctx, f, body, "the request is over its last day"); err != nil && !errors.As(err, &cond) {
			return err
		}
	}
	return nil
}
