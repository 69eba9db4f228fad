package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// Lanes returns each lane with its last number, ordered by lane id.
func (s *Store) Lanes(ctx context.Context) ([]storage.Lane, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Lane
	for id, rows := range s.entries {
		out = append(out, storage.Lane{ID: id, Last: uint64(len(rows))})
	}
	slices.SortFunc(out, func(a, b storage.Lane) int { return a.ID.Compare(b.ID) })
	return out, nil
}

// Entries returns the entries of one lane with a number over after, in order, at most limit.
func (s *Store) Entries(ctx context.Context, lane storage.ID, after uint64, limit int) ([]storage.Entry, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return page(s.entries[lane], after, limit, cloneEntry)
}

// Segments returns the segments with a number over after, in order, at most limit.
func (s *Store) Segments(ctx context.Context, after uint64, limit int) ([]storage.Segment, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return page(s.segments, after, limit, cloneSegment)
}

// LastSegment returns the segment with the highest number, or [storage.ErrNotFound].
func (s *Store) LastSegment(ctx context.Context) (storage.Segment, error) {
	if err := s.enter(ctx); err != nil {
		return storage.Segment{}, err
	}
	defer s.mu.Unlock()
	return last(s.segments, cloneSegment)
}

// Proofs returns the proofs with a number over after, in order, at most limit.
func (s *Store) Proofs(ctx context.Context, after uint64, limit int) ([]storage.Proof, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return page(s.proofs, after, limit, cloneProof)
}

// LastProof returns the proof with the highest number, without its body, or [storage.ErrNotFound].
func (s *Store) LastProof(ctx context.Context) (storage.Proof, error) {
	if err := s.enter(ctx); err != nil {
		return storage.Proof{}, err
	}
	defer s.mu.Unlock()
	return last(s.proofs, func(p storage.Proof) storage.Proof {
		p.Body = nil
		return cloneProof(p)
	})
}

// ProofOf returns the proofs whose body names the given id, in order.
func (s *Store) ProofOf(ctx context.Context, id storage.ID) ([]storage.Proof, error) {
	name := []byte(id.String())
	return s.someProofs(ctx, func(p *storage.Proof) bool { return bytes.Contains(p.Body, name) })
}

// OpenProofs returns the proofs that are not confirmed, in order.
func (s *Store) OpenProofs(ctx context.Context) ([]storage.Proof, error) {
	return s.someProofs(ctx, func(p *storage.Proof) bool { return !p.Confirmed })
}

func (s *Store) someProofs(ctx context.Context, want func(*storage.Proof) bool) ([]storage.Proof, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []storage.Proof
	for i := range s.proofs {
		if want(&s.proofs[i]) {
			out = append(out, cloneProof(s.proofs[i]))
		}
	}
	return out, nil
}

// page copies rows numbered from 1 without gaps.
func page[T any](rows []T, after uint64, limit int, clone func(T) T) ([]T, error) {
	if limit < 1 {
		return nil, errLimit
	}
	var out []T
	for i := after; i < uint64(len(rows)) && len(out) < limit; i++ {
		out = append(out, clone(rows[i]))
	}
	return out, nil
}

func last[T any](rows []T, clone func(T) T) (T, error) {
	if len(rows) == 0 {
		var none T
		return none, storage.ErrNotFound
	}
	return clone(rows[len(rows)-1]), nil
}
