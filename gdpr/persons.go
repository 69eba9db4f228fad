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
// Of the others, identifiers go whose category no purpose may use any more.
func (w *sweepWork) persons(ctx context.Context, erased []candidate) (int, error) {
	controllers := map[ID][]ID{}
	seen := map[ID]bool{}
	for i := range erased {
		p := &erased[i].part
		if !seen[p.Subject] {
			seen[p.Subject] = true
			controllers[p.Controller] = append(controllers[p.Controller], p.Subject)
		}
	}
	gone := 0
	for controller, subjects := range controllers {
		n, err := w.bare(ctx, controller, subjects)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// bare removes those of a controller's subjects that have no part left.
func (w *sweepWork) bare(ctx context.Context, controller ID, subjects []ID) (int, error) {
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
		b := &storage.Batch{Lease: w.lease}
		for _, id := range gone {
			b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, Exclusive: true, NotHeld: true, Bare: true})
			b.EraseSubjects = append(b.EraseSubjects, storage.SubjectErase{ID: id})
			b.Keys.DestroySubjects = append(b.Keys.DestroySubjects, storage.SubjectKey{ID: id, Controller: controller})
		}
		_, err := w.a.erase(ctx, b, audit.Proof{Kind: audit.ErasedSubjects, Controller: controller, Subjects: gone}, audit.Entry{Count: len(gone), Why: "nothing left"})
		var cond *storage.ConditionError
		if errors.As(err, &cond) {
			if cond.Has(storage.KindLease, storage.Stale) {
				return 0, err
			}
			for _, f := range cond.Failures {
				stay[f.ID] = true
			}
			gone = slices.DeleteFunc(gone, func(id ID) bool { return stay[id] })
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
	return len(gone), w.identifiers(ctx, thin)
}

// identifiers removes the identifiers of surviving persons whose category no purpose of their remaining parts may use.
func (w *sweepWork) identifiers(ctx context.Context, subjects []ID) error {
	e := w.a.s.e
	for chunk := range slices.Chunk(subjects, lookupChunk) {
		of := map[ID][]storage.Part{}
		q := storage.PartQuery{Subjects: chunk, Light: true, Limit: 2000}
		for {
			parts, err := e.store.Parts(ctx, q)
			if err != nil {
				return err
			}
			for _, p := range parts {
				of[p.Subject] = append(of[p.Subject], p)
			}
			if len(parts) < q.Limit {
				break
			}
			q.After = parts[len(parts)-1].PartRef
		}
		b := &storage.Batch{Lease: w.lease}
		for _, id := range chunk {
			if len(of[id]) == 0 {
				continue
			}
			n := len(b.EraseIndex)
			if err := e.dropIdentifiers(ctx, b, id, of[id]); err != nil {
				return err
			}
			if len(b.EraseIndex) > n {
				b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, Exclusive: true})
			}
		}
		if len(b.EraseIndex) == 0 {
			continue
		}
		err := w.a.commit(ctx, b, audit.Entry{Count: len(b.EraseIndex), Why: "identifiers without a purpose"})
		var cond *storage.ConditionError
		if err != nil && !errors.As(err, &cond) {
			return err
		}
	}
	return nil
}

// mayLose reports whether a person with such a part may have an identifier without a purpose: the part uses fewer kinds than the register knows.
func (e *Engine) mayLose(family string, purposes []string) bool {
	l := e.layouts[family]
	if l == nil {
		return false
	}
	used := l.categories(purposes)
	for _, other := range e.layouts {
		for kind := range other.byKind {
			if identifies(kind) && !used[kind] {
				return true
			}
		}
	}
	return false
}

// identifies reports whether a data category is a kind of identifier.
func identifies(category string) bool {
	return category == kindEmail || category == kindPhone || category == kindNational || category == kindRef
}

const orphanAge = 24 * 60 * 60 * 1000 // milliseconds

// dropOrphans destroys part keys, kept in a store of their own, whose part or version is gone: what a crash between two stores leaves.
func (e *Engine) dropOrphans(ctx context.Context) error {
	var after storage.PartKeyRef
	for {
		refs, err := e.keys.AllPartKeys(ctx, after, 1000)
		if err != nil || len(refs) == 0 {
			return err
		}
		after = refs[len(refs)-1]
		k := storage.KeyBatch{}
		for i := 0; i < len(refs); {
			parts, err := e.store.Record(ctx, refs[i].Record)
			if err != nil {
				return err
			}
			record := refs[i].Record
			for ; i < len(refs) && refs[i].Record == record; i++ {
				at := slices.IndexFunc(parts, func(p storage.Part) bool { return p.PartRef == refs[i].PartRef })
				young := e.instant().UnixMilli()-recordMillis(record) < orphanAge
				if at >= 0 && refs[i].Version < parts[at].Version || at < 0 && !young {
					k.DestroyParts = append(k.DestroyParts, refs[i])
				}
			}
		}
		if !k.Empty() {
			if err := e.keys.ApplyKeys(ctx, &k); err != nil {
				return err
			}
		}
	}
}

// recordMillis is the instant in a record's id.
func recordMillis(id ID) int64 {
	var ms int64
	for _, b := range id[1:7] {
		ms = ms<<8 | int64(b)
	}
	return ms
}
