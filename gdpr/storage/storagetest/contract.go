package storagetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var contractTests = []subtest{
	{"An adapter must be safe for concurrent use", testConcurrent},
	{"It must honor a context that is done: nothing is written after that, and the error must match ctx.Err()", testContextDone},
	{"a context that ends within a batch", testContextEnds},
	{"It must keep instants to the microsecond, in UTC, and return the zero time for none", testInstants},
	{"It must compare text byte by byte: case and accents matter", testText},
	{"It must not keep a reference to a slice or map that it was handed, nor hand out one that it keeps", testReferences},
	{"Nil and empty mean the same in slices and maps; it must return nil for both", testNil},
	{"Absent rows are not errors in reads of several rows; a read of one row must return ErrNotFound", testAbsent},
	{"A limit that is not over 0 must be refused with an error", testLimits},
	{"Limit must be over 0", testQueryLimits},
	{"Rows must come back in the order that the method promises, on every call", testOrder},
	{"Caps must return the same value for the life of the store", testCaps},
	{"Meta returns every stored setting; an empty store must return an empty map", testMeta},
	{"Count returns how many parts are stored", testCount},
	{"A second Close must do nothing", testCloseTwice},
	{"Close: after it every other method but Caps must return an error that matches ErrClosed", testClose},
}

// calls are all methods that may fail, with arguments that would succeed.
func calls(s storage.Store) map[string]func(context.Context) error {
	sub := newSubject()
	id := storage.NewID()
	return map[string]func(context.Context) error{
		"Apply": func(ctx context.Context) error {
			return s.Apply(ctx, &storage.Batch{PutSubjects: []storage.Subject{sub}})
		},
		"ApplyKeys": func(ctx context.Context) error {
			return s.ApplyKeys(ctx, &storage.KeyBatch{DestroySubjects: []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller}}})
		},
		"Meta":   func(ctx context.Context) error { _, err := s.Meta(ctx); return err },
		"Count":  func(ctx context.Context) error { _, err := s.Count(ctx); return err },
		"Record": func(ctx context.Context) error { _, err := s.Record(ctx, id); return err },
		"Parts": func(ctx context.Context) error {
			_, err := s.Parts(ctx, storage.PartQuery{Limit: 1})
			return err
		},
		"Due": func(ctx context.Context) error {
			_, err := s.Due(ctx, storage.DueQuery{Before: t0, Limit: 1})
			return err
		},
		"Left":         func(ctx context.Context) error { _, err := s.Left(ctx, []storage.ID{id}); return err },
		"Subject":      func(ctx context.Context) error { _, err := s.Subject(ctx, id); return err },
		"Lookup":       func(ctx context.Context) error { _, err := s.Lookup(ctx, [][]byte{id[:]}); return err },
		"Identifiers":  func(ctx context.Context) error { _, err := s.Identifiers(ctx, [][]byte{id[:]}); return err },
		"IndexOf":      func(ctx context.Context) error { _, err := s.IndexOf(ctx, id); return err },
		"SchedulesOf":  func(ctx context.Context) error { _, err := s.SchedulesOf(ctx, id); return err },
		"DueSchedules": func(ctx context.Context) error { _, err := s.DueSchedules(ctx, t0, 1); return err },
		"EventsOf":     func(ctx context.Context) error { _, err := s.EventsOf(ctx, id); return err },
		"File":         func(ctx context.Context) error { _, err := s.File(ctx, "hold", id); return err },
		"Files": func(ctx context.Context) error {
			_, err := s.Files(ctx, storage.FileQuery{Kind: "hold", Limit: 1})
			return err
		},
		"Acquire": func(ctx context.Context) error {
			_, err := s.Acquire(ctx, "sweep", "a", t0, day(1))
			return err
		},
		"Release":       func(ctx context.Context) error { return s.Release(ctx, "sweep", 1) },
		"Lanes":         func(ctx context.Context) error { _, err := s.Lanes(ctx); return err },
		"Entries":       func(ctx context.Context) error { _, err := s.Entries(ctx, id, 0, 1); return err },
		"Segments":      func(ctx context.Context) error { _, err := s.Segments(ctx, 0, 1); return err },
		"LastSegment":   func(ctx context.Context) error { _, err := s.LastSegment(ctx); return err },
		"Proofs":        func(ctx context.Context) error { _, err := s.Proofs(ctx, 0, 1); return err },
		"LastProof":     func(ctx context.Context) error { _, err := s.LastProof(ctx); return err },
		"ProofOf":       func(ctx context.Context) error { _, err := s.ProofOf(ctx, id); return err },
		"OpenProofs":    func(ctx context.Context) error { _, err := s.OpenProofs(ctx); return err },
		"StoreKeys":     func(ctx context.Context) error { _, err := s.StoreKeys(ctx); return err },
		"ControllerKey": func(ctx context.Context) error { _, err := s.ControllerKey(ctx, id); return err },
		"SubjectKeys":   func(ctx context.Context) error { _, err := s.SubjectKeys(ctx, []storage.ID{sub.ID}); return err },
		"PartKeys": func(ctx context.Context) error {
			_, err := s.PartKeys(ctx, []storage.PartKeyRef{{Version: 1}})
			return err
		},
		"AllPartKeys": func(ctx context.Context) error {
			_, err := s.AllPartKeys(ctx, storage.PartKeyRef{}, 1)
			return err
		},
	}
}

