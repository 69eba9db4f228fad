package sqlstore

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

const thisPart = `bucket = ? AND record = ? AND part = ?`

func (t *tx) writeParts(b *storage.Batch) {
	for _, p := range sorted(b.PutParts, func(p *storage.Part) storage.PartRef { return p.PartRef }) {
		t.putPart(p)
	}
	for _, p := range sorted(b.RevisePart, func(p *storage.Part) storage.PartRef { return p.PartRef }) {
		t.revisePart(p)
	}
	for _, r := range sorted(b.RetimeParts, func(r *storage.Retime) storage.PartRef { return r.PartRef }) {
		t.retimePart(r)
	}
	for _, e := range sorted(b.EraseParts, func(e *storage.PartErase) storage.PartRef { return e.PartRef }) {
		t.erasePart(e)
	}
	for _, c := range b.Subjects {
		var one int
		if c.Bare && t.get(`SELECT 1 FROM gallra_parts WHERE subject = ? LIMIT 1`, []any{c.ID[:]}, &one) {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: storage.Exists})
		}
		if len(c.Left) > 0 && !t.left(&c) {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: storage.Changed})
		}
	}
	for _, h := range sorted(b.HoldParts, func(h *storage.PartHold) storage.PartRef { return h.PartRef }) {
		t.holdPart(h)
	}
}

// left reports whether exactly the named parts of a subject are left.
func (t *tx) left(c *storage.SubjectCond) bool {
	want := map[storage.PartRef]bool{}
	for _, r := range c.Left {
		want[r] = true
	}
	n, same := 0, true
	t.each(`SELECT bucket, record, part FROM gallra_parts WHERE subject = ?`, []any{c.ID[:]}, func(rows *sql.Rows) error {
		var r storage.PartRef
		err := rows.Scan(&r.Bucket, id(&r.Record), &r.Part)
		n, same = n+1, same && want[r]
		return err
	})
	return same && n == len(want)
}

// sorted orders rows by their key, so that the database walks its trees once and all batches lock alike.
func sorted[T any](rows []T, ref func(*T) storage.PartRef) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	slices.SortStableFunc(out, func(a, b *T) int { return ref(a).Compare(ref(b)) })
	return out
}

func (t *tx) putPart(p *storage.Part) {
	purposes, err := JoinPurposes(p.Purposes)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	labels, err := EncodeLabels(p.Labels)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	if t.exec(`INSERT INTO gallra_parts (bucket, record, part, rev, version, controller, subject, family, purposes, role, class,
		agreement, assignment, owner, hangs, due, held, restricted, labels, facts, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		p.Bucket, p.Record[:], p.Part, p.Rev, p.Version, p.Controller[:], p.Subject[:], p.Family, purposes, p.Role, p.Class,
		optional(p.Agreement), optional(p.Assignment), optional(p.Owner), p.Hangs, micros(p.Due), p.Restricted, labels,
		optionalBytes(p.Facts), required(p.Sealed)) == 0 {
		t.failPart(p.PartRef, storage.Exists)
		return
	}
	if p.Bucket != p.Record.Bucket() {
		t.exec(`INSERT INTO gallra_links (bucket, record, other) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, p.Record.Bucket(), p.Record[:], p.Bucket)
	}
}

func (t *tx) revisePart(p *storage.Part) {
	purposes, err := JoinPurposes(p.Purposes)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	labels, err := EncodeLabels(p.Labels)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	if t.exec(`UPDATE gallra_parts SET rev = rev + 1, version = ?, controller = ?, subject = ?, family = ?, purposes = ?, role = ?, class = ?,
		agreement = ?, assignment = ?, owner = ?, hangs = ?, due = ?, restricted = ?, labels = ?, facts = ?, sealed = ? WHERE `+thisPart+` AND rev = ?`,
		p.Version, p.Controller[:], p.Subject[:], p.Family, purposes, p.Role, p.Class,
		optional(p.Agreement), optional(p.Assignment), optional(p.Owner), p.Hangs, micros(p.Due), p.Restricted, labels,
		optionalBytes(p.Facts), required(p.Sealed), p.Bucket, p.Record[:], p.Part, p.Rev-1) == 0 {
		t.whyPart(p.PartRef, p.Rev-1, false)
	}
}

