package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/storage"
)

// draws chooses what happens in a history: from few ids, numbers and words, so that rows meet.
type draws struct {
	*rapid.T
	world       world
	controllers []storage.ID
	subjects    []storage.ID // of buckets 1, 1 and 2
	records     []storage.ID
	others      []storage.ID
	parts       []storage.Part // that are there before a step
	rows        []storage.IndexRow
	files       []storage.File
	schedules   []storage.Schedule
	digest      []byte            // of the last proof
	last        map[string]uint64 // number of each chain
}

func newDraws(r *rapid.T) *draws {
	named := func(bucket int, n byte) storage.ID { return storage.ID{byte(bucket), n, 15: 0xff} }
	d := &draws{
		T:           r,
		controllers: []storage.ID{named(9, 1), named(9, 2)},
		subjects:    []storage.ID{named(1, 1), named(1, 2), named(2, 1)},
		records:     []storage.ID{named(1, 0x11), named(2, 0x12)},
		others:      []storage.ID{named(7, 1), named(8, 2)},
		last:        map[string]uint64{},
	}
	d.world.kinds = []string{"avtal", "Avtal"}
	for _, ids := range [][]storage.ID{d.controllers, d.subjects, d.records, d.others} {
		d.world.ids = append(d.world.ids, ids...)
	}
	return d
}

func pick[T any](d *draws, from ...T) T { return rapid.SampledFrom(from).Draw(d.T, "pick") }

func (d *draws) truth() bool        { return rapid.Bool().Draw(d.T, "truth") }
func (d *draws) number(n int) int   { return rapid.IntRange(1, n).Draw(d.T, "number") }
func (d *draws) rev() int64         { return int64(d.number(3)) }
func (d *draws) one() int           { return pick(d, 1, 1, -1) }
func (d *draws) family() string     { return pick(d, "a", "A") }
func (d *draws) lease() string      { return pick(d, "svep", "Svep") }
func (d *draws) fence() int64       { return int64(d.number(4) - 1) }
func (d *draws) instant() time.Time { return day(rapid.IntRange(-1, 9).Draw(d.T, "day")) }
func (d *draws) bytes() []byte {
	return pick(d, nil, []byte{}, []byte("å"), []byte("Å"), []byte{0, 0xff})
}
func (d *draws) id() storage.ID { return pick(d, d.world.ids...) }
func (d *draws) ids() []storage.ID {
	return rapid.SliceOfN(rapid.SampledFrom(d.world.ids), 0, 4).Draw(d.T, "ids")
}
func (d *draws) other() storage.ID   { return pick(d, d.others...) }
func (d *draws) subject() storage.ID { return pick(d, d.subjects...) }
func (d *draws) controller() storage.ID {
	return pick(d, d.controllers...)
}

// maybe is an instant or none.
func (d *draws) maybe() time.Time {
	if d.truth() {
		return time.Time{}
	}
	return d.instant()
}

// owner is an agreement or none.
func (d *draws) owner() storage.ID { return pick(d, append([]storage.ID{{}}, d.others...)...) }

// next is mostly the number that a chain goes on with, or one near it.
func (d *draws) next(chain string) uint64 {
	return d.last[chain] + uint64(pick(d, 1, 1, 1, 0, 2))
}

// happened notes what a batch has done to the chains.
func (d *draws) happened(b *storage.Batch) {
	for _, e := range b.Entries {
		d.last[e.Lane.String()] = max(d.last[e.Lane.String()], e.Seq)
	}
	for _, r := range b.Segments {
		d.last["segments"] = max(d.last["segments"], r.N)
	}
	for _, p := range b.Proofs {
		d.last["proofs"], d.digest = p.N, p.Digest
	}
}

// look reads which rows there are.
func (d *draws) look(s storage.Store) {
	ctx := context.Background()
	var err error
	d.parts, err = s.Parts(ctx, storage.PartQuery{Light: true, Limit: 1000})
	require.NoError(d, err)
	d.rows, d.files, d.schedules = nil, nil, nil
	for _, sub := range d.subjects {
		rows, err := s.IndexOf(ctx, sub)
		require.NoError(d, err)
		d.rows = append(d.rows, rows...)
	}
	for _, kind := range d.world.kinds {
		files, err := s.Files(ctx, storage.FileQuery{Kind: kind, Limit: 1000})
		require.NoError(d, err)
		d.files = append(d.files, files...)
	}
	for _, owner := range d.others {
		schedules, err := s.SchedulesOf(ctx, owner)
		require.NoError(d, err)
		d.schedules = append(d.schedules, schedules...)
	}
}