func testConcurrent(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			lane := storage.NewID()
			for i := range 10 {
				sub := newSubject()
				p := newPart(sub)
				err := s.Apply(ctx, &storage.Batch{
					PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p},
					Entries: []storage.Entry{{Lane: lane, Seq: uint64(i) + 1, At: t0}},
				})
				if !assert.NoError(t, err, "worker %d", worker) {
					return
				}
				got, err := s.Record(ctx, p.Record)
				assert.NoError(t, err)
				assert.Len(t, got, 1)
				_, err = s.Parts(ctx, storage.PartQuery{Controller: sub.Controller, Limit: 5})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	n, err := s.Count(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 80, n)
	lanes, err := s.Lanes(ctx)
	require.NoError(t, err)
	assert.Len(t, lanes, 8)
}

func testContextDone(t *testing.T, s storage.Store) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancel()
	for name, call := range calls(s) {
		require.ErrorIs(t, call(canceled), context.Canceled, name)
		require.ErrorIs(t, call(late), context.DeadlineExceeded, name)
	}
	fence, err := s.Acquire(context.Background(), "sweep", "b", t0, day(1))
	require.NoError(t, err)
	assert.EqualValues(t, 1, fence, "nothing was written")
}

// testContextEnds ends contexts somewhere within a batch: each is there as a whole, or not at all.
func testContextEnds(t *testing.T, s storage.Store) {
	for i := range 30 {
		sub := newSubject()
		b := storage.Batch{PutSubjects: []storage.Subject{sub}}
		for range 50 {
			b.PutParts = append(b.PutParts, newPart(sub))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*200*time.Microsecond)
		err := s.Apply(ctx, &b)
		want := 0
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		} else {
			want = len(b.PutParts)
		}
		cancel()
		got, err := s.Parts(context.Background(), storage.PartQuery{Subjects: []storage.ID{sub.ID}, Light: true, Limit: 100})
		require.NoError(t, err)
		require.Len(t, got, want)
	}
}

