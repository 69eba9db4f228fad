package storagetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var fileTests = []subtest{
	{"File must return one row, or ErrNotFound", testFile},
	{"FileQuery selects files; fields that are set must all match", testFileQuery},
	{"Files must return at most q.Limit rows that match q and follow q.After, ordered by id", testFilePages},
	{"SchedulesOf must return the schedules of one agreement or assignment, ordered by family", testSchedulesOf},
	{"DueSchedules must return the schedules with due at or before the given instant, ordered by (due, owner, family), at most limit", testDueSchedules},
	{"EventsOf must return the events of one object in the order in which they were appended", testEvents},
}

func testFile(t *testing.T, s storage.Store) {
	ctx := context.Background()
	f := storage.File{Kind: "request", ID: storage.NewID(), Rev: 1, Parent: storage.NewID(), State: "öppen", Name: []byte("n"), Due: day(1), Body: []byte("{}")}
	other := f
	other.Kind, other.State = "hold", "stängd" // the same id
	apply(t, s, storage.Batch{PutFiles: []storage.File{f, other}})
	for _, want := range []storage.File{f, other} {
		got, err := s.File(ctx, want.Kind, want.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := s.File(ctx, f.Kind, storage.NewID())
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.File(ctx, "grant", f.ID)
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// walkFiles reads all pages of a query and asserts that none is longer than it may be.
func walkFiles(t *testing.T, s storage.Store, q storage.FileQuery) []storage.File {
	t.Helper()
	var out []storage.File
	for {
		page, err := s.Files(context.Background(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), q.Limit)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		q.After = page[len(page)-1].ID
	}
}

func testFilePages(t *testing.T, s storage.Store) {
	var all []storage.File
	for i := range 40 {
		all = append(all, storage.File{Kind: "hold", ID: idIn(i * 37 % 256), Rev: 1, Due: day(-i)})
	}
	apply(t, s, storage.Batch{PutFiles: append(slices.Clone(all), storage.File{Kind: "request", ID: storage.NewID(), Rev: 1})})
	slices.SortFunc(all, func(a, b storage.File) int { return a.ID.Compare(b.ID) })
	for _, limit := range []int{1, 7, len(all), len(all) + 1} {
		assert.Equal(t, all, walkFiles(t, s, storage.FileQuery{Kind: "hold", Limit: limit}), "limit %d", limit)
		assert.Equal(t, all[21:], walkFiles(t, s, storage.FileQuery{Kind: "hold", After: all[20].ID, Limit: limit}), "limit %d", limit)
	}
	for _, q := range []storage.FileQuery{{Kind: "hold", After: all[39].ID}, {Kind: "grant"}} {
		q.Limit = 9
		assert.Empty(t, walkFiles(t, s, q))
	}
}

func testFileQuery(t *testing.T, s storage.Store) {
	parents := []storage.ID{{}, storage.NewID(), storage.NewID()}
	var all []storage.File
	for i := range 60 {
		f := storage.File{Kind: []string{"request", "hold"}[i%2], ID: storage.NewID(), Rev: 1, Parent: parents[i/2%3], State: []string{"öppen", "stängd"}[i/6%2]}
		if i%5 > 0 {
			f.Due, f.Name = day(i%5), []byte{byte(i % 5)}
		}
		all = append(all, f)
	}
	apply(t, s, storage.Batch{PutFiles: all})
	slices.SortFunc(all, func(a, b storage.File) int { return a.ID.Compare(b.ID) })
	for name, test := range map[string]struct {
		q    storage.FileQuery
		want func(f storage.File) bool
	}{
		"kind":    {storage.FileQuery{}, func(storage.File) bool { return true }},
		"parents": {storage.FileQuery{Parents: []storage.ID{parents[0], parents[2]}}, func(f storage.File) bool { return f.Parent != parents[1] }},
		"parent":  {storage.FileQuery{Parents: []storage.ID{parents[1]}}, func(f storage.File) bool { return f.Parent == parents[1] }},
		"state":   {storage.FileQuery{State: "öppen"}, func(f storage.File) bool { return f.State == "öppen" }},
		"name":    {storage.FileQuery{Names: [][]byte{{3}}}, func(f storage.File) bool { return len(f.Name) > 0 && f.Name[0] == 3 }},
		"names":   {storage.FileQuery{Names: [][]byte{{1}, {3}, {1}}}, func(f storage.File) bool { return len(f.Name) > 0 && (f.Name[0] == 1 || f.Name[0] == 3) }},
		"due":     {storage.FileQuery{Before: day(2)}, func(f storage.File) bool { return !f.Due.IsZero() && !f.Due.After(day(2)) }},
		"nobody":  {storage.FileQuery{Parents: []storage.ID{storage.NewID()}}, func(storage.File) bool { return false }},
		"twice":   {storage.FileQuery{Parents: []storage.ID{parents[1], parents[1]}}, func(f storage.File) bool { return f.Parent == parents[1] }},
		"all": {
			storage.FileQuery{Parents: []storage.ID{parents[2]}, State: "stängd", Names: [][]byte{{1}}, Before: day(3)},
			func(f storage.File) bool {
				return f.Parent == parents[2] && f.State == "stängd" && len(f.Name) > 0 && f.Name[0] == 1 && !f.Due.After(day(3))
			},
		},
	} {
		var want []storage.File
		for _, f := range all {
			if f.Kind == "hold" && test.want(f) {
				want = append(want, f)
			}
		}
		for _, limit := range []int{100, 3} {
			q := test.q
			q.Kind, q.Limit = "hold", limit
			assert.Equal(t, want, walkFiles(t, s, q), "%s, limit %d", name, limit)
		}
	}
}

// manySchedules puts three schedules each of twelve owners, and one without a due.
func manySchedules(t *testing.T, s storage.Store) (all []storage.Schedule, undated storage.Schedule) {
	t.Helper()
	for i := range 12 {
		owner := storage.NewID()
		for n := range 3 {
			r := storage.Schedule{Owner: owner, Family: fmt.Sprintf("å%d", 2-n), Rev: 1, Due: day(i % 3)}
			if i == 5 {
				r.Due = day(-1).AddDate(-1, 0, n) // of one owner, not in the order of families
			}
			all = append(all, r)
		}
	}
	undated = storage.Schedule{Owner: storage.NewID(), Family: "a", Rev: 1}
	apply(t, s, storage.Batch{PutSchedules: append(slices.Clone(all), undated)})
	return all, undated
}

func testSchedulesOf(t *testing.T, s storage.Store) {
	ctx := context.Background()
	all, undated := manySchedules(t, s)
	got, err := s.SchedulesOf(ctx, all[15].Owner)
	require.NoError(t, err)
	assert.Equal(t, []storage.Schedule{all[17], all[16], all[15]}, got)
	got, err = s.SchedulesOf(ctx, undated.Owner)
	require.NoError(t, err)
	assert.Equal(t, []storage.Schedule{undated}, got)
	got, err = s.SchedulesOf(ctx, storage.NewID())
	require.NoError(t, err)
	assert.Empty(t, got)
}

func testDueSchedules(t *testing.T, s storage.Store) {
	ctx := context.Background()
	all, _ := manySchedules(t, s)
	slices.SortFunc(all, func(a, b storage.Schedule) int {
		return cmp.Or(a.Due.Compare(b.Due), a.Owner.Compare(b.Owner), cmp.Compare(a.Family, b.Family))
	})
	all = slices.DeleteFunc(all, func(r storage.Schedule) bool { return r.Due.After(day(1)) })
	for _, limit := range []int{1, 4, len(all), 100} {
		got, err := s.DueSchedules(ctx, day(1), limit)
		require.NoError(t, err)
		assert.Equal(t, all[:min(limit, len(all))], got)
	}
	got, err := s.DueSchedules(ctx, day(-1000), 9)
	require.NoError(t, err)
	assert.Empty(t, got)
}

func testEvents(t *testing.T, s storage.Store) {
	object, other := storage.NewID(), storage.NewID()
	var want []storage.Event
	for i := range 12 {
		e := storage.Event{ID: storage.NewID(), Object: object, At: day(-i), Body: []byte(fmt.Sprint(i))}
		want = append(want, e)
		apply(t, s, storage.Batch{PutEvents: []storage.Event{{ID: storage.NewID(), Object: other, At: t0}, e}})
	}
	pair := []storage.Event{{ID: storage.NewID(), Object: object, At: day(3)}, {ID: storage.NewID(), Object: object, At: day(2)}}
	apply(t, s, storage.Batch{PutEvents: pair})
	got, err := s.EventsOf(context.Background(), object)
	require.NoError(t, err)
	assert.Equal(t, append(want, pair...), got)
}
