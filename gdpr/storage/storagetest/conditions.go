package storagetest

import (
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
)

var conditionTests = []subtest{
	{"the subject must exist, not be held, and be bare where a condition says so", testSubjectCond},
	{"the file must exist with that revision and that state", testFileCond},
	{"the schedule must have that revision, or not exist", testScheduleCond},
	{"the lease must still have that fence", testLeaseCond},
}

func testSubjectCond(t *testing.T, s storage.Store) {
	sub := newSubject()
	failed := func(why storage.Reason) storage.Failure {
		return storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: why}
	}
	given := func(c storage.SubjectCond) storage.Batch {
		c.ID = sub.ID
		return storage.Batch{Subjects: []storage.SubjectCond{c}}
	}
	for _, exclusive := range []bool{false, true} {
		refused(t, s, given(storage.SubjectCond{Exclusive: exclusive}), failed(storage.Missing))
	}
	p := newPart(sub)
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p}})
	apply(t, s, given(storage.SubjectCond{NotHeld: true}))
	apply(t, s, storage.Batch{HoldSubjects: []storage.Count{{ID: sub.ID, N: 1}}})
	apply(t, s, given(storage.SubjectCond{}))
	refused(t, s, given(storage.SubjectCond{NotHeld: true, Exclusive: true}), failed(storage.Held))
	refused(t, s, given(storage.SubjectCond{Bare: true}), failed(storage.Exists))
	b := given(storage.SubjectCond{Bare: true, Exclusive: true})
	b.EraseParts = erase(p)
	apply(t, s, b)
	apply(t, s, given(storage.SubjectCond{Bare: true}))
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
