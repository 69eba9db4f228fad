package storagetest

import (
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
)

var conditionTests = []subtest{
	{"SubjectCond demands that the subject exists", testSubjectCond},
	{"SubjectCond NotHeld: its hold counter must be 0", testSubjectNotHeld},
	{"SubjectCond Bare requires that no part of the subject is left, looked at after EraseParts of this batch", testSubjectBare},
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
