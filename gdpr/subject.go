package gdpr

import (
	"context"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// oneSubject is the person that an identity leads to: exactly one of the session's controller.
func (a *act) oneSubject(ctx context.Context, who Identity) (ID, error) {
	e := a.s.e
	of := *a
	session := *a.s
	of.s = &session
	if session.purpose == SubjectRights {
		session.purpose = Retention // own controller only: SubjectRights executes in the controller role alone
	}
	subjects, _, err := of.locate(ctx, who)
	if err != nil {
		return ID{}, err
	}
	switch len(subjects) {
	case 0:
		return ID{}, ErrNotFound
	case 1:
		row, err := e.store.Subject(ctx, subjects[0])
		if errors.Is(err, storage.ErrNotFound) {
			return ID{}, e.goneSubject(ctx, subjects[0])
		}
		if err != nil {
			return ID{}, err
		}
		controller, err := a.controller(ctx)
		if err != nil {
			return ID{}, err
		}
		if row.Controller != controller {
			return ID{}, a.refused(ctx, fmt.Errorf("%w: a person of another controller", ErrNotAllowed), []string{audit.Object("subject", row.ID)})
		}
		return row.ID, nil
	}
	return ID{}, fmt.Errorf("%w: the identifiers lead to several persons", ErrConflict)
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
