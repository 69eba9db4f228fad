package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// Apply does all of the batch or nothing of it.
func (s *Store) Apply(ctx context.Context, b *storage.Batch) error {
	if b.EraseController != nil && b.EraseController.Limit < 1 {
		return errLimit
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.stands(b) {
		return nil
	}
	t := &tx{}
	s.check(t, b)
	s.writeParts(t, b)
	s.writeRest(t, b)
	s.writeTrail(t, b)
	s.writeKeys(t, &b.Keys)
	return t.end()
}

// stands reports whether a batch is stored already: its first entry is there, with the same MAC.
func (s *Store) stands(b *storage.Batch) bool {
	if len(b.Entries) == 0 || len(b.Entries[0].MAC) == 0 || b.Entries[0].Seq == 0 {
		return false
	}
	e := b.Entries[0]
	lane := s.entries[e.Lane]
	return uint64(len(lane)) >= e.Seq && bytes.Equal(lane[e.Seq-1].MAC, e.MAC)
}

func (s *Store) check(t *tx, b *storage.Batch) {
	for _, c := range b.Subjects {
		row, ok := s.subjects[c.ID]
		if why := changed(ok, true, c.NotHeld, row.Held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: why})
		}
	}
	for _, c := range b.Index {
		if _, ok := s.index[indexKey{subject: c.Subject, kind: c.Kind, token: string(c.Token)}]; !ok {
			t.fail(storage.Failure{Kind: storage.KindIndex, ID: c.Subject, Name: c.Kind, Reason: storage.Missing})
		}
	}
	for _, c := range b.Files {
		row, ok := s.files[fileKey{c.Kind, c.ID}]
		same := (c.Rev == 0 || c.Rev == row.Rev) && (c.State == "" || c.State == row.State)
		if why := changed(ok, same, c.NotHeld, row.Held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindFile, ID: c.ID, Name: c.Kind, Reason: why})
		}
	}
	for _, c := range b.Schedules {
		row, ok := s.schedules[scheduleKey{c.Owner, c.Family}]
		why := changed(ok, c.Rev == row.Rev, c.NotHeld, row.Held)
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
	if c := b.Lease; c != nil && (c.Fence == 0 || s.leases[c.Name].fence != c.Fence) {
		t.fail(storage.Failure{Kind: storage.KindLease, Name: c.Name, Reason: storage.Stale})
	}
}

// left reports whether exactly the named parts of a subject are left.
func (s *Store) left(c *storage.SubjectCond) bool {
	have := s.partsOfSubject[c.ID]
	want := map[storage.PartRef]bool{}
	for _, r := range c.Left {
		want[r] = true
	}
	for r := range want {
		if _, ok := have[r]; !ok {
			return false
		}
	}
	return len(have) == len(want)
}

// changed says why a row may not be taken, or nothing.
func changed(found, revision, notHeld bool, held int) storage.Reason {
	switch {
	case !found:
		return storage.Missing
	case !revision:
		return storage.Changed
	case notHeld && held != 0:
		return storage.Held
	}
	return ""
}

func (s *Store) writeParts(t *tx, b *storage.Batch) {
	for k, v := range b.PutMeta {
		put(t, s.meta, k, clone(v))
	}
	for _, r := range b.PutSubjects {
		if _, ok := s.subjects[r.ID]; ok {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: r.ID, Reason: storage.Exists})
			continue
		}
		r.Created = instant(r.Created)
		put(t, s.subjects, r.ID, r)
	}
	for _, p := range b.PutParts {
		if _, ok := s.parts[p.PartRef]; ok {
			t.fail(partFailure(p.PartRef, storage.Exists))
			continue
		}
		p.Held = 0
		put(t, s.parts, p.PartRef, clonePart(p))
		s.partsOfRecord.add(t, p.Record, p.PartRef)
		s.partsOfSubject.add(t, p.Subject, p.PartRef)
	}
	for _, p := range b.RevisePart {
		s.changePart(t, p.PartRef, p.Rev-1, false, func(old *storage.Part) {
			if old.Subject != p.Subject {
				s.partsOfSubject.remove(t, old.Subject, p.PartRef)
				s.partsOfSubject.add(t, p.Subject, p.PartRef)
			}
			held := old.Held
			*old = clonePart(p)
			old.Held = held
		})
	}
	for _, r := range b.RetimeParts {
		s.changePart(t, r.PartRef, r.Rev, false, func(p *storage.Part) {
			p.Rev++
			p.Agreement, p.Assignment, p.Owner, p.Hangs = r.Agreement, r.Assignment, r.Owner, r.Hangs
			p.Due, p.Restricted, p.Purposes, p.Facts = r.Due, r.Restricted, r.Purposes, r.Facts
			*p = clonePart(*p)
		})
	}
	for _, e := range b.EraseParts {
		p, ok := s.parts[e.PartRef]
		if why := changed(ok, (e.Rev == 0 || e.Rev == p.Rev) && e.Subject == p.Subject, true, p.Held); why != "" {
			t.fail(partFailure(e.PartRef, why))
			continue
		}
		s.erasePart(t, &p)
		for k := range s.indexOfPart[e.PartRef] {
			if k.subject == p.Subject {
				s.eraseIndex(t, k)
			}
		}
	}
	for _, c := range b.Subjects {
		if len(c.Left) > 0 && !s.left(&c) {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: storage.Changed})
		}
		if c.Bare && len(s.partsOfSubject[c.ID]) > 0 {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: c.ID, Reason: storage.Exists})
		}
	}
	for _, h := range b.HoldParts {
		if p, ok := s.parts[h.PartRef]; ok && p.Held+h.N < 0 {
			t.fail(partFailure(h.PartRef, storage.Changed))
			continue
		}
		s.changePart(t, h.PartRef, 0, true, func(p *storage.Part) {
			p.Rev++
			p.Held += h.N
			if h.Due != nil {
				p.Due = instant(*h.Due)
			}
		})
	}
}