func (t *tx) retimePart(r *storage.Retime) {
	purposes, err := JoinPurposes(r.Purposes)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	if t.exec(`UPDATE gallra_parts SET rev = rev + 1, agreement = ?, assignment = ?, owner = ?, hangs = ?, due = ?, restricted = ?, purposes = ?,
		facts = ? WHERE `+thisPart+` AND rev = ?`,
		optional(r.Agreement), optional(r.Assignment), optional(r.Owner), r.Hangs, micros(r.Due), r.Restricted, purposes,
		optionalBytes(r.Facts), r.Bucket, r.Record[:], r.Part, r.Rev) == 0 {
		t.whyPart(r.PartRef, r.Rev, false)
	}
}

func (t *tx) erasePart(e *storage.PartErase) {
	if t.exec(`DELETE FROM gallra_parts WHERE `+thisPart+` AND subject = ? AND held = 0 AND (rev = ? OR ? = 0)`,
		e.Bucket, e.Record[:], e.Part, e.Subject[:], e.Rev, e.Rev) == 0 {
		t.whyPart(e.PartRef, e.Rev, true)
		return
	}
	t.dropLink(e.PartRef)
	t.exec(`DELETE FROM gallra_index WHERE bucket = ? AND subject = ? AND record = ? AND part = ?`, e.Bucket, e.Subject[:], e.Record[:], e.Part)
}

// dropLink removes the way to a part's bucket when it was the last of its record there.
func (t *tx) dropLink(r storage.PartRef) {
	if r.Bucket != r.Record.Bucket() {
		t.exec(`DELETE FROM gallra_links WHERE bucket = ? AND record = ? AND other = ?
			AND NOT EXISTS (SELECT 1 FROM gallra_parts WHERE bucket = ? AND record = ?)`,
			r.Record.Bucket(), r.Record[:], r.Bucket, r.Bucket, r.Record[:])
	}
}

func (t *tx) holdPart(h *storage.PartHold) {
	set, args := `held = held + ?, rev = rev + 1`, []any{h.N}
	if h.Due != nil {
		set, args = set+`, due = ?`, append(args, micros(*h.Due))
	}
	args = append(append(args, key(h.PartRef)...), h.N)
	if t.exec(`UPDATE gallra_parts SET `+set+` WHERE `+thisPart+` AND held + ? >= 0`, args...) == 0 {
		t.whyPart(h.PartRef, -1, false)
	}
}

func key(r storage.PartRef) []any { return []any{r.Bucket, r.Record[:], r.Part} }

func (t *tx) failPart(r storage.PartRef, why storage.Reason) {
	t.fail(storage.Failure{Kind: storage.KindPart, ID: r.Record, Part: r.Part, Reason: why})
}

// whyPart names a part that could not be changed.
func (t *tx) whyPart(r storage.PartRef, rev int64, notHeld bool) {
	var got int64
	var held int
	found := t.get(`SELECT rev, held FROM gallra_parts WHERE `+thisPart, key(r), &got, &held)
	why := changed(found, rev == 0 || got == rev, notHeld, held)
	if why == "" {
		why = storage.Changed
	}
	t.failPart(r, why)
}

func (t *tx) writeIndex(b *storage.Batch) {
	for _, c := range b.HoldSubjects {
		t.count(storage.KindSubject, c, `gallra_subjects`, `bucket = ? AND id = ?`, c.ID.Bucket(), c.ID[:])
	}
	for _, c := range b.HoldFiles {
		t.count(storage.KindFile, c, `gallra_files`, `kind = ? AND id = ?`, c.Name, c.ID[:])
	}
	for i := range b.PutIndex {
		t.putIndex(&b.PutIndex[i])
	}
	for _, r := range b.EraseIndex {
		t.exec(`DELETE FROM gallra_index WHERE `+thisIndex, r.Subject.Bucket(), r.Subject[:], r.Record[:], r.Part, r.Kind, required(r.Token))
	}
	for _, e := range b.EraseSubjects {
		var held int
		found := t.get(`SELECT held FROM gallra_subjects WHERE bucket = ? AND id = ?`+t.s.dialect.Exclusive, []any{e.ID.Bucket(), e.ID[:]}, &held)
		if why := changed(found, true, true, held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: e.ID, Reason: why})
			continue
		}
		t.exec(`DELETE FROM gallra_subjects WHERE bucket = ? AND id = ?`, e.ID.Bucket(), e.ID[:])
		t.exec(`DELETE FROM gallra_index WHERE bucket = ? AND subject = ?`, e.ID.Bucket(), e.ID[:])
	}
}

