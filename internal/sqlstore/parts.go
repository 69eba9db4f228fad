package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/storage"
)

const (
	partColumns = `p.bucket, p.record, p.part, p.rev, p.version, p.controller, p.subject, p.family, p.purposes, p.role, p.class,
		p.agreement, p.assignment, p.owner, p.hangs, p.due, p.held, p.restricted, p.labels, p.facts, s.rev, s.held, s.due, s.facts`
	fromParts   = ` FROM gallra_parts p`
	schedulesOf = ` LEFT JOIN gallra_schedules s ON s.owner = p.owner AND s.family = p.family`

	selectLight = `SELECT ` + partColumns
	// Keys come row by row: a planner that does not know how short a page is would join the tables as a whole.
	selectFull = `SELECT ` + partColumns + `, p.sealed,
		(SELECT k.wrapped FROM gallra_part_keys k WHERE k.bucket = p.bucket AND k.record = p.record AND k.part = p.part AND k.version = p.version),
		(SELECT j.wrapped FROM gallra_subject_keys j WHERE j.bucket = p.bucket AND j.id = p.subject)`

	// chunk is the longest list of values in one statement.
	chunk = 512
)

func scanPart(light bool) func(*sql.Rows, *storage.Part) error {
	return func(rows *sql.Rows, p *storage.Part) error {
		var purposes, labels string
		var rev, held sql.NullInt64
		var s storage.Schedule
		dest := []any{
			&p.Bucket, id(&p.Record), &p.Part, &p.Rev, &p.Version, id(&p.Controller), id(&p.Subject), &p.Family, &purposes, &p.Role, &p.Class,
			id(&p.Agreement), id(&p.Assignment), id(&p.Owner), &p.Hangs, instant(&p.Due), &p.Held, &p.Restricted, &labels, blob(&p.Facts),
			&rev, &held, instant(&s.Due), blob(&s.Facts), blob(&p.Sealed), blob(&p.Key), blob(&p.SubjectKey),
		}
		if light {
			dest = dest[:len(dest)-3]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		p.Purposes = split(purposes)
		if rev.Valid {
			s.Owner, s.Family, s.Rev, s.Held = p.Owner, p.Family, rev.Int64, int(held.Int64)
			p.Schedule = &s
		}
		var err error
		p.Labels, err = decodeLabels(labels)
		return err
	}
}

func (s *Store) parts(ctx context.Context, op string, light bool, where string, args ...any) ([]storage.Part, error) {
	return s.partsFrom(ctx, op, light, fromParts, where, args...)
}

// partsFrom reads parts p from another table than that of all.
func (s *Store) partsFrom(ctx context.Context, op string, light bool, from, where string, args ...any) ([]storage.Part, error) {
	query := selectFull
	if light {
		query = selectLight
	}
	return all(ctx, s, op, query+from+schedulesOf+where, args, scanPart(light))
}

// Record returns all parts of one record in the order of their numbers, wherever their buckets are.
func (s *Store) Record(ctx context.Context, record storage.ID) ([]storage.Part, error) {
	return s.parts(ctx, "read record", false, ` WHERE p.record = ? AND p.bucket IN (
		SELECT CAST(? AS INTEGER) UNION ALL SELECT other FROM gallra_links WHERE bucket = ? AND record = ?) ORDER BY p.part, p.bucket`,
		record[:], record.Bucket(), record.Bucket(), record[:])
}

// Parts returns at most q.Limit parts that match q and follow q.After, in the order of (bucket, record, part).
func (s *Store) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	if len(q.Subjects) == 0 {
		return s.labeled(ctx, q, nil)
	}
	if s.dialect.Arrays {
		return s.labeled(ctx, q, distinct(q.Subjects, storage.ID.Compare))
	}
	var out []storage.Part
	for ids := range slices.Chunk(distinct(q.Subjects, storage.ID.Compare), chunk) {
		rows, err := s.labeled(ctx, q, ids)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, func(a, b storage.Part) int { return a.PartRef.Compare(b.PartRef) })
	return out[:min(len(out), q.Limit)], nil
}

