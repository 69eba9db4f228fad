package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// SchedulesOf returns the schedules of one agreement or assignment, ordered by family.
func (s *Store) SchedulesOf(ctx context.Context, owner storage.ID) ([]storage.Schedule, error) {
	byFamily := func(a, b storage.Schedule) int { return cmp.Compare(a.Family, b.Family) }
	return s.pick(ctx, byFamily, func(r *storage.Schedule) bool { return r.Owner == owner })
}

// DueSchedules returns the schedules with due at or before the given instant, ordered by (due, owner, family), at most limit.
func (s *Store) DueSchedules(ctx context.Context, before time.Time, limit int) ([]storage.Schedule, error) {
	if limit < 1 {
		return nil, errLimit
	}
	before = instant(before)
	out, err := s.pick(ctx, compareSchedules, func(r *storage.Schedule) bool { return !r.Due.IsZero() && !r.Due.After(before) })
	return first(out, limit), err
}

func compareSchedules(a, b storage.Schedule) int {
	return cmp.Or(a.Due.Compare(b.Due), a.Owner.Compare(b.Owner), cmp.Compare(a.Family, b.Family))
}

func (s *Store) pick(ctx context.Context, compare func(a, b storage.Schedule) int, want func(*storage.Schedule) bool) ([]storage.Schedule, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Schedule
	for _, r := range s.schedules {
		if want(&r) {
			out = append(out, cloneSchedule(r))
		}
	}
	slices.SortFunc(out, compare)
	return out, nil
}

// EventsOf returns the events of one object in the order in which they were appended.
func (s *Store) EventsOf(ctx context.Context, object storage.ID) ([]storage.Event, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Event
	for _, e := range s.events[object] {
		out = append(out, cloneEvent(e))
	}
	return out, nil
}

// File returns one row, or [storage.ErrNotFound].
func (s *Store) File(ctx context.Context, kind string, id storage.ID) (storage.File, error) {
	if err := s.enter(ctx); err != nil {
		return storage.File{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.files[fileKey{kind, id}]
	if !ok {
		return storage.File{}, storage.ErrNotFound
	}
	return cloneFile(r), nil
}

// Files returns at most q.Limit rows that match q and follow q.After, ordered by id.
func (s *Store) Files(ctx context.Context, q storage.FileQuery) ([]storage.File, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	before := instant(q.Before)
	var out []storage.File
	for _, r := range s.files {
		if r.Kind == q.Kind && r.ID.Compare(q.After) > 0 && (len(q.Parents) == 0 || slices.Contains(q.Parents, r.Parent)) && (q.State == "" || r.State == q.State) &&
			(len(q.Names) == 0 || named(q.Names, r.Name)) && (before.IsZero() || !r.Due.IsZero() && !r.Due.After(before)) {
			out = append(out, cloneFile(r))
		}
	}
	slices.SortFunc(out, func(a, b storage.File) int { return a.ID.Compare(b.ID) })
	return first(out, q.Limit), nil
}

func named(names [][]byte, name []byte) bool {
	return slices.ContainsFunc(names, func(n []byte) bool { return bytes.Equal(n, name) })
}

// Acquire gives the lease to owner until the given instant, or returns [storage.ErrLeased].
func (s *Store) Acquire(ctx context.Context, name, owner string, now, until time.Time) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	l := s.leases[name]
	if l.owner != owner && l.until.After(instant(now)) {
		return 0, storage.ErrLeased
	}
	l = lease{owner: owner, until: instant(until), fence: l.fence + 1}
	s.leases[name] = l
	return l.fence, nil
}

// Release ends the lease if it still has that fence. The row stays, with a fence that nobody was given.
func (s *Store) Release(ctx context.Context, name string, fence int64) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if l, ok := s.leases[name]; ok && l.fence == fence {
		s.leases[name] = lease{fence: fence + 1}
	}
	return nil
}