// known draws a row that is there, or nothing, seldom though there are some.
func known[T any](d *draws, there []T) (row T, ok bool) {
	if len(there) == 0 || d.number(5) == 1 {
		return row, false
	}
	return pick(d, there...), true
}

// near is mostly the given revision.
func (d *draws) near(rev int64) int64 { return rev + int64(pick(d, 0, 0, 0, 0, 1, -1)) }

// knownPart draws a part that is mostly there, with its revision or one near it.
func (d *draws) knownPart() storage.Part {
	p := d.part()
	if is, ok := known(d, d.parts); ok {
		p.PartRef, p.Subject, p.Rev = is.PartRef, is.Subject, d.near(is.Rev)
	}
	return p
}

// file draws a file, or the next revision of one that is there.
func (d *draws) file() storage.File {
	f := storage.File{
		Kind: pick(d, d.world.kinds...), ID: d.other(), Rev: int64(pick(d, 1, 1, 2)), Parent: pick(d, append([]storage.ID{{}}, d.controllers...)...),
		State: pick(d, "", "x", "X"), Name: d.bytes(), Unique: d.truth(), Due: d.maybe(), Body: d.bytes(),
	}
	if is, ok := known(d, d.files); ok {
		f.Kind, f.ID, f.Rev = is.Kind, is.ID, d.near(is.Rev+1)
	}
	return f
}

func (d *draws) subjectCond() storage.SubjectCond {
	c := storage.SubjectCond{ID: d.subject(), Exclusive: d.truth(), NotHeld: d.truth(), Bare: d.truth()}
	for _, p := range d.parts {
		if !c.Bare && p.Subject == c.ID && d.number(5) > 1 {
			c.Left = append(c.Left, p.PartRef)
		}
	}
	if d.truth() {
		c.Left = nil
	}
	return c
}

// knownRow draws an index row that is mostly there.
func (d *draws) knownRow() storage.IndexRow {
	if is, ok := known(d, d.rows); ok {
		return is
	}
	return d.row()
}

func (d *draws) fileCond() storage.FileCond {
	c := storage.FileCond{Kind: pick(d, d.world.kinds...), ID: d.other(), Rev: d.rev() - 1, State: pick(d, "", "x"), NotHeld: d.truth()}
	if is, ok := known(d, d.files); ok {
		c.Kind, c.ID, c.Rev, c.State = is.Kind, is.ID, pick(d, 0, d.near(is.Rev)), pick(d, "", is.State, "X")
	}
	return c
}

// schedule draws a schedule, or the next revision of one that is there.
func (d *draws) schedule() storage.Schedule {
	r := storage.Schedule{Owner: d.other(), Family: d.family(), Rev: int64(pick(d, 1, 1, 2)), Due: d.maybe(), Facts: d.bytes()}
	if is, ok := known(d, d.schedules); ok {
		r.Owner, r.Family, r.Rev = is.Owner, is.Family, d.near(is.Rev+1)
	}
	return r
}

func (d *draws) scheduleCond() storage.ScheduleCond {
	c := storage.ScheduleCond{Owner: d.other(), Family: d.family(), Rev: d.rev() - 1, NotHeld: d.truth()}
	if is, ok := known(d, d.schedules); ok {
		c.Owner, c.Family, c.Rev = is.Owner, is.Family, pick(d, 0, d.near(is.Rev), is.Rev)
	}
	return c
}