// Left returns one part of each of the given subjects that still has one.
func (s *Store) Left(ctx context.Context, subjects []storage.ID) ([]storage.Remainder, error) {
	scan := func(rows *sql.Rows, r *storage.Remainder) error {
		var purposes string
		err := rows.Scan(id(&r.Subject), &r.Family, &purposes)
		r.Purposes = split(purposes)
		return err
	}
	if s.dialect.Arrays {
		if len(subjects) == 0 {
			return nil, s.ready(ctx, "read what is left")
		}
		return all(ctx, s, "read what is left", `SELECT s.id, q.family, q.purposes FROM `+idList+` JOIN gallra_subjects s ON s.bucket = a.bucket AND s.id = a.id
			CROSS JOIN LATERAL (SELECT p.family, p.purposes FROM gallra_parts p WHERE p.subject = a.id LIMIT 1) q`,
			idArrays(distinct(subjects, storage.ID.Compare)), scan)
	}
	var out []storage.Remainder
	for ids := range slices.Chunk(distinct(subjects, storage.ID.Compare), chunk) {
		ids = padded(ids)
		args := make([]any, 0, 2*len(ids))
		for i := range ids {
			args = append(args, ids[i].Bucket(), ids[i][:])
		}
		rows, err := all(ctx, s, "read what is left", `SELECT s.id, p.family, p.purposes FROM gallra_subjects s
			JOIN gallra_parts p ON p.subject = s.id AND (p.record, p.part) = (SELECT q.record, q.part FROM gallra_parts q
				WHERE q.subject = s.id ORDER BY q.record, q.part LIMIT 1)
			WHERE s.bucket = ? AND s.id = ?`+strings.Repeat(` OR s.bucket = ? AND s.id = ?`, len(ids)-1), args, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// labeled selects by labels in Go, page by page: they are few, and no two databases read them alike.
func (s *Store) labeled(ctx context.Context, q storage.PartQuery, subjects []storage.ID) ([]storage.Part, error) {
	var out []storage.Part
	for {
		rows, err := s.page(ctx, q, subjects)
		if err != nil || len(q.Labels) == 0 {
			return rows, err
		}
		for _, p := range rows {
			if len(out) < q.Limit && hasLabels(p.Labels, q.Labels) {
				out = append(out, p)
			}
		}
		if len(rows) < q.Limit || len(out) == q.Limit {
			return out, nil
		}
		q.After = rows[len(rows)-1].PartRef
	}
}

func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
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
	const order = ` ORDER BY p.due, p.bucket, p.record, p.part` + atMost
	before := q.Before.UnixMicro()
	if q.After.Due.IsZero() {
		return s.parts(ctx, "read due parts", q.Light, ` WHERE p.due <= ?`+order, before, q.Limit)
	}
	after := q.After.Part
	return s.parts(ctx, "read due parts", q.Light, ` WHERE p.due <= ? AND (p.due, p.bucket, p.record, p.part) > (?, ?, ?, ?)`+order,
		before, q.After.Due.UnixMicro(), after.Bucket, after.Record[:], after.Part, q.Limit)
}

// Subject returns the row of one data subject, or [storage.ErrNotFound].
func (s *Store) Subject(ctx context.Context, subject storage.ID) (storage.Subject, error) {
	return one(ctx, s, "read subject", `SELECT id, controller, rev, held, created FROM gallra_subjects WHERE bucket = ? AND id = ?`,
		[]any{subject.Bucket(), subject[:]}, func(rows *sql.Rows, r *storage.Subject) error {
			return rows.Scan(id(&r.ID), id(&r.Controller), &r.Rev, &r.Held, instant(&r.Created))
		})
}

const (
	indexColumns = `subject, record, part, kind, token, controller, sealed`
	selectIndex  = `SELECT ` + indexColumns + ` FROM gallra_index`
)

func scanIndex(rows *sql.Rows, r *storage.IndexRow) error {
	return rows.Scan(id(&r.Subject), id(&r.Record), &r.Part, &r.Kind, blob(&r.Token), id(&r.Controller), blob(&r.Sealed))
}

// Lookup returns every row whose token is among tokens, in the order of (bucket, subject, record, part, kind, token).
func (s *Store) Lookup(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	return s.lookup(ctx, tokens, identifiers, findBy)
}

// Identifiers returns the rows of Lookup that are identifiers.
func (s *Store) Identifiers(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	return s.lookup(ctx, tokens, identifiers)
}

// The two kinds of index rows: each has an index of its own by token.
const (
	identifiers = `part < 1`
	findBy      = `part > 0`
)

func (s *Store) lookup(ctx context.Context, tokens [][]byte, kinds ...string) ([]storage.IndexRow, error) {
	var out []storage.IndexRow
	sorted := slices.CompactFunc(slices.SortedFunc(slices.Values(tokens), bytes.Compare), bytes.Equal)
	size := chunk
	if s.dialect.Arrays {
		size = max(1, len(sorted)) // all at once
	}
	for some := range slices.Chunk(sorted, size) {
		query, args := s.byToken(some, kinds)
		rows, err := all(ctx, s, "look up", query, args, scanIndex)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, func(a, b storage.IndexRow) int {
		return cmp.Or(a.Subject.Compare(b.Subject), a.Record.Compare(b.Record), cmp.Compare(a.Part, b.Part),
			cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Token, b.Token))
	})
	return out, nil
}

// byToken selects index rows of some kinds by a list of tokens.
func (s *Store) byToken(tokens [][]byte, kinds []string) (query string, args []any) {
	if s.dialect.Arrays {
		each := make([]string, len(kinds))
		for i, kind := range kinds {
			each[i] = selectIndex + ` WHERE token = a.wanted AND ` + kind
		}
		return `SELECT ` + indexColumns + ` FROM ` + wantedList + ` CROSS JOIN LATERAL (` + strings.Join(each, ` UNION ALL `) + `) i`, []any{byteArray(tokens)}
	}
	tokens = padded(tokens)
	for _, token := range tokens {
		args = append(args, required(token))
	}
	return selectIndex + ` WHERE token IN ` + list(len(tokens)) + ` AND (` + strings.Join(kinds, ` OR `) + `)`, args
}

// IndexOf returns every row of one subject, in the same order.
func (s *Store) IndexOf(ctx context.Context, subject storage.ID) ([]storage.IndexRow, error) {
	return all(ctx, s, "read index rows", selectIndex+` WHERE bucket = ? AND subject = ? ORDER BY record, part, kind, token`,
		[]any{subject.Bucket(), subject[:]}, scanIndex)
}

// list is a list of n placeholders in parentheses.
func list(n int) string { return `(?` + strings.Repeat(`,?`, n-1) + `)` }

// padded repeats the last value up to the next power of two, so that statements have few lengths.
func padded[T any](s []T) []T {
	n := 1
	for n < len(s) {
		n *= 2
	}
	s = slices.Grow(slices.Clip(s), n-len(s))
	for len(s) < n {
		s = append(s, s[len(s)-1])
	}
	return s
}

// distinct returns the sorted set of what is in s.
func distinct[T comparable](s []T, compare func(a, b T) int) []T {
	s = slices.Clone(s)
	slices.SortFunc(s, compare)
	return slices.Compact(s)
}
