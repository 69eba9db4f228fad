package postgres

import (
	"maps"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// plan is a batch as statements over sets of rows, in the order in which the portable form goes row by row.
type plan struct {
	steps []step
	ok    bool // false: only the portable form can tell what the batch means

	copies bool // many new rows are copied in
}

// planOf makes the statements of a batch. It gives up where the order of rows within the batch matters: such batches are rare.
func planOf(b *storage.Batch, copies bool) *plan {
	p := &plan{ok: b.EraseController == nil && len(b.Segments) == 0, copies: copies}
	if p.ok {
		p.conditions(b)
		p.meta(b.PutMeta)
		p.subjects(b)
		p.parts(b)
		p.index(b)
		p.schedules(b)
		p.events(b)
		p.files(b)
		p.trail(b)
		p.keys(&b.Keys)
	}
	return p
}

func (p *plan) add(s ...step) { p.steps = append(p.steps, s...) }

func (p *plan) meta(all map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p.add(step{table: "meta " + name, want: anyNumber, args: []any{name, required(all[name])},
			sql: `INSERT INTO gallra_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`})
	}
}

// put adds a statement for each kind of rows, unless two rows of a batch have the same key.
func put[T any, K comparable](p *plan, rows []T, key func(*T) K, steps func([]T) []step) {
	if len(rows) == 0 || !p.ok {
		return
	}
	if len(rows) > 1 {
		seen := map[K]bool{}
		for i := range rows {
			k := key(&rows[i])
			if seen[k] {
				p.ok = false
				return
			}
			seen[k] = true
		}
	}
	p.add(steps(rows)...)
}

// one is a list with a single statement.
func one(s step) []step { return []step{s} }

// matching is a statement over the rows of a table that a list names: where says how they match, as t and a.
func matching[T any](table, head, where, tail string, cols []column[T], rows []T, want int) step {
	from, args := source(cols, rows)
	return step{table: table, sql: head + from + ` WHERE ` + where + tail, args: args, want: want}
}

const shared = ` FOR SHARE`

