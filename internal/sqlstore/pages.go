package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/storage"
)

// A page of parts is read in the order of an index, so that reading ends where the page does. Equations would let a planner that has no statistics of the
// table yet, as after a first import, think that few rows match, and sort all that is left, for each page anew. So what the index leads with is
// a range, and what it does not know is a condition of which no planner guesses how much it leaves.

func (s *Store) page(ctx context.Context, q storage.PartQuery, subjects []storage.ID) ([]storage.Part, error) {
	after := q.After
	switch {
	case subjects != nil:
		return s.pageOfSubjects(ctx, q, subjects)
	case q.Hanging && !q.Owner.IsZero() && q.Family != "":
		owner, family := q.Owner, q.Family
		q.Owner, q.Family = storage.ID{}, "" // by the index
		return s.pageBy(ctx, q, `p.owner, p.family`, `p.bucket, p.record, p.part`, owner[:], family, after.Bucket, after.Record[:], after.Part)
	case q.Family != "":
		family := q.Family
		q.Family = ""
		return s.pageBy(ctx, q, `p.family`, `p.bucket, p.record, p.part`, family, after.Bucket, after.Record[:], after.Part)
	}
	return s.pageBy(ctx, q, ``, `p.bucket, p.record, p.part`, after.Bucket, after.Record[:], after.Part)
}

// pageBy reads a page by the index that has the columns of lead and then those of order; first are the values that it begins after, those of lead first.
func (s *Store) pageBy(ctx context.Context, q storage.PartQuery, lead, order string, first ...any) ([]storage.Part, error) {
	var where strings.Builder
	args := slices.Clone(first)
	columns := order
	if lead != "" {
		columns = lead + `, ` + order
	}
	where.WriteString(` WHERE (` + columns + `) > (` + marks(len(first)) + `)`)
	if lead != "" {
		n := strings.Count(lead, ",") + 1
		where.WriteString(` AND (` + lead + `) <= (` + marks(n) + `)`)
		args = append(args, first[:n]...)
	}
	rest, more := besides(q, "p")
	where.WriteString(rest + ` ORDER BY ` + columns + atMost)
	return s.parts(ctx, "read parts", q.Light, where.String(), append(append(args, more...), q.Limit)...)
}

func marks(n int) string { return `?` + strings.Repeat(`, ?`, n-1) }

// besides are the conditions that no index leads with, on the given table.
func besides(q storage.PartQuery, table string) (where string, args []any) {
	if q.Hanging {
		where += ` AND ` + table + `.hangs`
	}
	also := func(column string, value any) {
		where += ` AND COALESCE(` + table + `.` + column + ` = ?, FALSE)`
		args = append(args, value)
	}
	if !q.Owner.IsZero() {
		also(`owner`, q.Owner[:])
	}
	if q.Family != "" {
		also(`family`, q.Family)
	}
	if !q.Controller.IsZero() {
		also(`controller`, q.Controller[:])
	}
	return where, args
}

// pageOfSubjects reads a page of what is about any of the subjects, each of whom has all their parts in one bucket.
func (s *Store) pageOfSubjects(ctx context.Context, q storage.PartQuery, subjects []storage.ID) ([]storage.Part, error) {
	subjects = slices.DeleteFunc(slices.Clone(subjects), func(id storage.ID) bool { return id.Bucket() < q.After.Bucket })
	after := func(subject *storage.ID) storage.PartRef {
		if subject.Bucket() == q.After.Bucket {
			return q.After
		}
		return storage.PartRef{} // a bucket that the cursor has not reached
	}
	switch {
	case len(subjects) == 0:
		return nil, s.ready(ctx, "read parts")
	case len(subjects) == 1:
		from := after(&subjects[0])
		return s.pageBy(ctx, q, `p.subject`, `p.record, p.part`, subjects[0][:], from.Record[:], from.Part)
	case s.dialect.Arrays: // a page of each is more than enough
		rest, more := besides(q, "q")
		a := q.After
		args := append(idArrays(subjects), a.Bucket, a.Record[:], a.Bucket, a.Part)
		return s.partsFrom(ctx, "read parts", q.Light, ` FROM `+idList+` CROSS JOIN LATERAL (SELECT q.* FROM gallra_parts q
			WHERE (q.subject, q.record, q.part) > (a.id, CASE WHEN a.bucket = ? THEN ? ELSE CAST('' AS BYTEA) END, CASE WHEN a.bucket = ? THEN ? ELSE 0 END)
				AND q.subject <= a.id`+rest+` ORDER BY q.subject, q.record, q.part`+atMost+`) p`,
			` ORDER BY p.bucket, p.record, p.part`+atMost, append(append(args, more...), q.Limit, q.Limit)...)
	}
	rest, more := besides(q, "p")
	const one = `p.subject = ? AND (p.record, p.part) > (?, ?)`
	args := []any{}
	subjects = padded(subjects)
	for i := range subjects {
		from := after(&subjects[i])
		args = append(args, subjects[i][:], from.Record[:], from.Part)
	}
	return s.parts(ctx, "read parts", q.Light, ` WHERE (`+one+strings.Repeat(` OR `+one, len(subjects)-1)+`)`+rest+` ORDER BY p.bucket, p.record, p.part`+atMost,
		append(append(args, more...), q.Limit)...)
}
