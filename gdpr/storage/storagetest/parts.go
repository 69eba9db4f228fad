package storagetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var partTests = []subtest{
	{"Record must return all parts of one record in the order of their numbers, wherever their buckets are", testRecord},
	{"Every part comes with its schedule, if it names one, and with its wrapped keys", testPartJoins},
	{"PartQuery selects parts; fields that are set must all match", testPartQuery},
	{"Parts must return at most q.Limit parts that match q and follow q.After, in the order of (bucket, record, part)", testPartPages},
	{"Left must return one part of each of the given subjects that has a row and still has a part", testLeft},
	{"Due must return at most q.Limit parts with a due of their own at or before q.Before, in the order of (due, bucket, record, part), after q.After", testDue},
	{"Due: held parts must be among them", testDueHeld},
	{"Subject must return the row of one data subject, or ErrNotFound", testSubject},
}

func testRecord(t *testing.T, s storage.Store) {
	ctx := context.Background()
	record := idIn(200)
	in := func(bucket, n int) storage.Part {
		sub := newSubject()
		sub.ID = idIn(bucket)
		return partOf(sub, record, n)
	}
	want := []storage.Part{in(200, 1), in(7, 2), in(200, 3), in(255, 4), in(7, 5), in(0, 12)}
	apply(t, s, storage.Batch{PutParts: []storage.Part{want[4], want[0], want[2], want[5]}})
	apply(t, s, storage.Batch{PutParts: []storage.Part{want[3], want[1], newPart(newSubject())}})
	check := func(want ...storage.Part) {
		t.Helper()
		got, err := s.Record(ctx, record)
		require.NoError(t, err)
		assert.Equal(t, refs(want), refs(got))
	}
	check(want...)
	apply(t, s, storage.Batch{EraseParts: erase(want[1], want[0], want[2])})
	check(want[3:]...)
	apply(t, s, storage.Batch{EraseParts: erase(want[4])})
	check(want[3], want[5])
	apply(t, s, storage.Batch{PutParts: []storage.Part{want[1]}})
	check(want[1], want[3], want[5])
	apply(t, s, storage.Batch{EraseParts: erase(want[1], want[3], want[5])})
	check()
}

func testPartJoins(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	owner := storage.NewID()
	plain, dated, unowned := newPart(sub), newPart(sub), newPart(sub)
	dated.Owner, dated.Due, dated.Version = owner, day(1), 2
	plain.Owner = storage.NewID()
	key := func(p storage.Part, version int, wrapped string) storage.PartKey {
		return storage.PartKey{PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: version}, Wrapped: []byte(wrapped)}
	}
	schedule := storage.Schedule{Owner: owner, Family: dated.Family, Rev: 1, Due: day(9), Facts: []byte("{}")}
	apply(t, s, storage.Batch{
		PutParts:      []storage.Part{plain, dated, unowned},
		PutSchedules:  []storage.Schedule{schedule, {Owner: owner, Family: "annan", Rev: 1}},
		HoldSchedules: []storage.Count{{ID: owner, Name: dated.Family, N: 1}},
		Keys: storage.KeyBatch{
			PutSubjects: []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("person")}},
			PutParts:    []storage.PartKey{key(dated, 1, "gammal"), key(dated, 2, "ny"), key(plain, 1, "vanlig")},
		},
	})
	schedule.Held = 1
	want := dated
	want.Schedule, want.Key, want.SubjectKey = &schedule, []byte("ny"), []byte("person")
	assert.Equal(t, want, readPart(t, s, dated))
	full, err := s.Parts(ctx, storage.PartQuery{Owner: owner, Limit: 9})
	require.NoError(t, err)
	assert.Equal(t, []storage.Part{want}, full)
	due, err := s.Due(ctx, storage.DueQuery{Before: day(1), Limit: 9})
	require.NoError(t, err)
	assert.Equal(t, []storage.Part{want}, due)
	want.Sealed, want.Key, want.SubjectKey = nil, nil, nil
	light, err := s.Parts(ctx, storage.PartQuery{Owner: owner, Light: true, Limit: 9})
	require.NoError(t, err)
	assert.Equal(t, []storage.Part{want}, light)
	due, err = s.Due(ctx, storage.DueQuery{Before: day(1), Light: true, Limit: 9})
	require.NoError(t, err)
	assert.Equal(t, []storage.Part{want}, due)
	got := readPart(t, s, plain)
	assert.Nil(t, got.Schedule)
	assert.Equal(t, "vanlig", string(got.Key))
	assert.Nil(t, readPart(t, s, unowned).Key)

	apply(t, s, storage.Batch{Keys: storage.KeyBatch{DestroySubjects: []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller}}}})
	assert.Nil(t, readPart(t, s, plain).SubjectKey)
}