// part draws a part; what it is about follows from its bucket, as in life.
func (d *draws) part() storage.Part {
	sub := storage.Subject{ID: d.subject(), Controller: d.controller()}
	n := d.number(2)
	if sub.ID == d.subjects[1] { // the second subject of a bucket has numbers of its own
		n += 2
	}
	p := partOf(sub, pick(d, d.records...), n)
	p.Rev, p.Version = int64(d.number(2)), d.number(2)
	p.Family, p.Purposes, p.Role, p.Class = d.family(), d.purposes(), pick(d, "controller", "processor"), pick(d, "a", "å")
	p.Agreement, p.Assignment, p.Owner, p.Hangs = d.owner(), d.owner(), d.owner(), d.truth()
	p.Due, p.Held, p.Restricted = d.maybe(), d.number(2)-1, d.truth()
	p.Labels, p.Facts, p.Sealed = d.labels(), d.bytes(), d.bytes()
	return p
}

func (d *draws) ref() storage.PartRef { return d.part().PartRef }

func (d *draws) purposes() []string { return pick(d, nil, []string{"a"}, []string{"a", "å"}) }

func (d *draws) labels() map[string]string {
	return pick(d, nil, map[string]string{}, map[string]string{"läge": "öppen"}, map[string]string{"läge": "öppen", "prio": "hög"},
		map[string]string{"läge": `"stängd" & <borta>`, "Läge": "öppen"}, map[string]string{"läge": ""})
}

// row draws an index row.
func (d *draws) row() storage.IndexRow {
	token := d.other()
	row := storage.IndexRow{Subject: d.subject(), Kind: pick(d, "e", "E"), Token: token[:], Controller: d.controller(), Sealed: d.bytes()}
	if d.truth() {
		p := d.part()
		row.Subject, row.Record, row.Part = p.Subject, p.Record, p.PartRef.Part
	}
	return row
}

func (d *draws) subjectKey() storage.SubjectKey {
	return storage.SubjectKey{ID: d.subject(), Controller: d.controller(), Wrapped: d.bytes()}
}

func (d *draws) partKey() storage.PartKey {
	return storage.PartKey{PartKeyRef: storage.PartKeyRef{PartRef: d.ref(), Version: d.number(2)}, Wrapped: pick(d, []byte("w"), []byte("W"))}
}

// batch draws one to four kinds of rows: few enough that many batches succeed.
func (d *draws) batch() storage.Batch {
	var b storage.Batch
	kinds := []func(){
		func() { b.Subjects = append(b.Subjects, d.subjectCond()) },
		func() {
			row := d.knownRow()
			b.Index = append(b.Index, storage.IndexCond{Subject: row.Subject, Kind: row.Kind, Token: row.Token})
		},
		func() { b.Files = append(b.Files, d.fileCond()) },
		func() { b.Schedules = append(b.Schedules, d.scheduleCond()) },
		func() { b.Lease = &storage.LeaseCond{Name: d.lease(), Fence: d.fence()} },
		func() { b.PutMeta = map[string][]byte{pick(d, "å", "Å"): d.bytes()} },
		func() {
			b.PutSubjects = append(b.PutSubjects, storage.Subject{ID: d.subject(), Controller: d.controller(), Rev: d.rev(), Created: d.instant()})
		},
		func() { b.PutParts = append(b.PutParts, d.part()) },
		func() { b.PutParts = append(b.PutParts, d.part(), d.part()) },
		func() {
			p := d.knownPart()
			p.Rev++
			b.RevisePart = append(b.RevisePart, p)
		},
		func() {
			p := d.knownPart()
			b.RetimeParts = append(b.RetimeParts, storage.Retime{
				PartRef: p.PartRef, Rev: p.Rev, Agreement: p.Agreement, Assignment: p.Assignment, Owner: p.Owner, Hangs: p.Hangs, Due: p.Due,
				Restricted: p.Restricted, Purposes: p.Purposes, Facts: p.Facts,
			})
		},
		func() {
			p := d.knownPart()
			b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject, Rev: pick(d, 0, p.Rev)})
		},
		func() {
			h := storage.PartHold{PartRef: d.knownPart().PartRef, N: d.one()}
			if d.truth() {
				due := d.maybe()
				h.Due = &due
			}
			b.HoldParts = append(b.HoldParts, h)
		},
		func() { b.HoldSubjects = append(b.HoldSubjects, storage.Count{ID: d.subject(), N: d.one()}) },
		func() {
			b.HoldFiles = append(b.HoldFiles, storage.Count{ID: d.other(), Name: pick(d, d.world.kinds...), N: d.one()})
		},
		func() { b.PutIndex = append(b.PutIndex, d.row()) },
		func() { b.PutIndex = append(b.PutIndex, d.row(), d.row()) },
		func() { b.EraseIndex = append(b.EraseIndex, d.knownRow()) },
		func() { b.EraseSubjects = append(b.EraseSubjects, storage.SubjectErase{ID: d.subject()}) },
		func() { b.PutSchedules = append(b.PutSchedules, d.schedule()) },
		func() {
			b.HoldSchedules = append(b.HoldSchedules, storage.Count{ID: d.other(), Name: d.family(), N: d.one()})
		},
		func() {
			b.PutEvents = append(b.PutEvents, storage.Event{ID: storage.ID{byte(d.number(3))}, Object: d.id(), At: d.instant(), Body: d.bytes()})
		},
		func() { b.PutFiles = append(b.PutFiles, d.file()) },
		func() {
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: pick(d, d.world.kinds...), ID: d.other()})
		},
		func() {
			b.EraseController = &storage.ControllerErase{Controller: d.controller(), Limit: d.number(4)}
		},
		func() { b.Entries = append(b.Entries, d.entry()) },
		func() { b.Segments = append(b.Segments, storage.Segment{N: d.next("segments"), Body: d.bytes()}) },
		func() {
			n := d.next("proofs")
			b.Proofs = []storage.Proof{{
				N: n, ID: storage.ID{byte(n)}, At: d.instant(), Prev: pick(d, d.digest, d.digest, d.digest, []byte("x")), Digest: bytes.Repeat([]byte{byte(n)}, 32),
				MAC: d.bytes(), Body: []byte(d.id().String()), Confirmed: d.truth(),
			}}
		},
		func() { b.Confirm = append(b.Confirm, uint64(d.number(3))) },
		func() { b.Keys = d.keyBatch() },
	}
	for range pick(d, 1, 1, 2, 3, 4) {
		pick(d, kinds...)()
	}
	if b.EraseController != nil {
		b.Keys = storage.KeyBatch{} // which keys are left to put over is each store's own affair
	}
	return b
}

