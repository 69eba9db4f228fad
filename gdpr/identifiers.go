package gdpr

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// identifiers removes those of surviving persons that were for what was erased and that nothing needs any more. lost is what was erased of each.
func (w *sweepWork) identifiers(ctx context.Context, subjects []ID, lost map[ID][]storage.Part) error {
	for chunk := range slices.Chunk(subjects, lookupChunk) {
		for try := 1; len(chunk) > 0; try++ {
			changed, err := w.unneeded(ctx, chunk, lost)
			if err != nil {
				return err
			}
			if try == tries && len(changed) > 0 {
				return ErrConflict
			}
			chunk = changed
		}
	}
	return nil
}

// tries is how often rows are read anew that change meanwhile.
const tries = 8

// unneeded does it for a few persons at once, and returns those who changed meanwhile.
func (w *sweepWork) unneeded(ctx context.Context, subjects []ID, lost map[ID][]storage.Part) ([]ID, error) {
	b := &storage.Batch{Lease: w.lease}
	remaining, err := w.remainingOf(ctx, subjects)
	if err != nil {
		return nil, err
	}
	for _, id := range subjects {
		// What ends within the lead was erased with the rest.
		left, err := w.a.s.e.dropIdentifiers(ctx, b, id, remaining(id), lost[id], w.walk.before)
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
			b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, Exclusive: true, NotHeld: true, Left: left})
		}
	}
	return w.forgetIdentifiers(ctx, b)
}