// locking is a statement that locks the rows that a list names, in its order, one probe each: a join would read the whole table for a long list.
func locking[T any](table, where, lock string, cols []column[T], rows []T) step {
	from, args := source(cols, rows)
	return step{sql: `SELECT 1 FROM ` + from + ` CROSS JOIN LATERAL (SELECT 1 FROM ` + table + ` t WHERE ` + where + lock + `) l`, args: args, want: len(rows)}
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func optional(id *storage.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func optionalBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func required(b []byte) any {
	if b == nil {
		return []byte{}
	}
	return b
}

// conditions lock the rows that the batch does not write: subjects, files, schedules, each by id.
func (p *plan) conditions(b *storage.Batch) {
	for _, exclusive := range []bool{false, true} {
		var some []storage.SubjectCond
		for _, c := range b.Subjects {
			if c.Exclusive == exclusive {
				some = append(some, c)
			}
		}
		lock := shared
		if exclusive {
			lock = ` FOR UPDATE`
		}
		slices.SortFunc(some, func(a, b storage.SubjectCond) int { return a.ID.Compare(b.ID) })
		put(p, some, func(c *storage.SubjectCond) storage.ID { return c.ID }, func(rows []storage.SubjectCond) []step {
			return one(locking(`gallra_subjects`, `t.bucket = a.bucket AND t.id = a.id AND (t.held = 0 OR NOT a.free)`, lock, []column[storage.SubjectCond]{
				{"bucket", "SMALLINT", func(c *storage.SubjectCond) any { return c.ID.Bucket() }},
				{"id", "BYTEA", func(c *storage.SubjectCond) any { return c.ID[:] }},
				{"free", "BOOLEAN", func(c *storage.SubjectCond) any { return c.NotHeld }},
			}, rows))
		})
	}
	put(p, b.Index, func(c *storage.IndexCond) indexKey {
		return indexKey{subject: c.Subject, kind: c.Kind, token: string(c.Token)}
	}, func(rows []storage.IndexCond) []step {
		return one(locking(`gallra_index`, `t.bucket = a.bucket AND t.subject = a.subject AND t.record = a.record AND t.part = 0
			AND t.kind = a.kind AND t.token = a.token`, shared, []column[storage.IndexCond]{
			{"bucket", "SMALLINT", func(c *storage.IndexCond) any { return c.Subject.Bucket() }},
			{"subject", "BYTEA", func(c *storage.IndexCond) any { return c.Subject[:] }},
			{"record", "BYTEA", func(*storage.IndexCond) any { return noID[:] }},
			{"kind", "TEXT", func(c *storage.IndexCond) any { return c.Kind }},
			{"token", "BYTEA", func(c *storage.IndexCond) any { return required(c.Token) }},
		}, rows))
	})
	type fileKey struct {
		kind string
		id   storage.ID
	}
	put(p, b.Files, func(c *storage.FileCond) fileKey { return fileKey{c.Kind, c.ID} }, func(rows []storage.FileCond) []step {
		return one(locking(`gallra_files`, `t.kind = a.kind AND t.id = a.id AND (a.rev = 0 OR t.rev = a.rev)
			AND (a.state = '' OR t.state = a.state) AND (t.held = 0 OR NOT a.free)`, shared, []column[storage.FileCond]{
			{"kind", "TEXT", func(c *storage.FileCond) any { return c.Kind }},
			{"id", "BYTEA", func(c *storage.FileCond) any { return c.ID[:] }},
			{"rev", "BIGINT", func(c *storage.FileCond) any { return c.Rev }},
			{"state", "TEXT", func(c *storage.FileCond) any { return c.State }},
			{"free", "BOOLEAN", func(c *storage.FileCond) any { return c.NotHeld }},
		}, rows))
	})
	for _, c := range b.Schedules {
		p.ok = p.ok && c.Rev > 0
	}
	put(p, b.Schedules, func(c *storage.ScheduleCond) schedule { return schedule{c.Owner, c.Family} }, func(rows []storage.ScheduleCond) []step {
		return one(locking(`gallra_schedules`, `t.owner = a.owner AND t.family = a.family AND t.rev = a.rev
			AND (t.held = 0 OR NOT a.free)`, shared, []column[storage.ScheduleCond]{
			{"owner", "BYTEA", func(c *storage.ScheduleCond) any { return c.Owner[:] }},
			{"family", "TEXT", func(c *storage.ScheduleCond) any { return c.Family }},
			{"rev", "BIGINT", func(c *storage.ScheduleCond) any { return c.Rev }},
			{"free", "BOOLEAN", func(c *storage.ScheduleCond) any { return c.NotHeld }},
		}, rows))
	})
	if c := b.Lease; c != nil {
		p.ok = p.ok && c.Fence != 0
		p.add(step{sql: `SELECT 1 FROM gallra_leases WHERE name = ? AND fence = ? FOR SHARE`, args: []any{c.Name, c.Fence}, want: 1})
	}
}

var noID storage.ID

type schedule struct {
	owner  storage.ID
	family string
}

func (p *plan) subjects(b *storage.Batch) {
	put(p, b.PutSubjects, func(r *storage.Subject) storage.ID { return r.ID }, func(rows []storage.Subject) []step {
		return one(insert("subjects", p.copies, []column[storage.Subject]{
			{"bucket", "SMALLINT", func(r *storage.Subject) any { return r.ID.Bucket() }},
			{"id", "BYTEA", func(r *storage.Subject) any { return r.ID[:] }},
			{"controller", "BYTEA", func(r *storage.Subject) any { return r.Controller[:] }},
			{"rev", "BIGINT", func(r *storage.Subject) any { return r.Rev }},
			{"held", "INTEGER", func(r *storage.Subject) any { return r.Held }},
			{"created", "BIGINT", func(r *storage.Subject) any { return micros(r.Created) }},
		}, rows))
	})
}

// index is what happens to identifiers and find-by rows, and to persons.
func (p *plan) index(b *storage.Batch) {
	put(p, b.HoldSubjects, func(c *storage.Count) storage.ID { return c.ID }, func(rows []storage.Count) []step {
		return one(matching("subjects", `UPDATE gallra_subjects t SET held = t.held + a.n FROM `, `t.bucket = a.bucket AND t.id = a.id AND t.held + a.n >= 0`, ``,
			[]column[storage.Count]{
				{"bucket", "SMALLINT", func(c *storage.Count) any { return c.ID.Bucket() }},
				{"id", "BYTEA", func(c *storage.Count) any { return c.ID[:] }},
				{"n", "INTEGER", func(c *storage.Count) any { return c.N }},
			}, rows, len(rows)))
	})
	named := []column[storage.Count]{
		{"id", "BYTEA", func(c *storage.Count) any { return c.ID[:] }},
		{"name", "TEXT", func(c *storage.Count) any { return c.Name }},
		{"n", "INTEGER", func(c *storage.Count) any { return c.N }},
	}
	put(p, b.HoldFiles, func(c *storage.Count) schedule { return schedule{c.ID, c.Name} }, func(rows []storage.Count) []step {
		return one(matching("files", `UPDATE gallra_files t SET held = t.held + a.n FROM `, `t.kind = a.name AND t.id = a.id AND t.held + a.n >= 0`, ``, named, rows, len(rows)))
	})
	put(p, b.PutIndex, func(r *storage.IndexRow) indexKey { return keyOf(r) }, func(rows []storage.IndexRow) []step {
		return one(insert("index", p.copies, slices.Concat(indexColumns, []column[storage.IndexRow]{
			{"controller", "BYTEA", func(r *storage.IndexRow) any { return r.Controller[:] }},
			{"sealed", "BYTEA", func(r *storage.IndexRow) any { return optionalBytes(r.Sealed) }},
		}), rows))
	})
	put(p, b.EraseIndex, func(r *storage.IndexRow) indexKey { return keyOf(r) }, func(rows []storage.IndexRow) []step {
		return one(matching("index", `DELETE FROM gallra_index t USING `, `t.bucket = a.bucket AND t.subject = a.subject AND t.record = a.record AND t.part = a.part
			AND t.kind = a.kind AND t.token = a.token`, ``, indexColumns, rows, anyNumber))
	})
	put(p, b.EraseSubjects, func(e *storage.SubjectErase) storage.ID { return e.ID }, func(rows []storage.SubjectErase) []step {
		cols := []column[storage.SubjectErase]{
			{"bucket", "SMALLINT", func(e *storage.SubjectErase) any { return e.ID.Bucket() }},
			{"id", "BYTEA", func(e *storage.SubjectErase) any { return e.ID[:] }},
		}
		return []step{
			matching("subjects", `DELETE FROM gallra_subjects t USING `, `t.bucket = a.bucket AND t.id = a.id AND t.held = 0`, ``, cols, rows, len(rows)),
			matching("index", `DELETE FROM gallra_index t USING `, `t.bucket = a.bucket AND t.subject = a.id`, ``, cols, rows, anyNumber),
		}
	})
	put(p, b.HoldSchedules, func(c *storage.Count) schedule { return schedule{c.ID, c.Name} }, func(rows []storage.Count) []step {
		if len(b.PutSchedules) > 0 {
			p.ok = false
		}
		return one(matching("schedules", `UPDATE gallra_schedules t SET held = t.held + a.n FROM `, `t.owner = a.id AND t.family = a.name AND t.held + a.n >= 0`, ``, named, rows, len(rows)))
	})
}

type indexKey struct {
	subject, record storage.ID
	part            int
	kind, token     string
}

func keyOf(r *storage.IndexRow) indexKey {
	return indexKey{r.Subject, r.Record, r.Part, r.Kind, string(r.Token)}
}

var indexColumns = []column[storage.IndexRow]{
	{"bucket", "SMALLINT", func(r *storage.IndexRow) any { return r.Subject.Bucket() }},
	{"subject", "BYTEA", func(r *storage.IndexRow) any { return r.Subject[:] }},
	{"record", "BYTEA", func(r *storage.IndexRow) any { return r.Record[:] }},
	{"part", "INTEGER", func(r *storage.IndexRow) any { return r.Part }},
	{"kind", "TEXT", func(r *storage.IndexRow) any { return r.Kind }},
	{"token", "BYTEA", func(r *storage.IndexRow) any { return required(r.Token) }},
}

func (p *plan) schedules(b *storage.Batch) {
	cols := []column[storage.Schedule]{
		{"owner", "BYTEA", func(r *storage.Schedule) any { return r.Owner[:] }},
		{"family", "TEXT", func(r *storage.Schedule) any { return r.Family }},
		{"rev", "BIGINT", func(r *storage.Schedule) any { return r.Rev }},
		{"held", "INTEGER", func(r *storage.Schedule) any { return r.Held }},
		{"due", "BIGINT", func(r *storage.Schedule) any { return micros(r.Due) }},
		{"facts", "BYTEA", func(r *storage.Schedule) any { return optionalBytes(r.Facts) }},
	}
	put(p, b.PutSchedules, func(r *storage.Schedule) schedule { return schedule{r.Owner, r.Family} }, func(rows []storage.Schedule) []step {
		fresh, known := split(rows, func(r *storage.Schedule) bool { return r.Rev == 1 })
		var out []step
		if len(fresh) > 0 {
			out = append(out, insert("schedules", p.copies, cols, fresh))
		}
		if len(known) > 0 {
			out = append(out, matching("schedules", `UPDATE gallra_schedules t SET rev = a.rev, due = a.due, facts = a.facts FROM `,
				`t.owner = a.owner AND t.family = a.family AND t.rev = a.rev - 1`, ``, cols, known, len(known)))
		}
		return out
	})
}

// split parts a list in two.
func split[T any](rows []T, first func(*T) bool) (a, b []T) {
	for i := range rows {
		if first(&rows[i]) {
			a = append(a, rows[i])
		} else {
			b = append(b, rows[i])
		}
	}
	return a, b
}

func (p *plan) events(b *storage.Batch) {
	put(p, b.PutEvents, func(e *storage.Event) storage.ID { return e.Object }, func(rows []storage.Event) []step {
		from, args := source([]column[storage.Event]{
			{"object", "BYTEA", func(e *storage.Event) any { return e.Object[:] }},
			{"id", "BYTEA", func(e *storage.Event) any { return e.ID[:] }},
			{"at", "BIGINT", func(e *storage.Event) any { return micros(e.At) }},
			{"body", "BYTEA", func(e *storage.Event) any { return required(e.Body) }},
		}, rows)
		return one(step{table: "events", args: args, want: len(rows), sql: `INSERT INTO gallra_events (object, seq, id, at, body)
			SELECT a.object, COALESCE((SELECT MAX(e.seq) FROM gallra_events e WHERE e.object = a.object), 0) + 1, a.id, a.at, a.body FROM ` + from})
	})
}

func (p *plan) files(b *storage.Batch) {
	cols := []column[storage.File]{
		{"kind", "TEXT", func(r *storage.File) any { return r.Kind }},
		{"id", "BYTEA", func(r *storage.File) any { return r.ID[:] }},
		{"rev", "BIGINT", func(r *storage.File) any { return r.Rev }},
		{"held", "INTEGER", func(r *storage.File) any { return r.Held }},
		{"parent", "BYTEA", func(r *storage.File) any { return r.Parent[:] }},
		{"state", "TEXT", func(r *storage.File) any { return r.State }},
		{"name", "BYTEA", func(r *storage.File) any { return required(r.Name) }},
		{"is_unique", "BOOLEAN", func(r *storage.File) any { return r.Unique }},
		{"due", "BIGINT", func(r *storage.File) any { return micros(r.Due) }},
		{"body", "BYTEA", func(r *storage.File) any { return required(r.Body) }},
	}
	put(p, b.PutFiles, func(r *storage.File) schedule { return schedule{r.ID, r.Kind} }, func(rows []storage.File) []step {
		fresh, known := split(rows, func(r *storage.File) bool { return r.Rev == 1 })
		var out []step
		if len(fresh) > 0 {
			out = append(out, insert("files", p.copies, cols, fresh))
		}
		if len(known) > 0 {
			out = append(out, matching("files", `UPDATE gallra_files t SET rev = a.rev, parent = a.parent, state = a.state, name = a.name,
				is_unique = a.is_unique, due = a.due, body = a.body FROM `, `t.kind = a.kind AND t.id = a.id AND t.rev = a.rev - 1`, ``, cols, known, len(known)))
		}
		return out
	})
	put(p, b.EraseFiles, func(r *storage.FileRef) schedule { return schedule{r.ID, r.Kind} }, func(rows []storage.FileRef) []step {
		return one(matching("files", `DELETE FROM gallra_files t USING `, `t.kind = a.kind AND t.id = a.id`, ``, []column[storage.FileRef]{
			{"kind", "TEXT", func(r *storage.FileRef) any { return r.Kind }},
			{"id", "BYTEA", func(r *storage.FileRef) any { return r.ID[:] }},
		}, rows, anyNumber))
	})
}

func (p *plan) trail(b *storage.Batch) {
	if len(b.Entries) > 0 {
		first, last := b.Entries[0], b.Entries[len(b.Entries)-1]
		for i, e := range b.Entries { // of one lane, as the engine writes them
			p.ok = p.ok && e.Lane == first.Lane && e.Seq == first.Seq+uint64(i)
		}
		lane := step{table: "lanes", sql: `UPDATE gallra_lanes SET last = ? WHERE id = ? AND last = ?`, want: 1,
			args: []any{int64(last.Seq), first.Lane[:], int64(first.Seq) - 1}}
		if first.Seq == 1 {
			lane = step{table: "lanes", sql: `INSERT INTO gallra_lanes (last, id) VALUES (?, ?)`, args: []any{int64(last.Seq), first.Lane[:]}, want: anyNumber}
		}
		p.add(lane, insert("entries", p.copies, []column[storage.Entry]{
			{"lane", "BYTEA", func(e *storage.Entry) any { return e.Lane[:] }},
			{"seq", "BIGINT", func(e *storage.Entry) any { return int64(e.Seq) }},
			{"at", "BIGINT", func(e *storage.Entry) any { return micros(e.At) }},
			{"body", "BYTEA", func(e *storage.Entry) any { return required(e.Body) }},
			{"mac", "BYTEA", func(e *storage.Entry) any { return required(e.MAC) }},
		}, b.Entries))
	}
	p.ok = p.ok && len(b.Proofs) < 2
	for _, r := range b.Proofs {
		p.add(step{table: "proofs", want: 1, sql: `INSERT INTO gallra_proofs (n, id, at, prev, digest, mac, body, confirmed)
			SELECT CAST(? AS BIGINT), CAST(? AS BYTEA), CAST(? AS BIGINT), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BOOLEAN)
			WHERE COALESCE((SELECT n FROM gallra_proofs ORDER BY n DESC LIMIT 1), 0) = ?
			AND COALESCE((SELECT digest FROM gallra_proofs ORDER BY n DESC LIMIT 1), ?) = ?`,
			args: []any{int64(r.N), r.ID[:], micros(r.At), required(r.Prev), required(r.Digest), required(r.MAC), required(r.Body), r.Confirmed,
				int64(r.N) - 1, required(r.Prev), required(r.Prev)}})
	}
	if len(b.Confirm) > 0 {
		from, args := source([]column[uint64]{{"n", "BIGINT", func(n *uint64) any { return int64(*n) }}}, b.Confirm)
		p.add(step{table: "proofs", sql: `UPDATE gallra_proofs t SET confirmed = TRUE FROM ` + from + ` WHERE t.n = a.n`, args: args, want: anyNumber})
	}
}