// entry draws an entry. Its MAC is one of two, so that the very same one comes again.
func (d *draws) entry() storage.Entry {
	lane := d.other()
	e := storage.Entry{Lane: lane, Seq: d.next(lane.String()), At: d.instant(), Body: d.bytes()}
	e.MAC = pick(d, nil, fmt.Appendf(nil, "mac %d a", e.Seq), fmt.Appendf(nil, "mac %d b", e.Seq))
	return e
}

func (d *draws) keyBatch() storage.KeyBatch {
	var b storage.KeyBatch
	kinds := []func(){
		func() { b.DestroyControllers = append(b.DestroyControllers, d.controller()) },
		func() { b.DestroySubjects = append(b.DestroySubjects, d.subjectKey()) },
		func() { b.DestroyParts = append(b.DestroyParts, d.partKey().PartKeyRef) },
		func() { b.DestroyAllOf = append(b.DestroyAllOf, d.ref()) },
		func() {
			b.PutStore = append(b.PutStore, storage.StoreKey{Name: pick(d, "å", "Å"), Wrapped: d.bytes(), Recovery: d.bytes()})
		},
		func() {
			b.PutControllers = append(b.PutControllers, storage.ControllerKey{ID: d.controller(), Wrapped: d.bytes(), Recovery: d.bytes()})
		},
		func() { b.PutSubjects = append(b.PutSubjects, d.subjectKey()) },
		func() { b.PutParts = append(b.PutParts, d.partKey()) },
		func() { b.PutParts = append(b.PutParts, d.partKey(), d.partKey()) },
	}
	for range d.number(2) {
		pick(d, kinds...)()
	}
	return b
}

// ask is a question to a store.
type ask = func(context.Context, storage.Store) (any, error)

