package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var applyTests = []subtest{
	{"Apply must do all of the batch or nothing of it", testAllOrNothing},
	{"When a condition does not hold it must write nothing and return a ConditionError that names every row that failed", testNamesAll},
	{"Apply: where an entry of the batch fails as stale because the very same one, with the same MAC, stands there already, " +
		"the whole batch was stored: it must then write nothing and return nil", testStands},
	{"PutSubjects must be new", testPutSubjects},
	{"PutParts must be new; Held starts at 0", testPutParts},
	{"RevisePart replaces the row whose Rev is one less; Held must stay as stored", testRevisePart},
	{"Retime: Rev is the revision that the part must have; it is raised by one", testRetimeParts},
	{"EraseParts with all their find-by rows", testEraseParts},
	{"PartHold: the part must exist and the counter must not fall below 0", testHoldParts},
	{"Count: the row must exist and the counter must not fall below 0", testCounts},
	{"PutSchedules Rev 1: must be new; else replaces the row whose Rev is one less; Held must stay as stored", testPutSchedules},
	{"PutFiles as PutSchedules; of a Unique file (Kind, Name) must be new", testPutFiles},
	{"EraseFiles: absent is no error", testEraseFiles},
	{"SubjectErase removes a subject's row, which must exist, and every index row of it", testEraseSubjects},
	{"SubjectErase must fail while a hold counts on it", testEraseHeld},
}

// rich is a batch with something of everything, on rows of its own but for the numbers of segment and proof.
func rich(sub storage.Subject, n uint64, prev []byte) storage.Batch {
	p := newPart(sub)
	other := partOf(storage.Subject{ID: idIn(sub.ID.Bucket() ^ 1), Controller: sub.Controller}, p.Record, 2)
	owner := sub.ID
	p.Owner, p.Hangs, p.Due = owner, true, day(30)
	token := sub.ID[:]
	return storage.Batch{
		PutMeta:       map[string][]byte{"rich": {byte(n)}},
		PutSubjects:   []storage.Subject{sub},
		PutParts:      []storage.Part{p, other},
		HoldSubjects:  []storage.Count{{ID: sub.ID, N: 1}},
		PutIndex:      []storage.IndexRow{{Subject: sub.ID, Kind: "ref", Token: token, Controller: sub.Controller, Sealed: []byte("s")}},
		PutSchedules:  []storage.Schedule{{Owner: owner, Family: p.Family, Rev: 1, Due: day(3), Facts: []byte("{}")}},
		HoldSchedules: []storage.Count{{ID: owner, Name: p.Family, N: 1}},
		PutEvents:     []storage.Event{{ID: storage.NewID(), Object: sub.ID, At: t0, Body: []byte("{}")}},
		PutFiles:      []storage.File{{Kind: "agreement", ID: owner, Rev: 1, Parent: sub.Controller, State: "active", Name: token, Unique: true, Due: day(9), Body: []byte("{}")}},
		Entries:       []storage.Entry{{Lane: owner, Seq: 1, At: t0, Body: []byte("{}"), MAC: []byte("mac")}},
		Segments:      []storage.Segment{{N: n, Body: []byte("{}")}},
		Proofs:        []storage.Proof{{N: n, ID: storage.NewID(), At: t0, Prev: prev, Digest: token, MAC: []byte("mac"), Body: []byte(sub.ID.String())}},
		Keys: storage.KeyBatch{
			DestroySubjects: []storage.SubjectKey{{ID: other.Subject, Controller: sub.Controller}},
			PutStore:        []storage.StoreKey{{Name: sub.ID.String(), Wrapped: []byte("w"), Recovery: []byte("r")}},
			PutControllers:  []storage.ControllerKey{{ID: sub.Controller, Wrapped: []byte("w"), Recovery: []byte("r")}},
			PutSubjects:     []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}},
			PutParts:        []storage.PartKey{{PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: 1}, Wrapped: []byte("w")}},
		},
	}
}