func testPartQuery(t *testing.T, s storage.Store) {
	subs := []storage.Subject{newSubject(), newSubject(), newSubject()}
	subs[1].Controller = subs[0].Controller
	owners := []storage.ID{{}, storage.NewID(), storage.NewID()}
	var all []storage.Part
	for i := range 96 {
		p := newPart(subs[i%3])
		p.Family = []string{"a", "b"}[i/3%2]
		p.Owner = owners[i/6%3]
		p.Hangs = !p.Owner.IsZero() && i/18%2 == 0
		p.Labels = map[string]string{"läge": []string{"öppen", "stängd"}[i/36%2], "prio": []string{"hög", "låg"}[i%2]}
		all = append(all, p)
	}
	apply(t, s, storage.Batch{PutParts: all})
	slices.SortFunc(all, func(a, b storage.Part) int { return a.PartRef.Compare(b.PartRef) })
	for name, test := range map[string]struct {
		q    storage.PartQuery
		want func(p storage.Part) bool
	}{
		"nothing":    {storage.PartQuery{}, func(storage.Part) bool { return true }},
		"one":        {storage.PartQuery{Subjects: []storage.ID{subs[1].ID}}, func(p storage.Part) bool { return p.Subject == subs[1].ID }},
		"no such":    {storage.PartQuery{Subjects: []storage.ID{storage.NewID()}}, func(storage.Part) bool { return false }},
		"two, twice": {storage.PartQuery{Subjects: []storage.ID{subs[2].ID, subs[0].ID, storage.NewID(), subs[2].ID}}, func(p storage.Part) bool { return p.Subject != subs[1].ID }},
		"controller": {storage.PartQuery{Controller: subs[0].Controller}, func(p storage.Part) bool { return p.Controller == subs[0].Controller }},
		"family":     {storage.PartQuery{Family: "b"}, func(p storage.Part) bool { return p.Family == "b" }},
		"owner":      {storage.PartQuery{Owner: owners[1]}, func(p storage.Part) bool { return p.Owner == owners[1] }},
		"hanging":    {storage.PartQuery{Hanging: true}, func(p storage.Part) bool { return p.Hangs }},
		"hanging on": {
			storage.PartQuery{Owner: owners[2], Family: "a", Hanging: true},
			func(p storage.Part) bool { return p.Owner == owners[2] && p.Family == "a" && p.Hangs },
		},
		"label":  {storage.PartQuery{Labels: map[string]string{"läge": "öppen"}}, func(p storage.Part) bool { return p.Labels["läge"] == "öppen" }},
		"labels": {storage.PartQuery{Labels: map[string]string{"läge": "öppen", "prio": "hög"}}, func(p storage.Part) bool { return p.Labels["läge"] == "öppen" && p.Labels["prio"] == "hög" }},
		"no such label": {
			storage.PartQuery{Labels: map[string]string{"läge": "Öppen"}}, func(storage.Part) bool { return false },
		},
		"all": {
			storage.PartQuery{Subjects: []storage.ID{subs[0].ID, subs[1].ID}, Controller: subs[0].Controller, Family: "a", Owner: owners[1], Hanging: true, Labels: map[string]string{"prio": "hög"}},
			func(p storage.Part) bool {
				return p.Subject != subs[2].ID && p.Family == "a" && p.Owner == owners[1] && p.Hangs && p.Labels["prio"] == "hög"
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var want []storage.PartRef
			for _, p := range all {
				if test.want(p) {
					want = append(want, p.PartRef)
				}
			}
			for _, limit := range []int{100, 7} {
				for _, light := range []bool{false, true} {
					test.q.Limit, test.q.Light = limit, light
					assert.Equal(t, want, refs(walk(t, s, test.q)))
				}
			}
		})
	}
}

