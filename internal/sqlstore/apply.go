package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// Apply does all of the batch or nothing of it, in one transaction.
func (s *Store) Apply(ctx context.Context, b *storage.Batch) error {
	if b.EraseController != nil && b.EraseController.Limit < 1 {
		return errLimit
	}
	var erased int
	if b.EraseController != nil {
		erased = b.EraseController.Erased
	}
	err := s.inTx(ctx, "apply batch", func(t *tx) {
		t.check(b)
		t.putMeta(b.PutMeta)
		t.putSubjects(b.PutSubjects)
		t.writeParts(b)
		t.writeIndex(b)
		t.writeSchedules(b)
		t.putEvents(b.PutEvents)
		t.writeFiles(b)
		if b.EraseController != nil {
			t.eraseController(b.EraseController)
		}
		t.writeTrail(b)
		t.writeKeys(&b.Keys)
		t.keepAbsent(b)
	})
	if err != nil && s.stands(ctx, b, err) {
		if b.EraseController != nil {
			b.EraseController.Erased = erased // as the call that stored it has set it
		}
		return nil
	}
	return err
}

// stands reports whether a batch was refused because it is stored: its first entry is there already, byte for byte.
func (s *Store) stands(ctx context.Context, b *storage.Batch, refused error) bool {
	var cond *storage.ConditionError
	if len(b.Entries) == 0 || !errors.As(refused, &cond) || !cond.Has(storage.KindEntry, storage.Stale) {
		return false
	}
	want := b.Entries[0]
	got, err := s.Entries(ctx, want.Lane, want.Seq-1, 1)
	return err == nil && len(got) == 1 && len(want.MAC) > 0 && bytes.Equal(got[0].MAC, want.MAC)
}

var noID storage.ID

// check looks at the rows that the batch does not write, and locks them: subjects, files, schedules, each by id.
func (t *tx) check(b *storage.Batch) {
	subjects := slices.SortedFunc(slices.Values(b.Subjects), func(a, b storage.SubjectCond) int { return a.ID.Compare(b.ID) })
	for _, c := range subjects {
		lock := t.s.dialect.Shared
		if c.Exclusive {
			lock = t.s.dialect.Exclusive
		}
		var held int
		ok := t.get(`SELECT held FROM gallra_subjects WHERE bucket = ? AND id = ?`+lock, []any{c.ID.Bucket(), c.ID[:]}, &held)
		if why := changed(ok, true, c.NotHeld, held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: why})
		}
	}
	for _, c := range b.Index {
		var one int
		if !t.get(`SELECT 1 FROM gallra_index WHERE `+thisIndex+t.s.dialect.Shared,
			[]any{c.Subject.Bucket(), c.Subject[:], noID[:], 0, c.Kind, required(c.Token)}, &one) {
			t.fail(storage.Failure{Kind: storage.KindIndex, ID: c.Subject, Name: c.Kind, Reason: storage.Missing})
		}
	}
	files := slices.SortedFunc(slices.Values(b.Files), func(a, b storage.FileCond) int { return a.ID.Compare(b.ID) })
	for _, c := range files {
		var rev int64
		var held int
		var state string
		ok := t.get(`SELECT rev, held, state FROM gallra_files WHERE kind = ? AND id = ?`+t.s.dialect.Shared, []any{c.Kind, c.ID[:]}, &rev, &held, &state)
		same := (c.Rev == 0 || c.Rev == rev) && (c.State == "" || c.State == state)
		if why := changed(ok, same, c.NotHeld, held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindFile, ID: c.ID, Name: c.Kind, Reason: why})
		}
	}
	schedules := slices.SortedFunc(slices.Values(b.Schedules), func(a, b storage.ScheduleCond) int { return a.Owner.Compare(b.Owner) })
	for _, c := range schedules {
		var rev int64
		var held int
		ok := t.get(`SELECT rev, held FROM gallra_schedules WHERE owner = ? AND family = ?`+t.s.dialect.Shared, []any{c.Owner[:], c.Family}, &rev, &held)
		why := changed(ok, c.Rev == rev, c.NotHeld, held)
		if c.Rev == 0 {
			why = ""
			if ok {
				why = storage.Exists
			}
		}
		if why != "" {
			t.fail(storage.Failure{Kind: storage.KindSchedule, ID: c.Owner, Name: c.Family, Reason: why})
		}
	}
	if c := b.Lease; c != nil {
		var fence int64
		t.get(`SELECT fence FROM gallra_leases WHERE name = ?`+t.s.dialect.Shared, []any{c.Name}, &fence)
		if c.Fence == 0 || fence != c.Fence {
			t.fail(storage.Failure{Kind: storage.KindLease, Name: c.Name, Reason: storage.Stale})
		}
	}
}