func testAllOrNothing(t *testing.T, s storage.Store) {
	first, second := newSubject(), newSubject()
	b := rich(first, 1, nil)
	apply(t, s, b)
	w := world{ids: []storage.ID{first.ID, second.ID, first.Controller, second.Controller}, kinds: []string{"agreement"}}
	b2 := rich(second, 2, first.ID[:])
	for _, batch := range []storage.Batch{b, b2} {
		w.ids = append(w.ids, batch.PutParts[0].Record, batch.PutParts[1].Subject)
	}
	before := w.observe(t, s)

	// The batch also changes and erases what the first one stored, and fails at its very end.
	p := b.PutParts[0]
	b2.RevisePart = []storage.Part{partOf(first, p.Record, 1)}
	b2.RevisePart[0].Rev = 2
	b2.HoldParts = []storage.PartHold{{PartRef: b.PutParts[1].PartRef, N: 1}}
	b2.EraseIndex = b.PutIndex
	b2.EraseFiles = []storage.FileRef{{Kind: "agreement", ID: first.ID}}
	b2.Confirm = []uint64{1}
	b2.Keys.DestroyControllers = []storage.ID{first.Controller}
	b2.Keys.DestroyAllOf = []storage.PartRef{p.PartRef}
	failing := b2
	failing.Keys.PutSubjects = append([]storage.SubjectKey{{ID: b.PutParts[1].Subject, Wrapped: []byte("w")}}, b2.Keys.PutSubjects...)
	refused(t, s, failing, storage.Failure{Kind: storage.KindSubjectKey, ID: b.PutParts[1].Subject, Reason: storage.Erased})
	assert.Equal(t, before, w.observe(t, s), "nothing of it")

	apply(t, s, b2)
	after := w.observe(t, s)
	for what, was := range before {
		assert.NotEqual(t, was, after[what], "all of it: %s", what)
	}
}

func testNamesAll(t *testing.T, s storage.Store) {
	sub := newSubject()
	held, there, changed := newPart(sub), newPart(sub), newPart(sub)
	apply(t, s, storage.Batch{
		PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{held, there, changed},
		HoldParts: []storage.PartHold{{PartRef: held.PartRef, N: 1}},
	})
	missing, lane := newPart(sub), storage.NewID()
	refused(t, s, storage.Batch{
		Subjects:    []storage.SubjectCond{{ID: missing.Record}},
		Files:       []storage.FileCond{{Kind: "agreement", ID: lane}},
		Schedules:   []storage.ScheduleCond{{Owner: lane, Family: "a", Rev: 1}},
		Lease:       &storage.LeaseCond{Name: "sweep", Fence: 1},
		PutSubjects: []storage.Subject{sub},
		PutParts:    []storage.Part{there, missing},
		RetimeParts: []storage.Retime{{PartRef: changed.PartRef, Rev: 2}},
		EraseParts:  append(erase(held), storage.PartErase{PartRef: changed.PartRef, Subject: changed.Subject, Rev: 7}, storage.PartErase{PartRef: storage.PartRef{Record: lane, Part: 3}}),
		Entries:     []storage.Entry{{Lane: lane, Seq: 2}},
		Proofs:      []storage.Proof{{N: 2, ID: lane}},
		Segments:    []storage.Segment{{N: 2}},
	},
		storage.Failure{Kind: storage.KindSubject, ID: missing.Record, Reason: storage.Missing},
		storage.Failure{Kind: storage.KindFile, ID: lane, Name: "agreement", Reason: storage.Missing},
		storage.Failure{Kind: storage.KindSchedule, ID: lane, Name: "a", Reason: storage.Missing},
		storage.Failure{Kind: storage.KindLease, Name: "sweep", Reason: storage.Stale},
		storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: storage.Exists},
		storage.Failure{Kind: storage.KindPart, ID: there.Record, Part: 1, Reason: storage.Exists},
		storage.Failure{Kind: storage.KindPart, ID: changed.Record, Part: 1, Reason: storage.Changed},
		storage.Failure{Kind: storage.KindPart, ID: held.Record, Part: 1, Reason: storage.Held},
		storage.Failure{Kind: storage.KindPart, ID: changed.Record, Part: 1, Reason: storage.Changed},
		storage.Failure{Kind: storage.KindPart, ID: lane, Part: 3, Reason: storage.Missing},
		storage.Failure{Kind: storage.KindEntry, ID: lane, Reason: storage.Stale},
		storage.Failure{Kind: storage.KindProof, ID: lane, Reason: storage.Stale},
		storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale},
	)
}