// remainingOf are the parts of each of some persons: read at once where that is one page, as it nearly always is, else of each person when asked for.
func (w *sweepWork) remainingOf(ctx context.Context, subjects []ID) (func(ID) iter.Seq2[storage.Part, error], error) {
	q := storage.PartQuery{Subjects: subjects, Light: true, Limit: 4 * lookupChunk}
	parts, err := w.a.s.e.store.Parts(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(parts) == q.Limit {
		return func(id ID) iter.Seq2[storage.Part, error] { return w.remaining(ctx, id) }, nil
	}
	of := map[ID][]storage.Part{}
	for _, p := range parts {
		of[p.Subject] = append(of[p.Subject], p)
	}
	return func(id ID) iter.Seq2[storage.Part, error] { return allOf(of[id]) }, nil
}

// remaining are the parts of a person, page by page.
func (w *sweepWork) remaining(ctx context.Context, subject ID) iter.Seq2[storage.Part, error] {
	return func(yield func(storage.Part, error) bool) {
		q := storage.PartQuery{Subjects: []ID{subject}, Light: true, Limit: 200}
		for {
			parts, err := w.a.s.e.store.Parts(ctx, q)
			if err != nil {
				yield(storage.Part{}, err)
				return
			}
			for _, p := range parts {
				if !yield(p, nil) {
					return
				}
			}
			if len(parts) < q.Limit {
				return
			}
			q.After = parts[len(parts)-1].PartRef
		}
	}
}

// allOf are parts that are read already.
func allOf(parts []storage.Part) iter.Seq2[storage.Part, error] {
	return func(yield func(storage.Part, error) bool) {
		for _, p := range parts {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// forgetIdentifiers applies the batch. Persons who are on hold or gone by now are left out; those whose parts have changed are returned.
func (w *sweepWork) forgetIdentifiers(ctx context.Context, b *storage.Batch) (changed []ID, err error) {
	for len(b.EraseIndex) > 0 {
		err := w.a.commit(ctx, b, audit.Entry{Count: len(b.EraseIndex), Why: "identifiers without a purpose"})
		var cond *storage.ConditionError
		if !errors.As(err, &cond) {
			return changed, err
		}
		n := len(b.Subjects)
		for _, f := range cond.Failures {
			if f.Kind == storage.KindSubject && f.Reason == storage.Changed {
				changed = append(changed, f.ID)
			}
			b.Subjects = slices.DeleteFunc(b.Subjects, func(c storage.SubjectCond) bool { return f.Kind == storage.KindSubject && c.ID == f.ID })
			b.EraseIndex = slices.DeleteFunc(b.EraseIndex, func(r storage.IndexRow) bool { return f.Kind == storage.KindSubject && r.Subject == f.ID })
		}
		if len(b.Subjects) == n {
			return nil, err
		}
	}
	return changed, nil
}

// dropIdentifiers adds to a batch the identifiers of a category that was for what goes, and that the remaining parts do not need at the given instant.
// If there are any it returns all those parts: no other may have come that needs them. It reads no further than it must.
func (e *Engine) dropIdentifiers(ctx context.Context, b *storage.Batch, subject ID, left iter.Seq2[storage.Part, error], gone []storage.Part, at time.Time) ([]storage.PartRef, error) {
	was := map[string]bool{}
	for _, p := range gone {
		if l := e.layouts[p.Family]; l != nil {
			for c := range l.categories(p.Purposes) {
				was[c] = was[c] || identifies(c)
			}
		}
	}
	if len(gone) > 0 { // a kind that no activity has a field for came with what went, or serves nothing that is left
		for _, kind := range []string{kindEmail, kindPhone, kindNational} {
			was[kind] = true
		}
	}
	rows, err := e.store.IndexOf(ctx, subject)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r storage.IndexRow) bool { return r.Part != 0 || !was[r.Kind] })
	has := map[string]bool{}
	for _, r := range rows {
		has[r.Kind] = true
	}
	var refs []storage.PartRef
	for p, err := range left {
		if err != nil {
			return nil, err
		}
		if len(has) == 0 {
			return nil, nil
		}
		refs = append(refs, p.PartRef)
		needs, err := e.needs(ctx, &p, at)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(has, func(kind string, _ bool) bool { return needs[kind] })
	}
	if len(refs) == 0 {
		return nil, nil // of a person with nothing left everything goes, elsewhere
	}
	rows = slices.DeleteFunc(rows, func(r storage.IndexRow) bool { return !has[r.Kind] })
	if rows, err = e.notCarried(ctx, subject, refs, rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	b.EraseIndex = append(b.EraseIndex, rows...)
	return refs, nil
}

// notCarried leaves out the identifiers that a remaining part holds as the value of a field, whatever the register calls it by now: the part may have no
// other row to be found by.
func (e *Engine) notCarried(ctx context.Context, subject ID, left []storage.PartRef, rows []storage.IndexRow) ([]storage.IndexRow, error) {
	q := storage.PartQuery{Subjects: []ID{subject}, Limit: page}
	for len(rows) > 0 {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		last := len(parts) < q.Limit
		if !last {
			q.After = parts[len(parts)-1].PartRef
		}
		parts = slices.DeleteFunc(parts, func(p storage.Part) bool { return !slices.Contains(left, p.PartRef) })
		if err := e.withKeys(ctx, parts); err != nil {
			return nil, err
		}
		for i := range parts {
			c, err := e.openPart(ctx, &parts[i])
			if errors.Is(err, crypto.ErrDestroyed) {
				return nil, nil // erased meanwhile: whoever did that looks at what is left
			}
			if err != nil {
				return nil, err
			}
			for _, v := range c.fields {
				text, _ := v.(string)
				rows = slices.DeleteFunc(rows, func(r storage.IndexRow) bool {
					form, why := normalize(r.Kind, text, e.country())
					if why != "" {
						return false
					}
					var tokens [][]byte
					tokens, err = e.ring.Tokens(r.Controller, r.Kind, form)
					return err == nil && slices.ContainsFunc(tokens, func(t []byte) bool { return bytes.Equal(t, r.Token) })
				})
				if err != nil {
					return nil, err
				}
			}
		}
		if last {
			break
		}
	}
	return rows, nil
}

// needs are the data categories that a part is for: those of its purposes that are in force at an instant, or whose floor is. A part that
// should have gone by then is on hold, and needs all.
func (e *Engine) needs(ctx context.Context, p *storage.Part, at time.Time) (map[string]bool, error) {
	l := e.layouts[p.Family]
	if l == nil { // the register does not know it any more: nothing can be told apart
		return map[string]bool{kindEmail: true, kindPhone: true, kindNational: true, kindRef: true}, nil
	}
	v, err := e.judge(ctx, p)
	if err != nil {
		return nil, err
	}
	if !v.Wake.IsZero() && !v.Wake.After(at) {
		return l.categories(p.Purposes), nil
	}
	var purposes []string
	for _, st := range v.Standings {
		if st.UseEnds.IsZero() || at.Before(st.UseEnds) || floored(st, at) {
			purposes = append(purposes, st.Purpose)
		}
	}
	return l.categories(purposes), nil
}

// floored reports whether a floor keeps data for a purpose at an instant.
func floored(st retention.Standing, at time.Time) bool {
	return st.FloorWaits || st.Floor != nil && st.Floor.End.After(at)
}

// mayLose reports whether a person with such a part may have an identifier without a purpose: not each of the part's purposes, of which some may
// have ended, uses all kinds that the register knows.
func (e *Engine) mayLose(family string, purposes []string) bool {
	l := e.layouts[family]
	if l == nil {
		return false
	}
	for _, purpose := range purposes {
		used := l.categories([]string{purpose})
		for _, other := range e.layouts {
			for kind := range other.byKind {
				if identifies(kind) && !used[kind] {
					return true
				}
			}
		}
	}
	return false
}

// identifies reports whether a data category is a kind of identifier.
func identifies(category string) bool {
	return category == kindEmail || category == kindPhone || category == kindNational || category == kindRef
}
