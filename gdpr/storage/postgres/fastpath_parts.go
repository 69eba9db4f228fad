package postgres

import (
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// partColumns are all columns of a part but its hold counter. Purposes and labels are joined before.
var partColumns = []column[partRow]{
	{"bucket", "SMALLINT", func(p *partRow) any { return p.Bucket }},
	{"record", "BYTEA", func(p *partRow) any { return p.Record[:] }},
	{"part", "INTEGER", func(p *partRow) any { return p.Part.Part }},
	{"rev", "BIGINT", func(p *partRow) any { return p.Rev }},
	{"version", "INTEGER", func(p *partRow) any { return p.Version }},
	{"controller", "BYTEA", func(p *partRow) any { return p.Controller[:] }},
	{"subject", "BYTEA", func(p *partRow) any { return p.Subject[:] }},
	{"family", "TEXT", func(p *partRow) any { return p.Family }},
	{"purposes", "TEXT", func(p *partRow) any { return p.purposes }},
	{"role", "TEXT", func(p *partRow) any { return p.Role }},
	{"class", "TEXT", func(p *partRow) any { return p.Class }},
	{"agreement", "BYTEA", func(p *partRow) any { return optional(&p.Agreement) }},
	{"assignment", "BYTEA", func(p *partRow) any { return optional(&p.Assignment) }},
	{"owner", "BYTEA", func(p *partRow) any { return optional(&p.Owner) }},
	{"hangs", "BOOLEAN", func(p *partRow) any { return p.Hangs }},
	{"due", "BIGINT", func(p *partRow) any { return micros(p.Due) }},
	{"restricted", "BOOLEAN", func(p *partRow) any { return p.Restricted }},
	{"labels", "TEXT", func(p *partRow) any { return p.labels }},
	{"facts", "BYTEA", func(p *partRow) any { return optionalBytes(p.Facts) }},
	{"sealed", "BYTEA", func(p *partRow) any { return required(p.Sealed) }},
}

type partRow struct {
	*storage.Part
	purposes, labels string
}

var held = column[partRow]{"held", "INTEGER", func(*partRow) any { return 0 }}

// partRows joins purposes and labels. What cannot be stored is left to the portable form to refuse.
func (p *plan) partRows(parts []storage.Part) []partRow {
	out := make([]partRow, len(parts))
	for i := range parts {
		purposes, err := sqlstore.JoinPurposes(parts[i].Purposes)
		labels, err2 := sqlstore.EncodeLabels(parts[i].Labels)
		p.ok = p.ok && err == nil && err2 == nil
		out[i] = partRow{&parts[i], purposes, labels}
	}
	slices.SortFunc(out, func(a, b partRow) int { return a.Compare(b.PartRef) })
	return out
}

func (p *plan) parts(b *storage.Batch) {
	refOf := func(r *partRow) storage.PartRef { return r.PartRef }
	put(p, p.partRows(b.PutParts), refOf, func(rows []partRow) []step {
		out := one(insert("parts", p.copies, append(slices.Clone(partColumns), held), rows))
		links := map[storage.PartRef]bool{} // (bucket of the part, record)
		var far []storage.PartRef
		for i := range rows {
			r := storage.PartRef{Bucket: rows[i].Bucket, Record: rows[i].Record}
			if r.Bucket != r.Record.Bucket() && !links[r] {
				links[r] = true
				far = append(far, r)
			}
		}
		if len(far) > 0 {
			link := insert("links", false, []column[storage.PartRef]{
				{"bucket", "SMALLINT", func(r *storage.PartRef) any { return r.Record.Bucket() }},
				{"record", "BYTEA", func(r *storage.PartRef) any { return r.Record[:] }},
				{"other", "SMALLINT", func(r *storage.PartRef) any { return r.Bucket }},
			}, far)
			link.sql += ` ON CONFLICT DO NOTHING`
			link.want = anyNumber
			out = append(out, link)
		}
		return out
	})
	put(p, p.partRows(b.RevisePart), refOf, func(rows []partRow) []step {
		return one(matching("parts", `UPDATE gallra_parts t SET rev = a.rev, version = a.version, controller = a.controller, subject = a.subject, family = a.family,
			purposes = a.purposes, role = a.role, class = a.class, agreement = a.agreement, assignment = a.assignment, owner = a.owner, hangs = a.hangs,
			due = a.due, restricted = a.restricted, labels = a.labels, facts = a.facts, sealed = a.sealed FROM `, thisPart+` AND t.rev = a.rev - 1`, ``,
			partColumns, rows, len(rows)))
	})
	p.retime(b.RetimeParts)
	put(p, b.EraseParts, func(e *storage.PartErase) storage.PartRef { return e.PartRef }, p.erase)
	p.left(b.Subjects)
	put(p, b.HoldParts, func(h *storage.PartHold) storage.PartRef { return h.PartRef }, holdParts)
}

// holdParts counts holds on parts; those with a new date in a statement of their own.
func holdParts(rows []storage.PartHold) (out []step) {
	for _, dated := range []bool{false, true} {
		var some []storage.PartHold
		for _, h := range rows {
			if (h.Due != nil) == dated {
				some = append(some, h)
			}
		}
		if len(some) == 0 {
			continue
		}
		cols := append(refColumns(func(h *storage.PartHold) *storage.PartRef { return &h.PartRef }),
			column[storage.PartHold]{"n", "INTEGER", func(h *storage.PartHold) any { return h.N }})
		due := ``
		if dated {
			due = `, due = a.due`
			cols = append(cols, column[storage.PartHold]{"due", "BIGINT", func(h *storage.PartHold) any { return micros(*h.Due) }})
		}
		out = append(out, matching("parts", `UPDATE gallra_parts t SET held = t.held + a.n, rev = t.rev + 1`+due+` FROM `, thisPart+` AND t.held + a.n >= 0`, ``,
			cols, some, len(some)))
	}
	return out
}

const thisPart = `t.bucket = a.bucket AND t.record = a.record AND t.part = a.part`

// refColumns name a part.
func refColumns[T any](ref func(*T) *storage.PartRef) []column[T] {
	return []column[T]{
		{"bucket", "SMALLINT", func(r *T) any { return ref(r).Bucket }},
		{"record", "BYTEA", func(r *T) any { return ref(r).Record[:] }},
		{"part", "INTEGER", func(r *T) any { return ref(r).Part }},
	}
}

func (p *plan) retime(rows []storage.Retime) {
	type row struct {
		*storage.Retime
		purposes string
	}
	all := make([]row, len(rows))
	for i := range rows {
		purposes, err := sqlstore.JoinPurposes(rows[i].Purposes)
		p.ok = p.ok && err == nil
		all[i] = row{&rows[i], purposes}
	}
	put(p, all, func(r *row) storage.PartRef { return r.PartRef }, func(rows []row) []step {
		cols := append(refColumns(func(r *row) *storage.PartRef { return &r.PartRef }), []column[row]{
			{"rev", "BIGINT", func(r *row) any { return r.Rev }},
			{"agreement", "BYTEA", func(r *row) any { return optional(&r.Agreement) }},
			{"assignment", "BYTEA", func(r *row) any { return optional(&r.Assignment) }},
			{"owner", "BYTEA", func(r *row) any { return optional(&r.Owner) }},
			{"hangs", "BOOLEAN", func(r *row) any { return r.Hangs }},
			{"due", "BIGINT", func(r *row) any { return micros(r.Due) }},
			{"restricted", "BOOLEAN", func(r *row) any { return r.Restricted }},
			{"purposes", "TEXT", func(r *row) any { return r.purposes }},
			{"facts", "BYTEA", func(r *row) any { return optionalBytes(r.Facts) }},
		}...)
		return one(matching("parts", `UPDATE gallra_parts t SET rev = t.rev + 1, agreement = a.agreement, assignment = a.assignment, owner = a.owner, hangs = a.hangs,
			due = a.due, restricted = a.restricted, purposes = a.purposes, facts = a.facts FROM `, thisPart+` AND t.rev = a.rev`, ``, cols, rows, len(rows)))
	})
}

// erase removes parts with their find-by rows, and the links of records that lie in two buckets.
func (p *plan) erase(rows []storage.PartErase) []step {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b storage.PartErase) int { return a.Compare(b.PartRef) })
	cols := append(refColumns(func(e *storage.PartErase) *storage.PartRef { return &e.PartRef }), []column[storage.PartErase]{
		{"subject", "BYTEA", func(e *storage.PartErase) any { return e.Subject[:] }},
		{"rev", "BIGINT", func(e *storage.PartErase) any { return e.Rev }},
	}...)
	out := one(matching("parts", `DELETE FROM gallra_parts t USING `, thisPart+` AND t.subject = a.subject AND t.held = 0 AND (a.rev = 0 OR t.rev = a.rev)`, ``,
		cols, rows, len(rows)))
	out = append(out, matching("index", `DELETE FROM gallra_index t USING `, thisPart+` AND t.part > 0 AND t.subject = a.subject`, ``, cols[:4], rows, anyNumber))
	var far []storage.PartErase
	for _, e := range rows {
		if e.Bucket != e.Record.Bucket() {
			far = append(far, e)
		}
	}
	if len(far) > 0 {
		link := append(refColumns(func(e *storage.PartErase) *storage.PartRef { return &e.PartRef }),
			column[storage.PartErase]{"home", "SMALLINT", func(e *storage.PartErase) any { return e.Record.Bucket() }})
		after := matching("links", `DELETE FROM gallra_links t USING `, `t.bucket = a.home AND t.record = a.record AND t.other = a.bucket
			AND NOT EXISTS (SELECT 1 FROM gallra_parts p WHERE p.bucket = a.bucket AND p.record = a.record)`, ``, link, far, anyNumber)
		after.looks = true
		out = append(out, after)
	}
	return out
}