// testStands applies batches again, as somebody does who never learned what had become of them.
func testStands(t *testing.T, s storage.Store) {
	sub := newSubject()
	first := rich(sub, 1, nil)
	first.Entries[0].MAC = newMAC()
	apply(t, s, first)
	w := world{ids: []storage.ID{sub.ID, sub.Controller, first.PutParts[0].Record}, kinds: []string{"agreement"}}
	p := first.PutParts[0]
	second := storage.Batch{
		HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1}}, PutEvents: []storage.Event{{ID: storage.NewID(), Object: sub.ID, At: t0}},
		Entries: []storage.Entry{entry(sub.ID, 2), entry(sub.ID, 3)},
	}
	apply(t, s, second)
	before := w.observe(t, s)
	apply(t, s, first)
	apply(t, s, second)
	assert.Equal(t, before, w.observe(t, s))

	other := second
	other.Entries = []storage.Entry{entry(sub.ID, 2), entry(sub.ID, 3)}
	stale := storage.Failure{Kind: storage.KindEntry, ID: sub.ID, Reason: storage.Stale}
	refused(t, s, other, stale, stale)
	other.Entries[0].MAC, other.Entries[1].MAC = nil, nil // an entry without a MAC is nobody's
	refused(t, s, other, stale, stale)
	assert.Equal(t, before, w.observe(t, s))
}

func testPutSubjects(t *testing.T, s storage.Store) {
	sub := newSubject()
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}})
	got, err := s.Subject(context.Background(), sub.ID)
	require.NoError(t, err)
	assert.Equal(t, sub, got)
	refused(t, s, storage.Batch{PutSubjects: []storage.Subject{sub}}, storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: storage.Exists})
}

func testPutParts(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	p.Held = 3
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}})
	p.Held = 0
	assert.Equal(t, p, readPart(t, s, p))
	again := newPart(sub)
	refused(t, s, storage.Batch{PutParts: []storage.Part{p, again}}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Exists})
	none, err := s.Record(context.Background(), again.Record)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func testRevisePart(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}, HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1}}})
	next := p
	next.Rev, next.Version, next.Held = 3, 2, 9
	next.Purposes, next.Due, next.Sealed = []string{"a", "b"}, day(4), []byte("ny chiffer")
	next.Labels, next.Facts, next.Owner, next.Hangs, next.Restricted = map[string]string{"prio": "hög"}, []byte("{}"), sub.ID, true, true
	apply(t, s, storage.Batch{RevisePart: []storage.Part{next}})
	next.Held = 1
	assert.Equal(t, next, readPart(t, s, p))
	missing := newPart(sub)
	missing.Rev = 2
	refused(t, s, storage.Batch{RevisePart: []storage.Part{next, missing}},
		storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed},
		storage.Failure{Kind: storage.KindPart, ID: missing.Record, Part: 1, Reason: storage.Missing})
}

