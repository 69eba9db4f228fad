package storagetest

import (
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
)

var conditionTests = []subtest{
	{"SubjectCond demands that the subject exists", testSubjectCond},
	{"SubjectCond NotHeld: its hold counter must be 0", testSubjectNotHeld},
	{"SubjectCond Bare requires that no part of the subject is left, looked at after EraseParts of this batch", testSubjectBare},
	{"SubjectCond Left requires, unless empty, that these parts of the subject are left and no others, looked at as for Bare", testSubjectLeft},
	{"IndexCond demands that an identifier is there", testIndexCond},
	{"FileCond demands that the file exists, with that revision, and that state", testFileCond},
	{"ScheduleCond demands that the schedule has that revision; Rev 0 means that it must not exist", testScheduleCond},
	{"LeaseCond demands that the lease still has that fence", testLeaseCond},
}

// subjectCond is a batch of one condition, and its failure.
func subjectCond(sub storage.Subject, c storage.SubjectCond, why storage.Reason) (storage.Batch, storage.Failure) {
	c.ID = sub.ID
	return storage.Batch{Subjects: []storage.SubjectCond{c}}, storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: why}
}

func testSubjectCond(t *testing.T, s storage.Store) {
	sub := newSubject()
	for _, exclusive := range []bool{false, true} {
		b, failed := subjectCond(sub, storage.SubjectCond{Exclusive: exclusive, NotHeld: true, Bare: true}, storage.Missing)
		refused(t, s, b, failed)
	}
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}})
	for _, exclusive := range []bool{false, true} {
		b, _ := subjectCond(sub, storage.SubjectCond{Exclusive: exclusive, NotHeld: true, Bare: true}, "")
		apply(t, s, b)
	}
}

func testSubjectNotHeld(t *testing.T, s storage.Store) {
	sub := newSubject()
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}, HoldSubjects: []storage.Count{{ID: sub.ID, N: 1}}})
	for _, exclusive := range []bool{false, true} {
		b, failed := subjectCond(sub, storage.SubjectCond{Exclusive: exclusive, NotHeld: true}, storage.Held)
		refused(t, s, b, failed)
		b, _ = subjectCond(sub, storage.SubjectCond{Exclusive: exclusive}, "")
		apply(t, s, b)
	}
}

func testSubjectBare(t *testing.T, s storage.Store) {
	sub := newSubject()
	p, other := newPart(sub), newPart(sub)
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p, other}})
	bare, failed := subjectCond(sub, storage.SubjectCond{Bare: true}, storage.Exists)
	refused(t, s, bare, failed)
	bare.EraseParts = erase(p)
	refused(t, s, bare, failed)
	bare.EraseParts = erase(p, other)
	apply(t, s, bare)
	bare.EraseParts = nil
	apply(t, s, bare)
	bare.PutParts = []storage.Part{newPart(sub)} // looked at after it was put
	refused(t, s, bare, failed)
}

func testSubjectLeft(t *testing.T, s storage.Store) {
	sub, other := newSubject(), newSubject()
	p, second, third := newPart(sub), newPart(sub), newPart(sub)
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub, other}, PutParts: []storage.Part{p, second, newPart(other)}})
	given := func(parts ...storage.Part) (storage.Batch, storage.Failure) {
		return subjectCond(sub, storage.SubjectCond{Exclusive: true, Left: refs(parts)}, storage.Changed)
	}
	for _, left := range [][]storage.Part{{p}, {second}, {p, second, third}, {p, third}} {
		b, failed := given(left...)
		refused(t, s, b, failed)
	}
	for _, left := range [][]storage.Part{{p, second}, {second, p}, nil} {
		b, _ := given(left...)
		apply(t, s, b)
	}
	b, failed := given(p, second)
	b.PutParts = []storage.Part{third} // looked at after it was put
	refused(t, s, b, failed)
	b, failed = given(p, second)
	b.EraseParts = erase(p) // and after what goes has gone
	refused(t, s, b, failed)
	b, _ = given(second)
	b.EraseParts = erase(p)
	apply(t, s, b)
	b, failed = given(second)
	b.EraseParts = erase(second)
	refused(t, s, b, failed)
}

