package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/storage"
)

// Model applies the same random batches to two adapters, and asserts that they answer and end alike: package memory is the reference. It
// calls both functions once for each try.
func Model(t *testing.T, reference, open func(t *testing.T) storage.Store) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		want, got := reference(t), open(t)
		defer func() {
			require.NoError(r, want.Close())
			require.NoError(r, got.Close())
		}()
		g := newGenerator()
		for range rapid.IntRange(20, 60).Draw(r, "steps") {
			g.step(r, want, got)
		}
		require.Equal(r, g.world.observe(r, want), g.world.observe(r, got))
	})
}

// generator draws from few ids, so that rows meet.
type generator struct {
	world       world
	controllers []storage.ID
	subjects    []storage.ID // of buckets 1, 1 and 2
	records     []storage.ID
	others      []storage.ID
	digest      []byte
}

func newGenerator() *generator {
	named := func(bucket int, n byte) storage.ID { return storage.ID{byte(bucket), n, 15: 0xff} }
	g := &generator{
		controllers: []storage.ID{named(9, 1), named(9, 2)},
		subjects:    []storage.ID{named(1, 1), named(1, 2), named(2, 1)},
		records:     []storage.ID{named(1, 0x11), named(2, 0x12)},
		others:      []storage.ID{named(7, 1), named(8, 2)},
	}
	g.world.kinds = []string{"avtal", "Avtal"}
	for _, ids := range [][]storage.ID{g.controllers, g.subjects, g.records, g.others} {
		g.world.ids = append(g.world.ids, ids...)
	}
	return g
}

func (g *generator) step(r *rapid.T, want, got storage.Store) {
	ctx := context.Background()
	switch rapid.IntRange(0, 9).Draw(r, "kind of step") {
	case 0:
		name, owner := pick(r, []string{"svep", "Svep"}), pick(r, []string{"a", "b"})
		now := day(rapid.IntRange(0, 5).Draw(r, "now"))
		a, errA := want.Acquire(ctx, name, owner, now, now.AddDate(0, 0, 2))
		b, errB := got.Acquire(ctx, name, owner, now, now.AddDate(0, 0, 2))
		require.Equal(r, tell(errA), tell(errB), "acquire: %v", errB)
		require.Equal(r, a, b)
	case 1:
		name, fence := pick(r, []string{"svep", "Svep"}), rapid.Int64Range(1, 5).Draw(r, "fence")
		require.NoError(r, want.Release(ctx, name, fence))
		require.NoError(r, got.Release(ctx, name, fence))
	case 2:
		controller := pick(r, g.controllers)
		require.Equal(r, eraseAll(r, want, controller), eraseAll(r, got, controller))
	default:
		b := g.batch(r)
		errA, errB := want.Apply(ctx, &b), got.Apply(ctx, &b)
		require.Equal(r, tell(errA), tell(errB), "apply: %v", errB)
		if errA == nil && len(b.Proofs) > 0 {
			g.digest = b.Proofs[0].Digest
		}
	}
}

// eraseAll off-boards a controller and returns how many rows that were.
func eraseAll(t require.TestingT, s storage.Store, controller storage.ID) (rows int) {
	for {
		step := storage.ControllerErase{Controller: controller, Limit: 3}
		apply(t, s, storage.Batch{EraseController: &step})
		if step.Erased == 0 {
			return rows
		}
		rows += step.Erased
	}
}

func pick[T any](r *rapid.T, from []T) T { return rapid.SampledFrom(from).Draw(r, "pick") }