func testRetimeParts(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}})
	r := storage.Retime{
		PartRef: p.PartRef, Rev: 1, Agreement: storage.NewID(), Assignment: storage.NewID(), Owner: storage.NewID(), Hangs: true,
		Due: day(5), Restricted: true, Purposes: []string{"a", "b"}, Facts: []byte(`{"collected":"2026-06-19"}`),
	}
	apply(t, s, storage.Batch{RetimeParts: []storage.Retime{r}})
	p.Rev, p.Agreement, p.Assignment, p.Owner, p.Hangs = 2, r.Agreement, r.Assignment, r.Owner, true
	p.Due, p.Restricted, p.Purposes, p.Facts = r.Due, true, r.Purposes, r.Facts
	assert.Equal(t, p, readPart(t, s, p))
	refused(t, s, storage.Batch{RetimeParts: []storage.Retime{r}}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	r.Part = 2
	refused(t, s, storage.Batch{RetimeParts: []storage.Retime{r}}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 2, Reason: storage.Missing})
	apply(t, s, storage.Batch{RetimeParts: []storage.Retime{{PartRef: p.PartRef, Rev: 2}}})
	got := readPart(t, s, p)
	assert.True(t, got.Due.IsZero())
	assert.EqualValues(t, 3, got.Rev)
}

func testEraseParts(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	p, kept := newPart(sub), newPart(sub)
	row := func(p storage.Part, token string) storage.IndexRow {
		return storage.IndexRow{Subject: sub.ID, Record: p.Record, Part: p.Part, Kind: "find-by", Token: []byte(token), Controller: sub.Controller}
	}
	identifier := storage.IndexRow{Subject: sub.ID, Kind: "ref", Token: []byte("c"), Controller: sub.Controller}
	apply(t, s, storage.Batch{
		PutParts: []storage.Part{p, kept},
		PutIndex: []storage.IndexRow{row(p, "a"), row(p, "b"), row(kept, "a"), identifier},
	})
	refused(t, s, storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.PartRef, Subject: p.Subject, Rev: 2}}},
		storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	refused(t, s, storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.PartRef, Subject: sub.Controller}}},
		storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	apply(t, s, storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.PartRef, Subject: p.Subject, Rev: 1}}})
	gone, err := s.Record(ctx, p.Record)
	require.NoError(t, err)
	assert.Empty(t, gone)
	rows, err := s.IndexOf(ctx, sub.ID)
	require.NoError(t, err)
	assert.Equal(t, []storage.IndexRow{identifier, row(kept, "a")}, rows)
	refused(t, s, storage.Batch{EraseParts: erase(p)}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Missing})
	apply(t, s, storage.Batch{EraseParts: erase(kept)})
}

func testHoldParts(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	p.Due = day(1)
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}})
	hold := func(n int) storage.Batch {
		return storage.Batch{HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: n}}}
	}
	apply(t, s, hold(1))
	later := day(99)
	apply(t, s, storage.Batch{HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1, Due: &later}}})
	got := readPart(t, s, p)
	assert.Equal(t, 2, got.Held)
	assert.Equal(t, later, got.Due)
	assert.EqualValues(t, 3, got.Rev)
	refused(t, s, storage.Batch{EraseParts: erase(p)}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Held})
	refused(t, s, storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.PartRef, Subject: p.Subject, Rev: 1}}},
		storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	apply(t, s, hold(-1))
	apply(t, s, hold(-1))
	down, up := storage.PartHold{PartRef: p.PartRef, N: -1, Due: &later}, storage.PartHold{PartRef: p.PartRef, N: 1}
	refused(t, s, storage.Batch{HoldParts: []storage.PartHold{down, up}}, storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	refused(t, s, hold(-1), storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Changed})
	apply(t, s, storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.PartRef, Subject: p.Subject, Rev: 5}}})
	refused(t, s, hold(1), storage.Failure{Kind: storage.KindPart, ID: p.Record, Part: 1, Reason: storage.Missing})
}