func partFailure(r storage.PartRef, why storage.Reason) storage.Failure {
	return storage.Failure{Kind: storage.KindPart, ID: r.Record, Part: r.Part, Reason: why}
}

// changePart replaces a part that has the given revision, or any.
func (s *Store) changePart(t *tx, ref storage.PartRef, rev int64, anyRev bool, change func(*storage.Part)) {
	p, ok := s.parts[ref]
	if why := changed(ok, anyRev || p.Rev == rev, false, 0); why != "" {
		t.fail(partFailure(ref, why))
		return
	}
	change(&p)
	put(t, s.parts, ref, p)
}

func (s *Store) erasePart(t *tx, p *storage.Part) {
	drop(t, s.parts, p.PartRef)
	s.partsOfRecord.remove(t, p.Record, p.PartRef)
	s.partsOfSubject.remove(t, p.Subject, p.PartRef)
}

// key and ref name an index row and the part that it dies with.
func key(r *storage.IndexRow) indexKey {
	return indexKey{r.Subject, r.Record, r.Part, r.Kind, string(r.Token)}
}

func ref(r *storage.IndexRow) storage.PartRef {
	return storage.PartRef{Bucket: r.Subject.Bucket(), Record: r.Record, Part: r.Part}
}

func (s *Store) putIndex(t *tx, r storage.IndexRow) {
	k := key(&r)
	if r.Part == 0 {
		name := identifier{r.Controller, r.Kind, string(r.Token)}
		_, taken := s.identifiers[name]
		_, there := s.index[k]
		if taken || there {
			t.fail(storage.Failure{Kind: storage.KindIndex, ID: r.Subject, Name: r.Kind, Reason: storage.Exists})
			return
		}
		put(t, s.identifiers, name, k)
	} else {
		s.indexOfPart.add(t, ref(&r), k)
	}
	put(t, s.index, k, cloneIndex(r))
	s.indexOfSubject.add(t, r.Subject, k)
	s.indexOfToken.add(t, k.token, k)
}

func (s *Store) eraseIndex(t *tx, k indexKey) {
	r, ok := s.index[k]
	if !ok {
		return
	}
	drop(t, s.index, k)
	s.indexOfSubject.remove(t, k.subject, k)
	s.indexOfToken.remove(t, k.token, k)
	if k.part == 0 {
		drop(t, s.identifiers, identifier{r.Controller, k.kind, k.token})
	} else {
		s.indexOfPart.remove(t, ref(&r), k)
	}
}

func (s *Store) writeRest(t *tx, b *storage.Batch) {
	for _, c := range b.HoldSubjects {
		if r, ok := s.subjects[c.ID]; count(t, storage.KindSubject, c, ok, r.Held) {
			r.Held += c.N
			put(t, s.subjects, c.ID, r)
		}
	}
	for _, c := range b.HoldFiles {
		if r, ok := s.files[fileKey{c.Name, c.ID}]; count(t, storage.KindFile, c, ok, r.Held) {
			r.Held += c.N
			put(t, s.files, fileKey{c.Name, c.ID}, r)
		}
	}
	for _, r := range b.PutIndex {
		s.putIndex(t, r)
	}
	for _, r := range b.EraseIndex {
		s.eraseIndex(t, key(&r))
	}
	for _, e := range b.EraseSubjects {
		r, ok := s.subjects[e.ID]
		if why := changed(ok, true, true, r.Held); why != "" {
			t.fail(storage.Failure{Kind: storage.KindSubject, ID: e.ID, Reason: why})
			continue
		}
		drop(t, s.subjects, e.ID)
		for k := range s.indexOfSubject[e.ID] {
			s.eraseIndex(t, k)
		}
	}
	for _, r := range b.PutSchedules {
		k := scheduleKey{r.Owner, r.Family}
		old, ok := s.schedules[k]
		if why := replace(ok, old.Rev, r.Rev); why != "" {
			t.fail(storage.Failure{Kind: storage.KindSchedule, ID: r.Owner, Name: r.Family, Reason: why})
			continue
		}
		if ok {
			r.Held = old.Held
		}
		put(t, s.schedules, k, cloneSchedule(r))
	}
	for _, c := range b.HoldSchedules {
		if r, ok := s.schedules[scheduleKey{c.ID, c.Name}]; count(t, storage.KindSchedule, c, ok, r.Held) {
			r.Held += c.N
			put(t, s.schedules, scheduleKey{c.ID, c.Name}, r)
		}
	}
	for _, e := range b.PutEvents {
		put(t, s.events, e.Object, append(s.events[e.Object], cloneEvent(e)))
	}
	for _, r := range b.PutFiles {
		s.putFile(t, r)
	}
	for _, r := range b.EraseFiles {
		k := fileKey{r.Kind, r.ID}
		if old, ok := s.files[k]; ok && old.Unique {
			drop(t, s.uniqueNames, uniqueName{old.Kind, string(old.Name)})
		}
		drop(t, s.files, k)
	}
	if b.EraseController != nil {
		s.eraseController(t, b.EraseController)
	}
}