func testInstants(t *testing.T, s storage.Store) {
	ctx := context.Background()
	stockholm := time.FixedZone("CEST", 2*60*60)
	given := time.Date(2026, 6, 19, 9, 30, 0, 123456789, stockholm)
	want := time.Date(2026, 6, 19, 7, 30, 0, 123456000, time.UTC)
	sub := newSubject()
	sub.Created = given
	dated, undated := newPart(sub), newPart(sub)
	dated.Due = given
	lane := storage.NewID()
	apply(t, s, storage.Batch{
		PutSubjects:  []storage.Subject{sub},
		PutParts:     []storage.Part{dated, undated},
		PutSchedules: []storage.Schedule{{Owner: sub.ID, Family: "a", Rev: 1, Due: given}, {Owner: sub.ID, Family: "b", Rev: 1}},
		PutEvents:    []storage.Event{{ID: storage.NewID(), Object: sub.ID, At: given}},
		PutFiles:     []storage.File{{Kind: "hold", ID: sub.ID, Rev: 1, Due: given}, {Kind: "grant", ID: sub.ID, Rev: 1}},
		Entries:      []storage.Entry{{Lane: lane, Seq: 1, At: given}},
		Proofs:       []storage.Proof{{N: 1, At: given}},
	})
	assert.Equal(t, want, readPart(t, s, dated).Due)
	assert.True(t, readPart(t, s, undated).Due.IsZero())
	row, err := s.Subject(ctx, sub.ID)
	require.NoError(t, err)
	assert.Equal(t, want, row.Created)
	schedules, err := s.SchedulesOf(ctx, sub.ID)
	require.NoError(t, err)
	require.Len(t, schedules, 2)
	assert.Equal(t, want, schedules[0].Due)
	assert.True(t, schedules[1].Due.IsZero())
	events, err := s.EventsOf(ctx, sub.ID)
	require.NoError(t, err)
	assert.Equal(t, want, events[0].At)
	file, err := s.File(ctx, "hold", sub.ID)
	require.NoError(t, err)
	assert.Equal(t, want, file.Due)
	file, err = s.File(ctx, "grant", sub.ID)
	require.NoError(t, err)
	assert.True(t, file.Due.IsZero())
	entries, err := s.Entries(ctx, lane, 0, 1)
	require.NoError(t, err)
	assert.Equal(t, want, entries[0].At)
	proof, err := s.LastProof(ctx)
	require.NoError(t, err)
	assert.Equal(t, want, proof.At)

	for _, given := range []time.Time{ // cut, not rounded, also before 1970; and the first instant of all clocks is not none
		time.Date(1931, 2, 3, 4, 5, 6, 789012999, time.UTC), time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		p := newPart(sub)
		p.Due = given
		apply(t, s, storage.Batch{PutParts: []storage.Part{p}, PutEvents: []storage.Event{{ID: storage.NewID(), Object: p.Record, At: given}}})
		assert.Equal(t, given.UTC().Truncate(time.Microsecond), readPart(t, s, p).Due)
		events, err := s.EventsOf(ctx, p.Record)
		require.NoError(t, err)
		assert.Equal(t, given.UTC().Truncate(time.Microsecond), events[0].At)
		apply(t, s, storage.Batch{EraseParts: erase(p)})
	}

	due, err := s.Due(ctx, storage.DueQuery{Before: want, Limit: 9})
	require.NoError(t, err)
	assert.Len(t, due, 1, "due at the instant itself")
	due, err = s.Due(ctx, storage.DueQuery{Before: want.Add(-time.Microsecond), Limit: 9})
	require.NoError(t, err)
	assert.Empty(t, due, "due a microsecond later")
}

// texts differ in case, in accents, in normal form and in white space, and in nothing else.
var texts = []string{"ärende", "Ärende", "ÄRENDE", "arende", "a\u0308rende", "ärende ", "åäö", "ÅÄÖ", "aao", "ß", "ss", "z"}

func testText(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	for i, text := range texts {
		p := newPart(sub)
		p.Family, p.Purposes, p.Labels = text, []string{text}, map[string]string{text: text}
		apply(t, s, storage.Batch{
			PutMeta:      map[string][]byte{text: []byte(text)},
			PutParts:     []storage.Part{p},
			PutSchedules: []storage.Schedule{{Owner: sub.ID, Family: text, Rev: 1}},
			PutFiles:     []storage.File{{Kind: text, ID: sub.ID, Rev: 1, State: text, Name: []byte("namn"), Unique: true}},
			PutIndex:     []storage.IndexRow{{Subject: sub.ID, Kind: text, Token: sub.ID[:], Controller: sub.Controller}},
			Keys:         storage.KeyBatch{PutStore: []storage.StoreKey{{Name: text, Wrapped: []byte{1}}}},
		})
		fence, err := s.Acquire(ctx, "svep", text, day(i), day(i+1))
		require.NoError(t, err, "the lease of another owner has ended")
		assert.EqualValues(t, i+1, fence)
		_, err = s.Acquire(ctx, "svep", text+"!", day(i), day(i+1))
		require.ErrorIs(t, err, storage.ErrLeased)
	}
	for _, text := range texts {
		for name, q := range map[string]storage.PartQuery{
			"family": {Family: text, Limit: 99}, "label": {Labels: map[string]string{text: text}, Limit: 99},
		} {
			got, err := s.Parts(ctx, q)
			require.NoError(t, err)
			require.Len(t, got, 1, "%s %q", name, text)
			assert.Equal(t, []string{text}, got[0].Purposes)
		}
		files, err := s.Files(ctx, storage.FileQuery{Kind: text, State: text, Limit: 99})
		require.NoError(t, err)
		assert.Len(t, files, 1)
	}
	meta, err := s.Meta(ctx)
	require.NoError(t, err)
	assert.Len(t, meta, len(texts))
	schedules, err := s.SchedulesOf(ctx, sub.ID)
	require.NoError(t, err)
	require.Len(t, schedules, len(texts))
	for i := range schedules[1:] {
		assert.Less(t, schedules[i].Family, schedules[i+1].Family)
	}
	rows, err := s.IndexOf(ctx, sub.ID)
	require.NoError(t, err)
	require.Len(t, rows, len(texts))
	for i := range rows[1:] {
		assert.Less(t, rows[i].Kind, rows[i+1].Kind)
	}
	keys, err := s.StoreKeys(ctx)
	require.NoError(t, err)
	require.Len(t, keys, len(texts))
	for i := range keys[1:] {
		assert.Less(t, keys[i].Name, keys[i+1].Name)
	}
}