func testIndexCond(t *testing.T, s storage.Store) {
	sub, other := newSubject(), newSubject()
	row := identifierRow(sub, "user.contact.email", "token")
	find := row
	find.Record, find.Part, find.Token = storage.NewID(), 1, []byte("annan")
	given := func(sub storage.Subject, kind, token string) storage.Batch {
		return storage.Batch{Index: []storage.IndexCond{{Subject: sub.ID, Kind: kind, Token: []byte(token)}}}
	}
	missing := func(sub storage.Subject, kind string) storage.Failure {
		return storage.Failure{Kind: storage.KindIndex, ID: sub.ID, Name: kind, Reason: storage.Missing}
	}
	refused(t, s, given(sub, row.Kind, "token"), missing(sub, row.Kind))
	apply(t, s, storage.Batch{PutIndex: []storage.IndexRow{row, find}})
	apply(t, s, given(sub, row.Kind, "token"))
	refused(t, s, given(other, row.Kind, "token"), missing(other, row.Kind))
	refused(t, s, given(sub, "user.name", "token"), missing(sub, "user.name"))
	refused(t, s, given(sub, row.Kind, "annan"), missing(sub, row.Kind)) // a find-by row is no identifier
	apply(t, s, storage.Batch{EraseIndex: []storage.IndexRow{row}})
	refused(t, s, given(sub, row.Kind, "token"), missing(sub, row.Kind))
}

func testFileCond(t *testing.T, s storage.Store) {
	f := storage.File{Kind: "agreement", ID: storage.NewID(), Rev: 1, State: "active"}
	failed := func(why storage.Reason) storage.Failure {
		return storage.Failure{Kind: storage.KindFile, ID: f.ID, Name: f.Kind, Reason: why}
	}
	given := func(c storage.FileCond) storage.Batch {
		c.Kind, c.ID = f.Kind, f.ID
		return storage.Batch{Files: []storage.FileCond{c}}
	}
	refused(t, s, given(storage.FileCond{}), failed(storage.Missing))
	apply(t, s, storage.Batch{PutFiles: []storage.File{f}})
	apply(t, s, given(storage.FileCond{}))
	apply(t, s, given(storage.FileCond{Rev: 1, State: "active", NotHeld: true}))
	refused(t, s, given(storage.FileCond{Rev: 2}), failed(storage.Changed))
	refused(t, s, given(storage.FileCond{State: "ended"}), failed(storage.Changed))
	apply(t, s, storage.Batch{HoldFiles: []storage.Count{{ID: f.ID, Name: f.Kind, N: 1}}})
	apply(t, s, given(storage.FileCond{Rev: 1}))
	refused(t, s, given(storage.FileCond{NotHeld: true}), failed(storage.Held))
}

func testScheduleCond(t *testing.T, s storage.Store) {
	r := storage.Schedule{Owner: storage.NewID(), Family: "a", Rev: 1}
	failed := func(why storage.Reason) storage.Failure {
		return storage.Failure{Kind: storage.KindSchedule, ID: r.Owner, Name: r.Family, Reason: why}
	}
	given := func(rev int64, notHeld bool) storage.Batch {
		return storage.Batch{Schedules: []storage.ScheduleCond{{Owner: r.Owner, Family: r.Family, Rev: rev, NotHeld: notHeld}}}
	}
	apply(t, s, given(0, true))
	refused(t, s, given(1, false), failed(storage.Missing))
	apply(t, s, storage.Batch{PutSchedules: []storage.Schedule{r}})
	apply(t, s, given(1, true))
	refused(t, s, given(0, false), failed(storage.Exists))
	refused(t, s, given(2, false), failed(storage.Changed))
	apply(t, s, storage.Batch{HoldSchedules: []storage.Count{{ID: r.Owner, Name: r.Family, N: 1}}})
	apply(t, s, given(1, false))
	refused(t, s, given(1, true), failed(storage.Held))
}