// keepAbsent makes sure that the schedules which must not exist are not put by somebody else before this batch is stored: a row takes their place for a
// moment, and whoever comes later waits for the end of this transaction. Where a transaction has the database for itself there is nothing to do.
func (t *tx) keepAbsent(b *storage.Batch) {
	if t.s.dialect.Shared == "" || t.err != nil || len(t.failed) > 0 {
		return
	}
	for _, c := range b.Schedules {
		own := slices.ContainsFunc(b.PutSchedules, func(r storage.Schedule) bool { return r.Owner == c.Owner && r.Family == c.Family })
		if c.Rev != 0 || own {
			continue
		}
		if t.exec(`INSERT INTO gallra_schedules (owner, family, rev, held) VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING`, c.Owner[:], c.Family) == 0 {
			t.err = errors.Join(t.err, errOvertaken) // since it was looked for
		}
		t.exec(`DELETE FROM gallra_schedules WHERE owner = ? AND family = ? AND rev = 0`, c.Owner[:], c.Family)
	}
}

func (t *tx) putMeta(meta map[string][]byte) {
	for name, value := range meta {
		t.upsert(`UPDATE gallra_meta SET value = ? WHERE name = ?`, []any{required(value), name},
			`INSERT INTO gallra_meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, []any{name, required(value)})
	}
}

func (t *tx) putSubjects(subjects []storage.Subject) {
	for _, r := range subjects {
		if t.exec(`INSERT INTO gallra_subjects (bucket, id, controller, rev, held, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			r.ID.Bucket(), r.ID[:], r.Controller[:], r.Rev, r.Held, micros(r.Created)) == 0 {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: r.ID, Reason: storage.Exists})
		}
	}
}

// count adds to a hold counter, which must exist and not fall below 0.
func (t *tx) count(kind storage.Kind, c storage.Count, table, where string, key ...any) {
	args := append([]any{c.N}, key...)
	if t.exec(`UPDATE `+table+` SET held = held + ? WHERE `+where+` AND held + ? >= 0`, append(args, c.N)...) > 0 {
		return
	}
	var held int
	found := t.get(`SELECT held FROM `+table+` WHERE `+where, key, &held)
	t.fail(storage.Failure{Kind: kind, ID: c.ID, Name: c.Name, Reason: changed(found, false, false, 0)})
}

func (t *tx) writeSchedules(b *storage.Batch) {
	for _, r := range b.PutSchedules {
		var n int64
		if r.Rev == 1 {
			n = t.exec(`INSERT INTO gallra_schedules (owner, family, rev, held, due, facts) VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING`,
				r.Owner[:], r.Family, r.Held, micros(r.Due), optionalBytes(r.Facts))
		} else {
			n = t.exec(`UPDATE gallra_schedules SET rev = rev + 1, due = ?, facts = ? WHERE owner = ? AND family = ? AND rev = ?`,
				micros(r.Due), optionalBytes(r.Facts), r.Owner[:], r.Family, r.Rev-1)
		}
		if n == 0 {
			var rev int64
			found := t.get(`SELECT rev FROM gallra_schedules WHERE owner = ? AND family = ?`, []any{r.Owner[:], r.Family}, &rev)
			t.fail(storage.Failure{Kind: storage.KindSchedule, ID: r.Owner, Name: r.Family, Reason: notReplaced(found, r.Rev)})
		}
	}
	for _, c := range b.HoldSchedules {
		t.count(storage.KindSchedule, c, `gallra_schedules`, `owner = ? AND family = ?`, c.ID[:], c.Name)
	}
}

// notReplaced says why a row with that revision was not put.
func notReplaced(found bool, rev int64) storage.Reason {
	if rev == 1 {
		return storage.Exists
	}
	return changed(found, false, false, 0)
}