func testReferences(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	p := newPart(sub)
	p.Labels, p.Facts = map[string]string{"läge": "öppen"}, []byte("{}")
	token := []byte("0123456789abcdef")
	file := storage.File{Kind: "hold", ID: sub.ID, Rev: 1, Name: []byte("namn"), Body: []byte("kropp")}
	b := storage.Batch{
		PutMeta: map[string][]byte{"a": []byte("b")}, PutParts: []storage.Part{p}, PutFiles: []storage.File{file},
		PutIndex: []storage.IndexRow{{Subject: sub.ID, Kind: "ref", Token: token, Sealed: []byte("s")}},
		Keys:     storage.KeyBatch{PutParts: []storage.PartKey{{PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: 1}, Wrapped: []byte("nyckel")}}},
	}
	apply(t, s, b)
	spoil := func(p *storage.Part, f *storage.File, row *storage.IndexRow, meta map[string][]byte) {
		p.Purposes[0], p.Labels["läge"], p.Facts[0], p.Sealed[0] = "x", "x", 'x', 'x'
		f.Name[0], f.Body[0] = 'x', 'x'
		row.Token[0], row.Sealed[0] = 'x', 'x'
		meta["a"][0] = 'x'
	}
	spoil(&b.PutParts[0], &b.PutFiles[0], &b.PutIndex[0], b.PutMeta)
	b.Keys.PutParts[0].Wrapped[0] = 'x'
	for range 2 {
		got := readPart(t, s, p)
		assert.Equal(t, []string{"förfrågan"}, got.Purposes)
		assert.Equal(t, map[string]string{"läge": "öppen"}, got.Labels)
		assert.Equal(t, "{}", string(got.Facts))
		assert.Equal(t, "chiffer", string(got.Sealed))
		assert.Equal(t, "nyckel", string(got.Key))
		f, err := s.File(ctx, "hold", sub.ID)
		require.NoError(t, err)
		assert.Equal(t, "namn", string(f.Name))
		assert.Equal(t, "kropp", string(f.Body))
		rows, err := s.Lookup(ctx, [][]byte{[]byte("0123456789abcdef")})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Equal(t, "s", string(rows[0].Sealed))
		meta, err := s.Meta(ctx)
		require.NoError(t, err)
		assert.Equal(t, "b", string(meta["a"]))
		spoil(&got, &f, &rows[0], meta)
		got.Key[0] = 'x'
	}
}

func testNil(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	p := newPart(sub)
	p.Purposes, p.Labels, p.Facts, p.Sealed = []string{}, map[string]string{}, []byte{}, []byte{}
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}, PutFiles: []storage.File{{Kind: "hold", ID: sub.ID, Rev: 1, Name: []byte{}, Body: []byte{}}}})
	p.Purposes, p.Labels, p.Facts, p.Sealed = nil, nil, nil, nil
	assert.Equal(t, p, readPart(t, s, p))
	f, err := s.File(ctx, "hold", sub.ID)
	require.NoError(t, err)
	assert.Equal(t, storage.File{Kind: "hold", ID: sub.ID, Rev: 1}, f)
	none, err := s.Record(ctx, storage.NewID())
	require.NoError(t, err)
	assert.Nil(t, none)
}

