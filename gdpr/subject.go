package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// oneSubject is the person that an identity leads to: exactly one of the session's controller, which for SubjectRights is the organization itself, since it
// executes in the controller role alone.
func (a *act) oneSubject(ctx context.Context, who Identity) (storage.Subject, error) {
	e := a.s.e
	if who.IsZero() {
		return storage.Subject{}, refuse("Subject", "missing: whom to look for")
	}
	ids, err := who.normalize("Subject", e.country())
	if err != nil {
		return storage.Subject{}, err
	}
	controller, err := a.controller(ctx)
	if err != nil {
		return storage.Subject{}, err
	}
	tokens, err := e.tokens([]ID{controller}, ids)
	if err != nil {
		return storage.Subject{}, err
	}
	rows, err := e.lookup(ctx, tokens, e.store.Identifiers)
	if err != nil {
		return storage.Subject{}, err
	}
	id := who.p.get().id
	for _, r := range rows {
		if !id.IsZero() && r.Subject != id {
			return storage.Subject{}, fmt.Errorf("%w: the identifiers lead to several persons", ErrConflict)
		}
		id = r.Subject
	}
	if id.IsZero() {
		return storage.Subject{}, ErrNotFound
	}
	row, err := e.store.Subject(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return storage.Subject{}, e.goneSubject(ctx, id)
	case err != nil:
		return storage.Subject{}, err
	case row.Controller != controller:
		return storage.Subject{}, a.refused(ctx, fmt.Errorf("%w: a person of another controller", ErrNotAllowed), []string{audit.Object("subject", row.ID)})
	}
	return row, e.notLeft(ctx, controller)
}

// controller is whose data the session is about: the organization's own, or that of its agreement's party.
func (a *act) controller(ctx context.Context) (ID, error) {
	if a.s.agreement.IsZero() {
		return a.s.e.self, nil
	}
	g, err := a.s.e.agreementOf(ctx, a.s.agreement)
	if err != nil {
		return ID{}, err
	}
	return g.Party, nil
}

// goneSubject is ErrErased for a person whose key has a tombstone, else ErrNotFound.
func (e *Engine) goneSubject(ctx context.Context, id ID) error {
	rows, err := e.keys.SubjectKeys(e.ofKeys(ctx), []ID{id})
	if err != nil {
		return err
	}
	if len(rows) == 1 && rows[0].Destroyed {
		return ErrErased
	}
	return ErrNotFound
}

// partsOfSubject are all parts of one person, without content.
func (e *Engine) partsOfSubject(ctx context.Context, subject ID) ([]storage.Part, error) {
	var out []storage.Part
	q := storage.PartQuery{Subjects: []ID{subject}, Light: true, Limit: 1000}
	for {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
		if len(parts) < q.Limit {
			return out, nil
		}
		q.After = parts[len(parts)-1].PartRef
	}
}

// partsOfSubjects are all parts of some persons, without content.
func (e *Engine) partsOfSubjects(ctx context.Context, ids []ID) (map[ID][]storage.Part, error) {
	out := map[ID][]storage.Part{}
	for chunk := range slices.Chunk(ids, lookupChunk) {
		q := storage.PartQuery{Subjects: chunk, Light: true, Limit: 4 * lookupChunk}
		for {
			parts, err := e.store.Parts(ctx, q)
			if err != nil {
				return nil, err
			}
			for _, p := range parts {
				out[p.Subject] = append(out[p.Subject], p)
			}
			if len(parts) < q.Limit {
				break
			}
			q.After = parts[len(parts)-1].PartRef
		}
	}
	return out, nil
}
