package storagetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// world is what a test knows about the rows that may be in a store, to read all of them back.
type world struct {
	ids   []storage.ID // of subjects, records, controllers, owners, files, lanes ...
	kinds []string     // of files
}

// observe reads everything that can be read.
func (w world) observe(t require.TestingT, s storage.Store) map[string]any {
	ctx := context.Background()
	out := map[string]any{}
	must := func(v any, err error) any {
		require.NoError(t, err)
		return v
	}
	read := func(what string, v any, err error) {
		list, _ := out[what].([]any)
		out[what] = append(list, must(v, err))
	}
	maybe := func(what string, v any, err error) { // a row that may not be there
		list, _ := out[what].([]any)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrNotFound)
			v = nil
		}
		out[what] = append(list, v)
	}
	meta, err := s.Meta(ctx)
	read("meta", meta, err)
	parts, err := s.Parts(ctx, storage.PartQuery{Limit: 1000})
	read("parts", parts, err)
	due, err := s.Due(ctx, storage.DueQuery{Before: day(1000), Limit: 1000})
	read("due", due, err)
	schedules, err := s.DueSchedules(ctx, day(1000), 1000)
	read("schedules", schedules, err)
	lanes, err := s.Lanes(ctx)
	read("lanes", lanes, err)
	segments, err := s.Segments(ctx, 0, 1000)
	read("segments", segments, err)
	proofs, err := s.Proofs(ctx, 0, 1000)
	read("proofs", proofs, err)
	own, err := s.StoreKeys(ctx)
	read("store keys", own, err)
	subjectKeys, err := s.SubjectKeys(ctx, w.ids)
	read("subject keys", subjectKeys, err)
	keys, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 1000)
	read("part keys", keys, err)
	left, err := s.Left(ctx, w.ids)
	require.NoError(t, err)
	some := map[storage.ID]bool{}
	for _, r := range left {
		some[r.Subject] = true
	}
	read("left", some, err)
	for _, id := range w.ids {
		record, err := s.Record(ctx, id)
		read("parts", record, err)
		some, err := s.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{id}, Light: true, Limit: 1000})
		read("parts", some, err)
		some, err = s.Parts(ctx, storage.PartQuery{Owner: id, Hanging: true, Light: true, Limit: 1000})
		read("parts", some, err)
		subject, err := s.Subject(ctx, id)
		maybe("subjects", subject, err)
		rows, err := s.IndexOf(ctx, id)
		read("index", rows, err)
		rows, err = s.Lookup(ctx, [][]byte{id[:]})
		read("index", rows, err)
		schedules, err := s.SchedulesOf(ctx, id)
		read("schedules", schedules, err)
		events, err := s.EventsOf(ctx, id)
		read("events", events, err)
		entries, err := s.Entries(ctx, id, 0, 1000)
		read("entries", entries, err)
		controller, err := s.ControllerKey(ctx, id)
		maybe("controller keys", controller, err)
	}
	for _, kind := range w.kinds {
		files, err := s.Files(ctx, storage.FileQuery{Kind: kind, Limit: 1000})
		read("files", files, err)
	}
	return out
}