func testAbsent(t *testing.T, s storage.Store) {
	one := map[string]bool{"Subject": true, "File": true, "LastSegment": true, "LastProof": true, "ControllerKey": true}
	for name, call := range calls(s) {
		err := call(context.Background())
		if one[name] {
			require.ErrorIs(t, err, storage.ErrNotFound, name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

func testLimits(t *testing.T, s storage.Store) {
	ctx := context.Background()
	for _, n := range []int{0, -1} {
		_, err := s.DueSchedules(ctx, t0, n)
		assert.Error(t, err)
		_, err = s.Entries(ctx, storage.NewID(), 0, n)
		assert.Error(t, err)
		_, err = s.Segments(ctx, 0, n)
		assert.Error(t, err)
		_, err = s.Proofs(ctx, 0, n)
		assert.Error(t, err)
		_, err = s.AllPartKeys(ctx, storage.PartKeyRef{}, n)
		assert.Error(t, err)
	}
}

func testQueryLimits(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	for _, n := range []int{0, -1} {
		for _, subjects := range [][]storage.ID{nil, {sub.ID}} {
			_, err := s.Parts(ctx, storage.PartQuery{Subjects: subjects, Limit: n})
			assert.Error(t, err)
		}
		_, err := s.Due(ctx, storage.DueQuery{Limit: n})
		assert.Error(t, err)
		_, err = s.Files(ctx, storage.FileQuery{Kind: "hold", Limit: n})
		assert.Error(t, err)
		assert.Error(t, s.Apply(ctx, &storage.Batch{
			PutSubjects: []storage.Subject{sub}, EraseController: &storage.ControllerErase{Controller: storage.NewID(), Limit: n},
		}))
	}
	_, err := s.Subject(ctx, sub.ID)
	require.ErrorIs(t, err, storage.ErrNotFound, "what was refused wrote nothing")
}

// testOrder reads everything again and again, from a store whose rows came in no order.
func testOrder(t *testing.T, s storage.Store) {
	w := world{kinds: []string{"agreement"}}
	var prev []byte
	for n := range uint64(30) {
		sub := newSubject()
		b := rich(sub, n+1, prev)
		prev = b.Proofs[0].Digest
		b.PutSchedules = append(b.PutSchedules, storage.Schedule{Owner: sub.ID, Family: "a", Rev: 1, Due: day(3)})
		for i := range 5 {
			b.PutParts = append(b.PutParts, partOf(sub, b.PutParts[0].Record, 9-i))
			token := idIn(i)
			b.PutIndex = append(b.PutIndex, storage.IndexRow{Subject: sub.ID, Record: idIn(9 - i), Part: 1, Kind: "find-by", Token: token[:]},
				storage.IndexRow{Subject: sub.ID, Record: idIn(9 - i), Part: 1, Kind: "find-by", Token: sub.ID[:]})
		}
		apply(t, s, b)
		if n%10 == 0 {
			w.ids = append(w.ids, sub.ID, sub.Controller, b.PutParts[0].Record)
		}
	}
	want := w.observe(t, s)
	for range 5 {
		require.Equal(t, want, w.observe(t, s))
	}
}

func testCaps(t *testing.T, s storage.Store) {
	caps := s.Caps()
	assert.NotEqual(t, storage.SpanUnknown, caps.Span)
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{newSubject()}})
	require.NoError(t, s.Close())
	assert.Equal(t, caps, s.Caps())
}

func testMeta(t *testing.T, s storage.Store) {
	ctx := context.Background()
	meta, err := s.Meta(ctx)
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{}, meta)
	apply(t, s, storage.Batch{PutMeta: map[string][]byte{"store": []byte("1"), "next_due": []byte("2")}})
	apply(t, s, storage.Batch{PutMeta: map[string][]byte{"next_due": []byte("3")}})
	meta, err = s.Meta(ctx)
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"store": []byte("1"), "next_due": []byte("3")}, meta)
}

func testCount(t *testing.T, s storage.Store) {
	sub := newSubject()
	var b storage.Batch
	for range 7 {
		b.PutParts = append(b.PutParts, newPart(sub))
	}
	apply(t, s, b)
	apply(t, s, storage.Batch{EraseParts: erase(b.PutParts[:2]...)})
	n, err := s.Count(context.Background())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, n, int64(0)) // an estimate may lag behind
}

func testCloseTwice(t *testing.T, s storage.Store) {
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{newSubject()}})
	for range 3 {
		require.NoError(t, s.Close())
	}
}

func testClose(t *testing.T, s storage.Store) {
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{newSubject()}})
	require.NoError(t, s.Close())
	for name, call := range calls(s) {
		require.ErrorIs(t, call(context.Background()), storage.ErrClosed, name)
	}
}