// question draws one read with its arguments. Limits are small, so that pages end anywhere.
func (d *draws) question() (string, ask) {
	limit := rapid.IntRange(0, 4).Draw(d.T, "limit")
	questions := map[string]func() ask{
		"Parts": func() ask {
			q := d.partQuery(limit)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Parts(ctx, q) }
		},
		"Due": func() ask {
			q := storage.DueQuery{Before: d.maybe(), After: storage.DueCursor{Due: d.maybe(), Part: d.ref()}, Light: d.truth(), Limit: limit}
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Due(ctx, q) }
		},
		"Record": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Record(ctx, id) }
		},
		"Left": func() ask {
			ids := d.ids()
			return func(ctx context.Context, s storage.Store) (any, error) { return left(ctx, s, ids) }
		},
		"Subject": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Subject(ctx, id) }
		},
		"Lookup": func() ask {
			var tokens [][]byte
			for _, id := range d.ids() {
				tokens = append(tokens, id[:])
			}
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Lookup(ctx, tokens) }
		},
		"Identifiers": func() ask {
			var tokens [][]byte
			for _, id := range d.ids() {
				tokens = append(tokens, id[:])
			}
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Identifiers(ctx, tokens) }
		},
		"IndexOf": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.IndexOf(ctx, id) }
		},
		"SchedulesOf": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.SchedulesOf(ctx, id) }
		},
		"DueSchedules": func() ask {
			before := d.maybe()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.DueSchedules(ctx, before, limit) }
		},
		"EventsOf": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.EventsOf(ctx, id) }
		},
		"File": func() ask {
			kind, id := pick(d, d.world.kinds...), d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.File(ctx, kind, id) }
		},
		"Files": func() ask {
			q := d.fileQuery(limit)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Files(ctx, q) }
		},
		"Entries": func() ask {
			lane, after := d.other(), uint64(d.number(4)-1)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Entries(ctx, lane, after, limit) }
		},
		"Segments": func() ask {
			after := uint64(d.number(4) - 1)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Segments(ctx, after, limit) }
		},
		"Proofs": func() ask {
			after := uint64(d.number(4) - 1)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.Proofs(ctx, after, limit) }
		},
		"ProofOf": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.ProofOf(ctx, id) }
		},
		"ControllerKey": func() ask {
			id := d.id()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.ControllerKey(ctx, id) }
		},
		"SubjectKeys": func() ask {
			ids := d.ids()
			return func(ctx context.Context, s storage.Store) (any, error) { return s.SubjectKeys(ctx, ids) }
		},
		"PartKeys": func() ask {
			refs := []storage.PartKeyRef{d.partKey().PartKeyRef, d.partKey().PartKeyRef, d.partKey().PartKeyRef}
			return func(ctx context.Context, s storage.Store) (any, error) { return s.PartKeys(ctx, refs) }
		},
		"AllPartKeys": func() ask {
			after := pick(d, storage.PartKeyRef{}, d.partKey().PartKeyRef)
			return func(ctx context.Context, s storage.Store) (any, error) { return s.AllPartKeys(ctx, after, limit) }
		},
		"Count": func() ask {
			return func(ctx context.Context, s storage.Store) (any, error) { n, err := s.Count(ctx); return n >= 0, err }
		},
	}
	name := pick(d, slices.Sorted(maps.Keys(questions))...)
	return name, questions[name]()
}

func (d *draws) partQuery(limit int) storage.PartQuery {
	q := storage.PartQuery{Light: d.truth(), Limit: limit}
	if d.truth() {
		q.Subjects = d.ids()
	}
	if d.truth() {
		q.Controller = d.controller()
	}
	if d.truth() {
		q.Family = d.family()
	}
	if d.truth() {
		q.Owner, q.Hanging = d.owner(), d.truth()
	}
	if d.truth() {
		q.Labels = d.labels()
	}
	if d.truth() {
		q.After = d.ref()
	}
	return q
}

func (d *draws) fileQuery(limit int) storage.FileQuery {
	q := storage.FileQuery{Kind: pick(d, d.world.kinds...), Before: d.maybe(), Limit: limit}
	if d.truth() {
		q.Parents = d.ids()
	}
	if d.truth() {
		q.State = pick(d, "x", "X")
	}
	if d.truth() {
		q.Names = [][]byte{d.bytes(), d.bytes()}
	}
	if d.truth() {
		q.After = d.other()
	}
	return q
}