func testCounts(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	c := func(n int, name string) []storage.Count { return []storage.Count{{ID: sub.ID, Name: name, N: n}} }
	counts := func(n int) storage.Batch {
		return storage.Batch{HoldSubjects: c(n, ""), HoldFiles: c(n, "agreement"), HoldSchedules: c(n, "a")}
	}
	failures := func(why storage.Reason) []storage.Failure {
		return []storage.Failure{
			{Kind: storage.KindSubject, ID: sub.ID, Reason: why}, {Kind: storage.KindFile, ID: sub.ID, Name: "agreement", Reason: why},
			{Kind: storage.KindSchedule, ID: sub.ID, Name: "a", Reason: why},
		}
	}
	refused(t, s, counts(1), failures(storage.Missing)...)
	apply(t, s, storage.Batch{
		PutSubjects: []storage.Subject{sub}, PutFiles: []storage.File{{Kind: "agreement", ID: sub.ID, Rev: 1}},
		PutSchedules: []storage.Schedule{{Owner: sub.ID, Family: "a", Rev: 1}},
	})
	held := func(want int) {
		t.Helper()
		row, err := s.Subject(ctx, sub.ID)
		require.NoError(t, err)
		f, err := s.File(ctx, "agreement", sub.ID)
		require.NoError(t, err)
		schedules, err := s.SchedulesOf(ctx, sub.ID)
		require.NoError(t, err)
		assert.Equal(t, []int{want, want, want}, []int{row.Held, f.Held, schedules[0].Held})
		assert.Equal(t, []int64{1, 1, 1}, []int64{row.Rev, f.Rev, schedules[0].Rev})
	}
	apply(t, s, counts(1))
	apply(t, s, counts(1))
	held(2)
	apply(t, s, counts(-1))
	apply(t, s, counts(-1))
	refused(t, s, counts(-1), failures(storage.Changed)...)
	held(0)
}

func testPutSchedules(t *testing.T, s storage.Store) {
	r := storage.Schedule{Owner: storage.NewID(), Family: "a", Rev: 1, Due: day(1), Facts: []byte("{}")}
	failed := func(why storage.Reason) storage.Failure {
		return storage.Failure{Kind: storage.KindSchedule, ID: r.Owner, Name: "a", Reason: why}
	}
	put := func() storage.Batch { return storage.Batch{PutSchedules: []storage.Schedule{r}} }
	r.Rev = 2
	refused(t, s, put(), failed(storage.Missing))
	r.Rev = 1
	apply(t, s, put())
	refused(t, s, put(), failed(storage.Exists))
	apply(t, s, storage.Batch{HoldSchedules: []storage.Count{{ID: r.Owner, Name: "a", N: 1}}})
	r.Rev, r.Due, r.Held = 2, day(2), 7
	apply(t, s, put())
	refused(t, s, put(), failed(storage.Changed))
	got, err := s.SchedulesOf(context.Background(), r.Owner)
	require.NoError(t, err)
	r.Held = 1
	assert.Equal(t, []storage.Schedule{r}, got)
}

