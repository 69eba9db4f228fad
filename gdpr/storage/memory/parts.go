package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// Record returns all parts of one record in the order of their numbers.
func (s *Store) Record(ctx context.Context, record storage.ID) ([]storage.Part, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Part
	for ref := range s.partsOfRecord[record] {
		out = append(out, s.read(s.parts[ref], false))
	}
	slices.SortFunc(out, func(a, b storage.Part) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Bucket, b.Bucket))
	})
	return out, nil
}

// Parts returns at most q.Limit parts that match q and follow q.After, in the order of (bucket, record, part).
func (s *Store) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var refs []storage.PartRef
	keep := func(ref storage.PartRef) {
		if p := s.parts[ref]; ref.Compare(q.After) > 0 && matches(&p, &q) {
			refs = append(refs, ref)
		}
	}
	if len(q.Subjects) > 0 {
		for _, id := range distinct(q.Subjects, storage.ID.Compare) {
			for ref := range s.partsOfSubject[id] {
				keep(ref)
			}
		}
	} else {
		for ref := range s.parts {
			keep(ref)
		}
	}
	slices.SortFunc(refs, storage.PartRef.Compare)
	var out []storage.Part
	for _, ref := range first(refs, q.Limit) {
		out = append(out, s.read(s.parts[ref], q.Light))
	}
	return out, nil
}

// Left returns one part of each of the given subjects that still has one.
func (s *Store) Left(ctx context.Context, subjects []storage.ID) ([]storage.Remainder, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Remainder
	for _, id := range distinct(subjects, storage.ID.Compare) {
		if _, ok := s.subjects[id]; !ok {
			continue
		}
		for ref := range s.partsOfSubject[id] {
			p := s.parts[ref]
			out = append(out, storage.Remainder{Subject: id, Family: p.Family, Purposes: slices.Clone(p.Purposes)})
			break
		}
	}
	return out, nil
}

func matches(p *storage.Part, q *storage.PartQuery) bool {
	if !q.Controller.IsZero() && p.Controller != q.Controller || q.Family != "" && p.Family != q.Family ||
		!q.Owner.IsZero() && p.Owner != q.Owner || q.Hanging && !p.Hangs {
		return false
	}
	for k, v := range q.Labels {
		if got, ok := p.Labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Due returns at most q.Limit parts with a due at or before q.Before, in the order of (due, bucket, record, part), after q.After.
func (s *Store) Due(ctx context.Context, q storage.DueQuery) ([]storage.Part, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	before, after := instant(q.Before), storage.DueCursor{Due: instant(q.After.Due), Part: q.After.Part}
	var due []storage.DueCursor
	for ref, p := range s.parts {
		c := storage.DueCursor{Due: p.Due, Part: ref}
		if !p.Due.IsZero() && !p.Due.After(before) && (after.Due.IsZero() || compareDue(c, after) > 0) {
			due = append(due, c)
		}
	}
	slices.SortFunc(due, compareDue)
	var out []storage.Part
	for _, c := range first(due, q.Limit) {
		out = append(out, s.read(s.parts[c.Part], q.Light))
	}
	return out, nil
}

func compareDue(a, b storage.DueCursor) int {
	return cmp.Or(a.Due.Compare(b.Due), a.Part.Compare(b.Part))
}

// read adds to a part what a read adds.
func (s *Store) read(p storage.Part, light bool) storage.Part {
	out := clonePart(p)
	if r, ok := s.schedules[scheduleKey{p.Owner, p.Family}]; ok && !p.Owner.IsZero() {
		r = cloneSchedule(r)
		out.Schedule = &r
	}
	if light {
		out.Sealed = nil
		return out
	}
	out.Key = clone(s.partKeys[storage.PartKeyRef{PartRef: p.PartRef, Version: p.Version}])
	out.SubjectKey = clone(s.subjectKeys[p.Subject].Wrapped)
	return out
}

// Subject returns the row of one data subject, or [storage.ErrNotFound].
func (s *Store) Subject(ctx context.Context, id storage.ID) (storage.Subject, error) {
	if err := s.enter(ctx); err != nil {
		return storage.Subject{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.subjects[id]
	if !ok {
		return r, storage.ErrNotFound
	}
	return r, nil
}

// Lookup returns every row whose token is among tokens, in the order of (bucket, subject, record, part, kind, token).
func (s *Store) Lookup(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	keys := map[indexKey]struct{}{}
	for _, token := range tokens {
		for k := range s.indexOfToken[string(token)] {
			keys[k] = struct{}{}
		}
	}
	return s.indexRows(keys), nil
}

// Identifiers returns the rows of Lookup that are identifiers.
func (s *Store) Identifiers(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	rows, err := s.Lookup(ctx, tokens)
	var out []storage.IndexRow
	for _, r := range rows {
		if r.Part == 0 {
			out = append(out, r)
		}
	}
	return out, err
}

// IndexOf returns every row of one subject, in the same order.
func (s *Store) IndexOf(ctx context.Context, subject storage.ID) ([]storage.IndexRow, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.indexRows(s.indexOfSubject[subject]), nil
}

func (s *Store) indexRows(keys map[indexKey]struct{}) []storage.IndexRow {
	var out []storage.IndexRow
	for _, k := range slices.SortedFunc(maps.Keys(keys), indexKey.compare) {
		out = append(out, cloneIndex(s.index[k]))
	}
	return out
}
