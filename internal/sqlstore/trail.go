package sqlstore

import (
	"context"
	"database/sql"

	"github.com/gallra/gallra/gdpr/storage"
)

// Lanes returns each lane with its last number, ordered by lane id.
func (s *Store) Lanes(ctx context.Context) ([]storage.Lane, error) {
	return all(ctx, s, "read lanes", `SELECT id, last FROM gallra_lanes ORDER BY id`, nil, func(rows *sql.Rows, l *storage.Lane) error {
		return rows.Scan(id(&l.ID), &l.Last)
	})
}

// Entries returns the entries of one lane with a number over after, in order, at most limit.
func (s *Store) Entries(ctx context.Context, lane storage.ID, after uint64, limit int) ([]storage.Entry, error) {
	if limit < 1 {
		return nil, errLimit
	}
	return all(ctx, s, "read trail", `SELECT lane, seq, at, body, mac FROM gallra_entries WHERE lane = ? AND seq > ? ORDER BY seq`+atMost,
		[]any{lane[:], int64(after), limit}, func(rows *sql.Rows, e *storage.Entry) error {
			return rows.Scan(id(&e.Lane), &e.Seq, instant(&e.At), blob(&e.Body), blob(&e.MAC))
		})
}

func scanSegment(rows *sql.Rows, r *storage.Segment) error { return rows.Scan(&r.N, blob(&r.Body)) }

// Segments returns the segments with a number over after, in order, at most limit.
func (s *Store) Segments(ctx context.Context, after uint64, limit int) ([]storage.Segment, error) {
	if limit < 1 {
		return nil, errLimit
	}
	return all(ctx, s, "read segments", `SELECT n, body FROM gallra_segments WHERE n > ? ORDER BY n`+atMost, []any{int64(after), limit}, scanSegment)
}

// LastSegment returns the segment with the highest number, or [storage.ErrNotFound].
func (s *Store) LastSegment(ctx context.Context) (storage.Segment, error) {
	return one(ctx, s, "read last segment", `SELECT n, body FROM gallra_segments ORDER BY n DESC LIMIT 1`, nil, scanSegment)
}

const selectProof = `SELECT n, id, at, prev, digest, mac, body, confirmed FROM gallra_proofs`

func scanProof(rows *sql.Rows, p *storage.Proof) error {
	return rows.Scan(&p.N, id(&p.ID), instant(&p.At), blob(&p.Prev), blob(&p.Digest), blob(&p.MAC), blob(&p.Body), &p.Confirmed)
}

// Proofs returns the proofs with a number over after, in order, at most limit.
func (s *Store) Proofs(ctx context.Context, after uint64, limit int) ([]storage.Proof, error) {
	if limit < 1 {
		return nil, errLimit
	}
	return all(ctx, s, "read proofs", selectProof+` WHERE n > ? ORDER BY n`+atMost, []any{int64(after), limit}, scanProof)
}

// LastProof returns the proof with the highest number, without its body, or [storage.ErrNotFound].
func (s *Store) LastProof(ctx context.Context) (storage.Proof, error) {
	return one(ctx, s, "read last proof", `SELECT n, id, at, prev, digest, mac, confirmed FROM gallra_proofs ORDER BY n DESC LIMIT 1`, nil,
		func(rows *sql.Rows, p *storage.Proof) error {
			return rows.Scan(&p.N, id(&p.ID), instant(&p.At), blob(&p.Prev), blob(&p.Digest), blob(&p.MAC), &p.Confirmed)
		})
}

// ProofOf returns the proofs whose body names the given id, in order. It reads every proof.
func (s *Store) ProofOf(ctx context.Context, id storage.ID) ([]storage.Proof, error) {
	return all(ctx, s, "search proofs", selectProof+` WHERE `+s.dialect.Contains+` ORDER BY n`, []any{[]byte(id.String())}, scanProof)
}

// OpenProofs returns the proofs that are not confirmed, in order.
func (s *Store) OpenProofs(ctx context.Context) ([]storage.Proof, error) {
	return all(ctx, s, "read open proofs", selectProof+` WHERE NOT confirmed ORDER BY n`, nil, scanProof)
}
