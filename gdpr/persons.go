package gdpr

import (
	"context"
	"errors"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// persons is the second step of a sweep: data subjects of whom nothing is left lose their row, index rows and key. Whether something
// is left is looked at by the store, after it has locked the person's row: a record that was put meanwhile keeps the person.
// Of the others, identifiers go that were for what was erased, and whose category no purpose may use any more.
func (w *sweepWork) persons(ctx context.Context, erased []storage.Part) (int, error) {
	controllers := map[ID][]ID{}
	lost := map[ID][]storage.Part{}
	for _, p := range erased {
		if lost[p.Subject] == nil {
			controllers[p.Controller] = append(controllers[p.Controller], p.Subject)
		}
		lost[p.Subject] = append(lost[p.Subject], p)
	}
	gone := 0
	for controller, subjects := range controllers {
		n, err := w.bare(ctx, controller, subjects, lost)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// bare removes those of a controller's subjects that have no part left. lost is what was erased of each.
func (w *sweepWork) bare(ctx context.Context, controller ID, subjects []ID, lost map[ID][]storage.Part) (int, error) {
	e := w.a.s.e
	left, err := e.store.Left(ctx, subjects)
	if err != nil {
		return 0, err
	}
	stay := map[ID]bool{}
	var thin []ID
	for _, r := range left {
		stay[r.Subject] = true
		if e.mayLose(r.Family, r.Purposes) {
			thin = append(thin, r.Subject)
		}
	}
	gone := slices.DeleteFunc(slices.Clone(subjects), func(id ID) bool { return stay[id] })
	for len(gone) > 0 {
		b := &storage.Batch{Lease: w.lease, PutMeta: w.progress()}
		for _, id := range gone {
			b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, Exclusive: true, NotHeld: true, Bare: true})
			b.EraseSubjects = append(b.EraseSubjects, storage.SubjectErase{ID: id})
			b.Keys.DestroySubjects = append(b.Keys.DestroySubjects, storage.SubjectKey{ID: id, Controller: controller})
		}
		_, err := w.a.erase(ctx, b, audit.Proof{Kind: audit.ErasedSubjects, Controller: controller, Subjects: gone}, audit.Entry{Count: len(gone), Why: "nothing left"})
		var cond *storage.ConditionError
		if errors.As(err, &cond) {
			for _, f := range cond.Failures {
				if f.Kind == storage.KindSubject {
					stay[f.ID] = true
				}
			}
			n := len(gone)
			gone = slices.DeleteFunc(gone, func(id ID) bool { return stay[id] })
			if len(gone) == n && !cond.Has(storage.KindProof, storage.Stale) {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, id := range gone {
			e.ring.ForgetSubject(controller, id)
		}
		break
	}
	return len(gone), w.identifiers(ctx, thin, lost)
}