// batch draws one to four kinds of rows: few enough that many batches succeed.
func (g *generator) batch(r *rapid.T) storage.Batch {
	rev := func() int64 { return rapid.Int64Range(1, 3).Draw(r, "rev") }
	n := func() int { return pick(r, []int{1, 1, -1}) }
	family := func() string { return pick(r, []string{"a", "b"}) }
	seq := func() uint64 { return rapid.Uint64Range(1, 3).Draw(r, "seq") }
	truth := func() bool { return rapid.Bool().Draw(r, "truth") }
	moment := func() time.Time { return day(rapid.IntRange(0, 9).Draw(r, "due")) }
	wrapped := []byte("w")
	subjectKey := func() storage.SubjectKey {
		return storage.SubjectKey{ID: pick(r, g.subjects), Controller: pick(r, g.controllers), Wrapped: wrapped}
	}
	aPartKey := func() storage.PartKey { return partKey(g.part(r).PartRef, rapid.IntRange(1, 2).Draw(r, "version")) }
	var b storage.Batch
	draw := []func(){
		func() {
			b.Subjects = append(b.Subjects, storage.SubjectCond{ID: pick(r, g.subjects), Exclusive: truth(), NotHeld: truth(), Bare: truth()})
		},
		func() {
			b.Files = append(b.Files, storage.FileCond{Kind: pick(r, g.world.kinds), ID: pick(r, g.others), Rev: rev() - 1, State: pick(r, []string{"", "x"}), NotHeld: truth()})
		},
		func() {
			b.Schedules = append(b.Schedules, storage.ScheduleCond{Owner: pick(r, g.others), Family: family(), Rev: rev() - 1, NotHeld: truth()})
		},
		func() { b.Lease = &storage.LeaseCond{Name: "svep", Fence: rapid.Int64Range(0, 3).Draw(r, "fence")} },
		func() {
			b.PutMeta = map[string][]byte{pick(r, []string{"å", "Å"}): []byte(pick(r, []string{"", "x", "y"}))}
		},
		func() {
			b.PutSubjects = append(b.PutSubjects, storage.Subject{ID: pick(r, g.subjects), Controller: pick(r, g.controllers), Rev: 1, Created: t0})
		},
		func() { b.PutParts = append(b.PutParts, g.part(r)) },
		func() { b.PutParts = append(b.PutParts, g.part(r), g.part(r)) },
		func() {
			p := g.part(r)
			p.Rev, p.Sealed = rev(), []byte("nytt chiffer")
			b.RevisePart = append(b.RevisePart, p)
		},
		func() {
			p := g.part(r)
			b.RetimeParts = append(b.RetimeParts, storage.Retime{
				PartRef: p.PartRef, Rev: rev(), Owner: p.Owner, Hangs: p.Hangs, Due: p.Due, Restricted: truth(), Purposes: []string{"b", "å"},
			})
		},
		func() {
			p := g.part(r)
			b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject, Rev: max(0, rev()-2)})
		},
		func() {
			h := storage.PartHold{PartRef: g.part(r).PartRef, N: n()}
			if truth() {
				due := moment()
				h.Due = &due
			}
			b.HoldParts = append(b.HoldParts, h)
		},
		func() { b.HoldSubjects = append(b.HoldSubjects, storage.Count{ID: pick(r, g.subjects), N: n()}) },
		func() {
			b.HoldFiles = append(b.HoldFiles, storage.Count{ID: pick(r, g.others), Name: pick(r, g.world.kinds), N: n()})
		},
		func() { b.PutIndex = append(b.PutIndex, g.row(r)) },
		func() { b.PutIndex = append(b.PutIndex, g.row(r), g.row(r)) },
		func() { b.EraseIndex = append(b.EraseIndex, g.row(r)) },
		func() { b.EraseSubjects = append(b.EraseSubjects, storage.SubjectErase{ID: pick(r, g.subjects)}) },
		func() {
			b.PutSchedules = append(b.PutSchedules, storage.Schedule{Owner: pick(r, g.others), Family: family(), Rev: rev(), Held: 1, Due: moment()})
		},
		func() {
			b.HoldSchedules = append(b.HoldSchedules, storage.Count{ID: pick(r, g.others), Name: family(), N: n()})
		},
		func() {
			b.PutEvents = append(b.PutEvents, storage.Event{ID: storage.ID{byte(seq())}, Object: pick(r, g.records), At: moment()})
		},
		func() {
			b.PutFiles = append(b.PutFiles, storage.File{
				Kind: pick(r, g.world.kinds), ID: pick(r, g.others), Rev: rev(), Parent: pick(r, g.controllers), State: pick(r, []string{"x", "y"}),
				Name: pick(r, [][]byte{nil, []byte("å"), []byte("Å")}), Unique: truth(),
			})
		},
		func() {
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: pick(r, g.world.kinds), ID: pick(r, g.others)})
		},
		func() { b.Entries = append(b.Entries, entry(pick(r, g.others), seq())) },
		func() { b.Segments = append(b.Segments, storage.Segment{N: seq()}) },
		func() {
			p := proof(seq(), "{}")
			p.Prev, p.ID = g.digest, storage.ID{byte(p.N)}
			b.Proofs = []storage.Proof{p}
		},
		func() { b.Confirm = append(b.Confirm, seq()) },
		func() { b.Keys.DestroyControllers = append(b.Keys.DestroyControllers, pick(r, g.controllers)) },
		func() { b.Keys.DestroySubjects = append(b.Keys.DestroySubjects, subjectKey()) },
		func() { b.Keys.DestroyParts = append(b.Keys.DestroyParts, aPartKey().PartKeyRef) },
		func() { b.Keys.DestroyAllOf = append(b.Keys.DestroyAllOf, aPartKey().PartRef) },
		func() {
			b.Keys.PutStore = append(b.Keys.PutStore, storage.StoreKey{Name: pick(r, []string{"å", "Å"}), Wrapped: wrapped})
		},
		func() {
			b.Keys.PutControllers = append(b.Keys.PutControllers, storage.ControllerKey{ID: pick(r, g.controllers), Wrapped: wrapped})
		},
		func() { b.Keys.PutSubjects = append(b.Keys.PutSubjects, subjectKey()) },
		func() { b.Keys.PutParts = append(b.Keys.PutParts, aPartKey()) },
	}
	for range rapid.IntRange(1, 4).Draw(r, "kinds of rows") {
		pick(r, draw)()
	}
	return b
}

// part draws a part; what it is about follows from its bucket, as in life.
func (g *generator) part(r *rapid.T) storage.Part {
	sub := storage.Subject{ID: pick(r, g.subjects), Controller: pick(r, g.controllers)}
	n := rapid.IntRange(1, 2).Draw(r, "part")
	if sub.ID == g.subjects[1] { // the second subject of a bucket has numbers of its own
		n += 2
	}
	p := partOf(sub, pick(r, g.records), n)
	p.Owner = pick(r, append([]storage.ID{{}}, g.others...))
	p.Hangs = rapid.Bool().Draw(r, "hangs")
	p.Family = pick(r, []string{"a", "b"})
	p.Version = rapid.IntRange(1, 2).Draw(r, "version")
	if rapid.Bool().Draw(r, "dated") {
		p.Due = day(rapid.IntRange(0, 9).Draw(r, "due"))
	}
	return p
}

func (g *generator) row(r *rapid.T) storage.IndexRow {
	token := pick(r, g.others)
	row := storage.IndexRow{Subject: pick(r, g.subjects), Kind: pick(r, []string{"e", "E"}), Token: token[:], Controller: pick(r, g.controllers)}
	if rapid.Bool().Draw(r, "find-by") {
		p := g.part(r)
		row.Subject, row.Record, row.Part = p.Subject, p.Record, p.Part
	}
	return row
}