func count(t *tx, kind storage.Kind, c storage.Count, found bool, held int) bool {
	why := changed(found, held+c.N >= 0, false, 0)
	if why != "" {
		t.fail(storage.Failure{Kind: kind, ID: c.ID, Name: c.Name, Reason: why})
	}
	return why == ""
}

// replace says why a row with a revision may not be put, or nothing: the first must be new, others follow on what is stored.
func replace(found bool, stored, put int64) storage.Reason {
	if put == 1 {
		if found {
			return storage.Exists
		}
		return ""
	}
	return changed(found, stored == put-1, false, 0)
}

func (s *Store) putFile(t *tx, r storage.File) {
	k := fileKey{r.Kind, r.ID}
	old, ok := s.files[k]
	why := replace(ok, old.Rev, r.Rev)
	name := uniqueName{r.Kind, string(r.Name)}
	if owner, taken := s.uniqueNames[name]; why == "" && r.Unique && taken && owner != r.ID {
		why = storage.Exists
	}
	if why != "" {
		t.fail(storage.Failure{Kind: storage.KindFile, ID: r.ID, Name: r.Kind, Reason: why})
		return
	}
	if ok {
		r.Held = old.Held
		if old.Unique {
			drop(t, s.uniqueNames, uniqueName{old.Kind, string(old.Name)})
		}
	}
	if r.Unique {
		put(t, s.uniqueNames, name, r.ID)
	}
	put(t, s.files, k, cloneFile(r))
}

// eraseController takes the rows in order, so that the same batch on the same rows always has the same end.
func (s *Store) eraseController(t *tx, e *storage.ControllerErase) {
	e.Erased = 0
	for _, ref := range ofController(s.parts, func(p storage.Part) storage.ID { return p.Controller }, storage.PartRef.Compare, e) {
		p := s.parts[ref]
		s.erasePart(t, &p)
		for k := range s.keysOfPart[ref] {
			s.destroyPartKey(t, k)
		}
	}
	for _, k := range ofController(s.index, func(r storage.IndexRow) storage.ID { return r.Controller }, indexKey.compare, e) {
		s.eraseIndex(t, k)
	}
	for _, id := range ofController(s.subjects, func(r storage.Subject) storage.ID { return r.Controller }, storage.ID.Compare, e) {
		drop(t, s.subjects, id)
		if k, ok := s.subjectKeys[id]; ok && !k.Destroyed {
			drop(t, s.subjectKeys, id)
		}
	}
}

// ofController returns the keys of a controller's first rows, as many as the step still has room for, and counts them.
func ofController[K comparable, V any](rows map[K]V, controller func(V) storage.ID, compare func(a, b K) int, e *storage.ControllerErase) []K {
	var keys []K
	for k, row := range rows {
		if controller(row) == e.Controller {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compare)
	keys = first(keys, e.Limit-e.Erased)
	e.Erased += len(keys)
	return keys
}

func (s *Store) writeTrail(t *tx, b *storage.Batch) {
	for _, e := range b.Entries {
		lane := s.entries[e.Lane]
		if e.Seq != uint64(len(lane))+1 {
			t.fail(storage.Failure{Kind: storage.KindEntry, ID: e.Lane, Reason: storage.Stale})
			continue
		}
		put(t, s.entries, e.Lane, append(lane, cloneEntry(e)))
	}
	for _, r := range b.Segments {
		if r.N != uint64(len(s.segments))+1 {
			t.fail(storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale})
			continue
		}
		set(t, &s.segments, append(s.segments, cloneSegment(r)))
	}
	for _, p := range b.Proofs {
		n := len(s.proofs)
		if p.N != uint64(n)+1 || n > 0 && !bytes.Equal(p.Prev, s.proofs[n-1].Digest) {
			t.fail(storage.Failure{Kind: storage.KindProof, ID: p.ID, Reason: storage.Stale})
			continue
		}
		set(t, &s.proofs, append(s.proofs, cloneProof(p)))
	}
	for _, n := range b.Confirm {
		if n >= 1 && n <= uint64(len(s.proofs)) {
			set(t, &s.proofs[n-1].Confirmed, true)
		}
	}
}
