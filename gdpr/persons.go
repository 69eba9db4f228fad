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
func (w *sweepWork) persons(ctx context.Context, erased []*storage.Part) (int, error) {
	controllers, seen := map[ID][]ID{}, make(map[ID]bool, len(erased))
	for _, p := range erased {
		if !seen[p.Subject] {
			seen[p.Subject] = true
			controllers[p.Controller] = append(controllers[p.Controller], p.Subject)
		}
	}
	gone := 0
	for controller, subjects := range controllers {
		n, err := w.bare(ctx, controller, subjects, erased)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// bare removes those of a controller's subjects that have no part left. erased is what went of them and of others.
func (w *sweepWork) bare(ctx context.Context, controller ID, subjects []ID, erased []*storage.Part) (int, error) {
	e := w.a.s.e
	left, err := e.store.Left(ctx, subjects)
	if err != nil {
		return 0, err
	}
	stay := make(map[ID]bool, len(left))
	lost := map[ID][]storage.Part{} // of those who may have an identifier without a purpose
	var thin []ID
	for i := range left {
		r := &left[i]
		stay[r.Subject] = true
		if w.mayLose(r.Family, r.Purposes) {
			thin = append(thin, r.Subject)
			lost[r.Subject] = nil
		}
	}
	if len(thin) > 0 {
		for _, p := range erased {
			if have, is := lost[p.Subject]; is {
				lost[p.Subject] = append(have, *p)
			}
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
		if err := e.erasePersonal(ctx, b, gone...); err != nil {
			return 0, err
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
		e.cache.dropPersons()
		break
	}
	return len(gone), w.identifiers(ctx, thin, lost)
}

// mayLose is that of the engine, asked once for each family and set of purposes.
func (w *sweepWork) mayLose(family string, purposes []string) bool {
	key := family + " " + joined(purposes)
	may, asked := w.may[key]
	if !asked {
		if w.may == nil {
			w.may = map[string]bool{}
		}
		may = w.a.s.e.mayLose(family, purposes)
		w.may[key] = may
	}
	return may
}