const thisIndex = `bucket = ? AND subject = ? AND record = ? AND part = ? AND kind = ? AND token = ?`

func (t *tx) putIndex(r *storage.IndexRow) {
	if t.exec(`INSERT INTO gallra_index (bucket, subject, record, part, kind, token, controller, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, r.Subject.Bucket(), r.Subject[:], r.Record[:], r.Part, r.Kind, required(r.Token), r.Controller[:], optionalBytes(r.Sealed)) > 0 {
		return
	}
	if r.Part == 0 {
		t.fail(storage.Failure{Kind: storage.KindIndex, ID: r.Subject, Name: r.Kind, Reason: storage.Exists})
		return
	}
	t.exec(`UPDATE gallra_index SET controller = ?, sealed = ? WHERE `+thisIndex, r.Controller[:], optionalBytes(r.Sealed),
		r.Subject.Bucket(), r.Subject[:], r.Record[:], r.Part, r.Kind, required(r.Token))
}

// eraseController goes subject by subject, so that each step costs what it removes.
func (t *tx) eraseController(e *storage.ControllerErase) {
	left := e.Limit
	for left > 0 && t.err == nil {
		subjects := t.ids(`SELECT id FROM gallra_subjects WHERE controller = ?`+atMost, e.Controller[:], min(left, chunk))
		for _, s := range subjects {
			left -= t.eraseSome(left, `bucket = ? AND subject = ? AND controller = ?`, s.Bucket(), s[:], e.Controller[:])
			if left == 0 {
				break
			}
			left -= int(t.exec(`DELETE FROM gallra_subjects WHERE bucket = ? AND id = ?`, s.Bucket(), s[:]))
			t.exec(`DELETE FROM gallra_subject_keys WHERE bucket = ? AND id = ? AND NOT destroyed`, s.Bucket(), s[:])
		}
		if len(subjects) == 0 {
			break
		}
	}
	if left == e.Limit { // the last look, over everything: rows that no subject leads to
		left -= t.eraseSome(left, `controller = ?`, e.Controller[:])
	}
	e.Erased = e.Limit - left
}

// eraseSome removes parts and then index rows, at most limit, and returns how many.
func (t *tx) eraseSome(limit int, where string, args ...any) int {
	var parts []storage.PartRef
	t.each(`SELECT bucket, record, part FROM gallra_parts WHERE `+where+atMost, append(slices.Clone(args), limit), func(rows *sql.Rows) error {
		var r storage.PartRef
		err := rows.Scan(&r.Bucket, id(&r.Record), &r.Part)
		parts = append(parts, r)
		return err
	})
	for _, r := range parts {
		t.exec(`DELETE FROM gallra_parts WHERE `+thisPart, key(r)...)
		t.dropLink(r)
		t.exec(`DELETE FROM gallra_part_keys WHERE `+thisPart, key(r)...)
	}
	if len(parts) == limit {
		return limit
	}
	var index []storage.IndexRow
	t.each(selectIndex+` WHERE `+where+atMost, append(slices.Clone(args), limit-len(parts)), func(rows *sql.Rows) error {
		var r storage.IndexRow
		err := scanIndex(rows, &r)
		index = append(index, r)
		return err
	})
	for _, r := range index {
		t.exec(`DELETE FROM gallra_index WHERE `+thisIndex, r.Subject.Bucket(), r.Subject[:], r.Record[:], r.Part, r.Kind, required(r.Token))
	}
	return len(parts) + len(index)
}

func (t *tx) ids(query string, args ...any) []storage.ID {
	var out []storage.ID
	t.each(query, args, func(rows *sql.Rows) error {
		var v storage.ID
		err := rows.Scan(id(&v))
		out = append(out, v)
		return err
	})
	return out
}