func testPartPages(t *testing.T, s storage.Store) {
	sub := newSubject()
	var all []storage.Part
	for i := range 60 {
		about := newSubject()
		about.ID, about.Controller = idIn(i%7*40), sub.Controller
		record := storage.NewRecordID(about.ID, t0)
		for n := range i%4 + 1 {
			all = append(all, partOf(about, record, n+1))
		}
	}
	apply(t, s, storage.Batch{PutParts: all})
	slices.SortFunc(all, func(a, b storage.Part) int { return a.PartRef.Compare(b.PartRef) })
	for _, limit := range []int{1, 2, 7, len(all), len(all) + 1} {
		assert.Equal(t, refs(all), refs(walk(t, s, storage.PartQuery{Limit: limit, Light: true})), "limit %d", limit)
	}

	// What is erased or put while somebody walks shifts nothing.
	q := storage.PartQuery{Limit: 10, Light: true}
	first, err := s.Parts(context.Background(), q)
	require.NoError(t, err)
	apply(t, s, storage.Batch{EraseParts: erase(all[3], all[9], all[12])})
	q.After = first[9].PartRef
	assert.Equal(t, append(slices.Clone(refs(all[10:12])), refs(all[13:])...), refs(walk(t, s, q)))
}

func testDue(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	var all []storage.Part
	for i := range 50 {
		about := newSubject()
		about.Controller = sub.Controller
		p := newPart(about)
		p.Due = day(i % 5) // many on one instant
		all = append(all, p)
	}
	undated, later := newPart(sub), newPart(sub)
	later.Due = day(5)
	later.Due = later.Due.Add(-1) // cut to the microsecond before, and so not due at day 4
	apply(t, s, storage.Batch{
		PutParts:  append(slices.Clone(all), undated, later),
		HoldParts: []storage.PartHold{{PartRef: all[0].PartRef, N: 1}},
	})
	slices.SortFunc(all, func(a, b storage.Part) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return a.PartRef.Compare(b.PartRef)
	})
	for _, limit := range []int{1, 7, 50, 60} {
		q := storage.DueQuery{Before: day(4), Light: true, Limit: limit}
		var got []storage.PartRef
		for {
			page, err := s.Due(ctx, q)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			got = append(got, refs(page)...)
			last := page[len(page)-1]
			q.After = storage.DueCursor{Due: last.Due, Part: last.PartRef}
		}
		assert.Equal(t, refs(all), got, "limit %d", limit)
	}
	none, err := s.Due(ctx, storage.DueQuery{Before: day(-1), Limit: 9})
	require.NoError(t, err)
	assert.Empty(t, none)
}

func testLeft(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var ids []storage.ID
	var b storage.Batch
	want := map[storage.ID]storage.Part{}
	for i := range 30 {
		sub := newSubject()
		ids = append(ids, sub.ID)
		if i%3 > 0 {
			b.PutSubjects = append(b.PutSubjects, sub)
		}
		if i%2 > 0 {
			for range i % 4 {
				p := newPart(sub)
				p.Family, p.Purposes = "släkt "+sub.ID.String(), []string{"a", "å"}
				b.PutParts = append(b.PutParts, p)
				if i%3 > 0 {
					want[sub.ID] = p
				}
			}
		}
	}
	apply(t, s, b)
	check := func() {
		t.Helper()
		got, err := s.Left(ctx, append(ids, ids[1], storage.NewID()))
		require.NoError(t, err)
		require.Len(t, got, len(want))
		seen := map[storage.ID]bool{}
		for _, r := range got {
			assert.False(t, seen[r.Subject], "once")
			seen[r.Subject] = true
			assert.Equal(t, want[r.Subject].Family, r.Family)
			assert.Equal(t, want[r.Subject].Purposes, r.Purposes)
		}
	}
	check()
	var gone []storage.Part
	for _, p := range b.PutParts {
		if p.Subject == ids[1] || p.Subject == ids[7] {
			gone = append(gone, p)
			delete(want, p.Subject)
		}
	}
	apply(t, s, storage.Batch{EraseParts: erase(gone...)})
	check()
	none, err := s.Left(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func testDueHeld(t *testing.T, s storage.Store) {
	sub := newSubject()
	p, other := newPart(sub), newPart(sub)
	p.Due, other.Due = day(1), day(2)
	apply(t, s, storage.Batch{
		PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p, other},
		HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1}}, HoldSubjects: []storage.Count{{ID: sub.ID, N: 1}},
	})
	got, err := s.Due(context.Background(), storage.DueQuery{Before: day(3), Limit: 9})
	require.NoError(t, err)
	require.Equal(t, refs([]storage.Part{p, other}), refs(got))
	assert.Equal(t, 1, got[0].Held)
}

func testSubject(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub, other := newSubject(), newSubject()
	sub.Rev = 7
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{sub, other}, HoldSubjects: []storage.Count{{ID: other.ID, N: 1}}})
	other.Held = 1
	for _, want := range []storage.Subject{sub, other} {
		got, err := s.Subject(ctx, want.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := s.Subject(ctx, storage.NewID())
	require.ErrorIs(t, err, storage.ErrNotFound)
}