// left looks which parts persons still have: after the locks were taken and after the parts of this batch went.
func (p *plan) left(subjects []storage.SubjectCond) {
	person := []column[storage.SubjectCond]{{"id", "BYTEA", func(c *storage.SubjectCond) any { return c.ID[:] }}}
	bare, _ := split(subjects, func(c *storage.SubjectCond) bool { return c.Bare })
	if len(bare) > 0 {
		from, args := source(person, bare)
		p.add(step{sql: `SELECT 1 FROM ` + from + ` WHERE EXISTS (SELECT 1 FROM gallra_parts p WHERE p.subject = a.id)`, args: args, want: 0, looks: true})
	}
	some, _ := split(subjects, func(c *storage.SubjectCond) bool { return len(c.Left) > 0 })
	if len(some) == 0 {
		return
	}
	var refs []leftPart
	for _, c := range some {
		for _, r := range c.Left {
			refs = append(refs, leftPart{r, c.ID})
		}
	}
	// As many as were named, and each of these: then they are the same.
	all := matching("", `SELECT 1 FROM gallra_parts t, `, `t.subject = a.id`, ``, person, some, len(refs))
	all.looks = true
	p.add(all,
		matching("", `SELECT 1 FROM gallra_parts t, `, thisPart+` AND t.subject = a.subject`, ``,
			append(refColumns(func(r *leftPart) *storage.PartRef { return &r.PartRef }),
				column[leftPart]{"subject", "BYTEA", func(r *leftPart) any { return r.subject[:] }}), refs, len(refs)))
}

// leftPart is a part that a person must still have.
type leftPart struct {
	storage.PartRef
	subject storage.ID
}
