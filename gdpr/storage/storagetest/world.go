package storagetest

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// world is what a test knows about the rows that may be in a store, to read all of them back.
type world struct {
	ids   []storage.ID // of subjects, records, controllers, owners, files, lanes ...
	kinds []string     // of files
}

// read is one call that changes nothing, about rows of one sort.
type read struct {
	of string
	do func(context.Context, storage.Store) (any, error)
}

// reads are calls that together return everything there is.
func (w world) reads() []read {
	var out []read
	add := func(of string, do func(context.Context, storage.Store) (any, error)) { out = append(out, read{of, do}) }
	parts := func(q storage.PartQuery) {
		q.Limit = 1000
		add("parts", func(ctx context.Context, s storage.Store) (any, error) { return s.Parts(ctx, q) })
	}
	add("meta", func(ctx context.Context, s storage.Store) (any, error) { return s.Meta(ctx) })
	parts(storage.PartQuery{})
	add("due", func(ctx context.Context, s storage.Store) (any, error) {
		return s.Due(ctx, storage.DueQuery{Before: day(1000), Limit: 1000})
	})
	add("schedules", func(ctx context.Context, s storage.Store) (any, error) { return s.DueSchedules(ctx, day(1000), 1000) })
	add("lanes", func(ctx context.Context, s storage.Store) (any, error) { return s.Lanes(ctx) })
	add("segments", func(ctx context.Context, s storage.Store) (any, error) { return s.Segments(ctx, 0, 1000) })
	add("segments", func(ctx context.Context, s storage.Store) (any, error) { return s.LastSegment(ctx) })
	add("proofs", func(ctx context.Context, s storage.Store) (any, error) { return s.Proofs(ctx, 0, 1000) })
	add("proofs", func(ctx context.Context, s storage.Store) (any, error) { return s.LastProof(ctx) })
	add("proofs", func(ctx context.Context, s storage.Store) (any, error) { return s.OpenProofs(ctx) })
	add("store keys", func(ctx context.Context, s storage.Store) (any, error) { return s.StoreKeys(ctx) })
	add("subject keys", func(ctx context.Context, s storage.Store) (any, error) { return s.SubjectKeys(ctx, w.ids) })
	add("part keys", func(ctx context.Context, s storage.Store) (any, error) {
		return s.AllPartKeys(ctx, storage.PartKeyRef{}, 1000)
	})
	add("part keys", func(ctx context.Context, s storage.Store) (any, error) {
		refs, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 1000)
		if err != nil {
			return nil, err
		}
		return s.PartKeys(ctx, refs)
	})
	add("left", func(ctx context.Context, s storage.Store) (any, error) { return left(ctx, s, w.ids) })
	for _, id := range w.ids {
		add("parts", func(ctx context.Context, s storage.Store) (any, error) { return s.Record(ctx, id) })
		parts(storage.PartQuery{Subjects: []storage.ID{id}, Light: true})
		parts(storage.PartQuery{Owner: id, Hanging: true, Light: true})
		add("subjects", func(ctx context.Context, s storage.Store) (any, error) { return s.Subject(ctx, id) })
		add("index", func(ctx context.Context, s storage.Store) (any, error) { return s.IndexOf(ctx, id) })
		add("index", func(ctx context.Context, s storage.Store) (any, error) { return s.Lookup(ctx, [][]byte{id[:]}) })
		add("index", func(ctx context.Context, s storage.Store) (any, error) { return s.Identifiers(ctx, [][]byte{id[:]}) })
		add("schedules", func(ctx context.Context, s storage.Store) (any, error) { return s.SchedulesOf(ctx, id) })
		add("events", func(ctx context.Context, s storage.Store) (any, error) { return s.EventsOf(ctx, id) })
		add("entries", func(ctx context.Context, s storage.Store) (any, error) { return s.Entries(ctx, id, 0, 1000) })
		add("proofs", func(ctx context.Context, s storage.Store) (any, error) { return s.ProofOf(ctx, id) })
		add("controller keys", func(ctx context.Context, s storage.Store) (any, error) { return s.ControllerKey(ctx, id) })
	}
	for _, kind := range w.kinds {
		add("files", func(ctx context.Context, s storage.Store) (any, error) {
			return s.Files(ctx, storage.FileQuery{Kind: kind, Limit: 1000})
		})
		for _, id := range w.ids {
			add("files", func(ctx context.Context, s storage.Store) (any, error) { return s.File(ctx, kind, id) })
		}
	}
	return out
}

// left reads who has something left: which of their parts a store returns, and in which order, is its own affair.
func left(ctx context.Context, s storage.Store, ids []storage.ID) (map[storage.ID]bool, error) {
	rows, err := s.Left(ctx, ids)
	some := map[storage.ID]bool{}
	for _, r := range rows {
		some[r.Subject] = true
	}
	return some, err
}

// observe reads everything, by sort. A row that is not there is nil.
func (w world) observe(t require.TestingT, s storage.Store) map[string][]any {
	return w.observeIn(context.Background(), t, s)
}

func (w world) observeIn(ctx context.Context, t require.TestingT, s storage.Store) map[string][]any {
	out := map[string][]any{}
	for _, r := range w.reads() {
		v, err := r.do(ctx, s)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			v = nil
		case err != nil:
			require.NoError(t, err, r.of)
		}
		out[r.of] = append(out[r.of], v)
	}
	return out
}
