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
	{"Files must return what matches, after the cursor, ordered by id", testFiles},
	{"SchedulesOf must be ordered by family, DueSchedules by due, owner and family", testSchedules},
	{"EventsOf must return events in the order in which they were appended", testEvents},
}

func testFiles(t *testing.T, s storage.Store) {
	ctx := context.Background()
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
		"name":    {storage.FileQuery{Name: []byte{3}}, func(f storage.File) bool { return len(f.Name) > 0 && f.Name[0] == 3 }},
		"due":     {storage.FileQuery{Before: day(2)}, func(f storage.File) bool { return !f.Due.IsZero() && !f.Due.After(day(2)) }},
		"after":   {storage.FileQuery{After: all[20].ID}, func(f storage.File) bool { return f.ID.Compare(all[20].ID) > 0 }},
		"all": {
			storage.FileQuery{Parents: []storage.ID{parents[2]}, State: "stängd", Name: []byte{1}, Before: day(3)},
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
			var got []storage.File
			for {
				page, err := s.Files(ctx, q)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), limit)
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				q.After = page[len(page)-1].ID
			}
			assert.Equal(t, want, got, "%s, limit %d", name, limit)
		}
	}
}

func testSchedules(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var all []storage.Schedule
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
	undated := storage.Schedule{Owner: storage.NewID(), Family: "a", Rev: 1}
	apply(t, s, storage.Batch{PutSchedules: append(slices.Clone(all), undated)})
	got, err := s.SchedulesOf(ctx, all[15].Owner)
	require.NoError(t, err)
	assert.Equal(t, []storage.Schedule{all[17], all[16], all[15]}, got)
	got, err = s.SchedulesOf(ctx, undated.Owner)
	require.NoError(t, err)
	assert.Equal(t, []storage.Schedule{undated}, got)

	slices.SortFunc(all, func(a, b storage.Schedule) int {
		return cmp.Or(a.Due.Compare(b.Due), a.Owner.Compare(b.Owner), cmp.Compare(a.Family, b.Family))
	})
	all = slices.DeleteFunc(all, func(r storage.Schedule) bool { return r.Due.After(day(1)) })
	got, err = s.DueSchedules(ctx, day(1), 100)
	require.NoError(t, err)
	assert.Equal(t, all, got)
	got, err = s.DueSchedules(ctx, day(1), 4)
	require.NoError(t, err)
	assert.Equal(t, all[:4], got)
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