func (t *tx) putEvents(events []storage.Event) {
	for _, e := range events {
		var last int64
		t.get(`SELECT seq FROM gallra_events WHERE object = ? ORDER BY seq DESC LIMIT 1`, []any{e.Object[:]}, &last)
		if t.exec(`INSERT INTO gallra_events (object, seq, id, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.Object[:], last+1, e.ID[:], micros(e.At), required(e.Body)) == 0 {
			t.err = errors.Join(t.err, errOvertaken)
		}
	}
}

func (t *tx) writeFiles(b *storage.Batch) {
	for _, r := range b.PutFiles {
		if why := t.putFile(&r); why != "" {
			t.fail(storage.Failure{Kind: storage.KindFile, ID: r.ID, Name: r.Kind, Reason: why})
		}
	}
	for _, r := range b.EraseFiles {
		t.exec(`DELETE FROM gallra_files WHERE kind = ? AND id = ?`, r.Kind, r.ID[:])
	}
}

func (t *tx) putFile(r *storage.File) storage.Reason {
	var n int64
	if r.Rev == 1 {
		n = t.exec(`INSERT INTO gallra_files (kind, id, rev, held, parent, state, name, is_unique, due, body)
			VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			r.Kind, r.ID[:], r.Held, r.Parent[:], r.State, required(r.Name), r.Unique, micros(r.Due), required(r.Body))
	} else {
		var rev int64
		found := t.get(`SELECT rev FROM gallra_files WHERE kind = ? AND id = ?`+t.s.dialect.Exclusive, []any{r.Kind, r.ID[:]}, &rev)
		if why := changed(found, rev == r.Rev-1, false, 0); why != "" {
			return why
		}
		var other storage.ID
		if r.Unique && t.get(`SELECT id FROM gallra_files WHERE kind = ? AND name = ? AND is_unique AND id <> ?`,
			[]any{r.Kind, required(r.Name), r.ID[:]}, id(&other)) {
			return storage.Exists
		}
		n = t.exec(`UPDATE gallra_files SET rev = rev + 1, parent = ?, state = ?, name = ?, is_unique = ?, due = ?, body = ? WHERE kind = ? AND id = ?`,
			r.Parent[:], r.State, required(r.Name), r.Unique, micros(r.Due), required(r.Body), r.Kind, r.ID[:])
	}
	if n == 0 {
		return notReplaced(true, r.Rev)
	}
	return ""
}

func (t *tx) writeTrail(b *storage.Batch) {
	for _, e := range b.Entries {
		var n int64
		if e.Seq == 1 {
			n = t.exec(`INSERT INTO gallra_lanes (id, last) VALUES (?, 1) ON CONFLICT DO NOTHING`, e.Lane[:])
		} else {
			n = t.exec(`UPDATE gallra_lanes SET last = last + 1 WHERE id = ? AND last = ?`, e.Lane[:], int64(e.Seq)-1)
		}
		if n == 0 {
			t.fail(storage.Failure{Kind: storage.KindEntry, ID: e.Lane, Reason: storage.Stale})
			continue
		}
		t.exec(`INSERT INTO gallra_entries (lane, seq, at, body, mac) VALUES (?, ?, ?, ?, ?)`,
			e.Lane[:], int64(e.Seq), micros(e.At), required(e.Body), required(e.MAC))
	}
	for _, r := range b.Segments {
		var last uint64
		t.get(`SELECT n FROM gallra_segments ORDER BY n DESC LIMIT 1`, nil, &last)
		if r.N != last+1 || t.exec(`INSERT INTO gallra_segments (n, body) VALUES (?, ?) ON CONFLICT DO NOTHING`, int64(r.N), required(r.Body)) == 0 {
			t.fail(storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale})
		}
	}
	if len(b.Proofs) > 0 {
		t.putProofs(b.Proofs)
	}
	for _, n := range b.Confirm {
		t.exec(`UPDATE gallra_proofs SET confirmed = TRUE WHERE n = ?`, int64(n))
	}
}

// putProofs chains proofs to the last one.
func (t *tx) putProofs(proofs []storage.Proof) {
	var last uint64
	var digest []byte
	found := t.get(`SELECT n, digest FROM gallra_proofs ORDER BY n DESC LIMIT 1`, nil, &last, blob(&digest))
	for _, p := range proofs {
		if p.N != last+1 || found && !bytes.Equal(p.Prev, digest) ||
			t.exec(`INSERT INTO gallra_proofs (n, id, at, prev, digest, mac, body, confirmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				int64(p.N), p.ID[:], micros(p.At), required(p.Prev), required(p.Digest), required(p.MAC), required(p.Body), p.Confirmed) == 0 {
			t.fail(storage.Failure{Kind: storage.KindProof, ID: p.ID, Reason: storage.Stale})
			return
		}
		last, digest, found = p.N, p.Digest, true
	}
}