func testPutFiles(t *testing.T, s storage.Store) {
	ctx := context.Background()
	f := storage.File{
		Kind: "agreement", ID: storage.NewID(), Rev: 1, Parent: storage.NewID(), State: "draft",
		Name: []byte("avtal-1"), Unique: true, Due: day(1), Body: []byte(`{"v":1}`),
	}
	failed := func(f storage.File, why storage.Reason) storage.Failure {
		return storage.Failure{Kind: storage.KindFile, ID: f.ID, Name: f.Kind, Reason: why}
	}
	put := func(f storage.File) storage.Batch { return storage.Batch{PutFiles: []storage.File{f}} }
	f.Rev = 2
	refused(t, s, put(f), failed(f, storage.Missing))
	f.Rev = 1
	apply(t, s, put(f))
	refused(t, s, put(f), failed(f, storage.Exists))
	apply(t, s, storage.Batch{HoldFiles: []storage.Count{{ID: f.ID, Name: f.Kind, N: 1}}})
	f.Rev, f.State, f.Held, f.Due, f.Body = 2, "active", 7, day(3), []byte(`{"v":2}`)
	apply(t, s, put(f))
	refused(t, s, put(f), failed(f, storage.Changed))
	got, err := s.File(ctx, f.Kind, f.ID)
	require.NoError(t, err)
	f.Held = 1
	assert.Equal(t, f, got)

	other := f
	other.ID, other.Rev = storage.NewID(), 1
	refused(t, s, put(other), failed(other, storage.Exists))
	other.Kind = "assignment"
	apply(t, s, put(other)) // a name is unique within its kind
	other.Kind, other.Unique = "agreement", false
	apply(t, s, put(other)) // and among those that say so
	other.Rev, other.Unique = 2, true
	refused(t, s, put(other), failed(other, storage.Exists))
	f.Rev, f.Name = 3, []byte("avtal-2")
	apply(t, s, put(f))
	apply(t, s, put(other)) // the name is free again
	apply(t, s, storage.Batch{EraseFiles: []storage.FileRef{{Kind: other.Kind, ID: other.ID}}})
	third := other
	third.ID, third.Rev = storage.NewID(), 1
	apply(t, s, put(third))
}

func testEraseFiles(t *testing.T, s storage.Store) {
	f := storage.File{Kind: "request", ID: storage.NewID(), Rev: 1}
	apply(t, s, storage.Batch{PutFiles: []storage.File{f}})
	ref := []storage.FileRef{{Kind: f.Kind, ID: f.ID}}
	apply(t, s, storage.Batch{EraseFiles: ref})
	apply(t, s, storage.Batch{EraseFiles: ref})
	_, err := s.File(context.Background(), f.Kind, f.ID)
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func testEraseSubjects(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub, other := newSubject(), newSubject()
	p := newPart(sub)
	row := func(sub storage.Subject, record storage.ID, part int) storage.IndexRow {
		return storage.IndexRow{Subject: sub.ID, Record: record, Part: part, Kind: "ref", Token: sub.ID[:], Controller: sub.Controller}
	}
	apply(t, s, storage.Batch{
		PutSubjects: []storage.Subject{sub, other},
		PutIndex:    []storage.IndexRow{row(sub, storage.ID{}, 0), row(sub, p.Record, 1), row(other, storage.ID{}, 0)},
	})
	b := storage.Batch{EraseSubjects: []storage.SubjectErase{{ID: sub.ID}}}
	apply(t, s, b)
	_, err := s.Subject(ctx, sub.ID)
	require.ErrorIs(t, err, storage.ErrNotFound)
	rows, err := s.IndexOf(ctx, sub.ID)
	require.NoError(t, err)
	assert.Empty(t, rows)
	rows, err = s.IndexOf(ctx, other.ID)
	require.NoError(t, err)
	assert.Len(t, rows, 1)
	refused(t, s, b, storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: storage.Missing})
}

func testEraseHeld(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	row := identifierRow(sub, "ref", "token")
	apply(t, s, storage.Batch{
		PutSubjects: []storage.Subject{sub}, PutIndex: []storage.IndexRow{row}, HoldSubjects: []storage.Count{{ID: sub.ID, N: 1}},
	})
	b := storage.Batch{EraseSubjects: []storage.SubjectErase{{ID: sub.ID}}}
	refused(t, s, b, storage.Failure{Kind: storage.KindSubject, ID: sub.ID, Reason: storage.Held})
	rows, err := s.IndexOf(ctx, sub.ID)
	require.NoError(t, err)
	assert.Equal(t, []storage.IndexRow{row}, rows)
	apply(t, s, storage.Batch{HoldSubjects: []storage.Count{{ID: sub.ID, N: -1}}})
	apply(t, s, b)
	_, err = s.Subject(ctx, sub.ID)
	require.ErrorIs(t, err, storage.ErrNotFound)
}
