package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// ApplyKeys does all of the batch or nothing of it.
func (s *Store) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	t := &tx{}
	s.writeKeys(t, b)
	return t.end()
}

func (s *Store) writeKeys(t *tx, b *storage.KeyBatch) {
	for _, id := range b.DestroyControllers {
		put(t, s.controllerKeys, id, storage.ControllerKey{ID: id, Destroyed: true})
	}
	for _, k := range b.DestroySubjects {
		if old, ok := s.subjectKeys[k.ID]; ok {
			k.Controller = old.Controller
		}
		put(t, s.subjectKeys, k.ID, storage.SubjectKey{ID: k.ID, Controller: k.Controller, Destroyed: true})
	}
	for _, r := range b.DestroyParts {
		s.destroyPartKey(t, r)
	}
	for _, p := range b.DestroyAllOf {
		for r := range s.keysOfPart[p] {
			s.destroyPartKey(t, r)
		}
	}
	for _, k := range b.PutStore {
		if _, ok := s.storeKeys[k.Name]; ok {
			t.fail(storage.Failure{Kind: storage.KindStoreKey, Name: k.Name, Reason: storage.Exists})
			continue
		}
		k.Wrapped, k.Recovery = clone(k.Wrapped), clone(k.Recovery)
		put(t, s.storeKeys, k.Name, k)
	}
	for _, k := range b.PutControllers {
		if old, ok := s.controllerKeys[k.ID]; ok {
			t.fail(storage.Failure{Kind: storage.KindControllerKey, ID: k.ID, Reason: taken(old.Destroyed)})
			continue
		}
		k.Wrapped, k.Recovery = clone(k.Wrapped), clone(k.Recovery)
		put(t, s.controllerKeys, k.ID, k)
	}
	for _, k := range b.PutSubjects {
		if old, ok := s.subjectKeys[k.ID]; ok {
			t.fail(storage.Failure{Kind: storage.KindSubjectKey, ID: k.ID, Reason: taken(old.Destroyed)})
			continue
		}
		k.Wrapped = clone(k.Wrapped)
		put(t, s.subjectKeys, k.ID, k)
	}
	for _, k := range b.PutParts {
		if _, ok := s.partKeys[k.PartKeyRef]; ok {
			t.fail(storage.Failure{Kind: storage.KindPartKey, ID: k.Record, Part: k.Part, Reason: storage.Exists})
			continue
		}
		put(t, s.partKeys, k.PartKeyRef, clone(k.Wrapped))
		s.keysOfPart.add(t, k.PartRef, k.PartKeyRef)
	}
}

func taken(destroyed bool) storage.Reason {
	if destroyed {
		return storage.Erased
	}
	return storage.Exists
}

func (s *Store) destroyPartKey(t *tx, r storage.PartKeyRef) {
	if _, ok := s.partKeys[r]; ok {
		drop(t, s.partKeys, r)
		s.keysOfPart.remove(t, r.PartRef, r)
	}
}

// StoreKeys returns the store's own keysets, ordered by name.
func (s *Store) StoreKeys(ctx context.Context) ([]storage.StoreKey, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.StoreKey
	for _, k := range s.storeKeys {
		k.Wrapped, k.Recovery = clone(k.Wrapped), clone(k.Recovery)
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b storage.StoreKey) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// ControllerKey returns one row, a tombstone included, or [storage.ErrNotFound].
func (s *Store) ControllerKey(ctx context.Context, id storage.ID) (storage.ControllerKey, error) {
	if err := s.enter(ctx); err != nil {
		return storage.ControllerKey{}, err
	}
	defer s.mu.Unlock()
	k, ok := s.controllerKeys[id]
	if !ok {
		return k, storage.ErrNotFound
	}
	k.Wrapped, k.Recovery = clone(k.Wrapped), clone(k.Recovery)
	return k, nil
}

// SubjectKeys returns the rows of the given subjects, tombstones included, in the order of (bucket, id).
func (s *Store) SubjectKeys(ctx context.Context, ids []storage.ID) ([]storage.SubjectKey, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.SubjectKey
	for _, id := range distinct(ids, storage.ID.Compare) {
		if k, ok := s.subjectKeys[id]; ok {
			k.Wrapped = clone(k.Wrapped)
			out = append(out, k)
		}
	}
	return out, nil
}

// PartKeys returns the rows of the given part versions, in the order of (bucket, record, part, version).
func (s *Store) PartKeys(ctx context.Context, refs []storage.PartKeyRef) ([]storage.PartKey, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.PartKey
	for _, r := range distinct(refs, compareKeys) {
		if wrapped, ok := s.partKeys[r]; ok {
			out = append(out, storage.PartKey{PartKeyRef: r, Wrapped: clone(wrapped)})
		}
	}
	return out, nil
}

// AllPartKeys returns at most limit part keys that follow after, in the same order.
func (s *Store) AllPartKeys(ctx context.Context, after storage.PartKeyRef, limit int) ([]storage.PartKeyRef, error) {
	if limit < 1 {
		return nil, errLimit
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.PartKeyRef
	for r := range s.partKeys {
		if compareKeys(r, after) > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, compareKeys)
	return first(out, limit), nil
}

func compareKeys(a, b storage.PartKeyRef) int {
	return cmp.Or(a.PartRef.Compare(b.PartRef), cmp.Compare(a.Version, b.Version))
}

// distinct returns the sorted set of what is in s.
func distinct[T comparable](s []T, compare func(a, b T) int) []T {
	s = slices.Clone(s)
	slices.SortFunc(s, compare)
	return slices.Compact(s)
}

func first[T any](s []T, limit int) []T {
	return s[:min(len(s), limit)]
}
