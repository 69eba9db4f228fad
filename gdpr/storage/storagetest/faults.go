package storagetest

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/faultsql"
)

// Faults breaks one call that a store makes to what lies below it, at a moment that the suite chooses.
type Faults = faultsql.Faults

// Commit is the call that decides whether a batch is stored, for [Faults.Do]. What the others are called matters to the reader of a log alone.
const Commit = faultsql.Commit

// Break returns faults for the connections of a driver: open the database by sql.OpenDB(faults). An adapter that keeps its rows elsewhere gives
// nil, and makes its calls to files or services by way of [Faults.Do].
func Break(inner driver.Connector) *Faults { return faultsql.New(inner) }

// RunWithFaults cuts each call short that the store makes to what lies below it: once before it is made and once after, so that the store does not
// know. The batch is then stored or not, as a whole, and the error says what is known.
//
// open returns an empty store and the faults that break it, each time others. retry are the errors by which the database asks to try again, such as
// those of SQLSTATE 40001 and 40P01: with each of them at each call the batch must be stored all the same.
func RunWithFaults(t *testing.T, open func(t *testing.T) (storage.Store, *Faults), retry ...error) {
	t.Helper()
	for _, test := range faultTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newStage(t, open), retry)
		})
	}
}

var faultTests = []struct {
	name string
	run  func(s *stage, retry []error)
}{
	{"Apply must do all of the batch or nothing of it", faultApply},
	{"ApplyKeys must do all of the batch or nothing of it", faultKeys},
	{"When the outcome of the commit cannot be known it must return an error that matches ErrOutcomeUnknown", faultCommit},
	{"Serialization failures and deadlocks are retried inside", faultRetry},
	{"a lease that was not given is nobody's", faultLease},
	{"a read that is cut short is no answer", faultRead},
}

// stage has a store that breaks and its twin, which does not: what is stored in one is applied to the other, and they must stay equal.
type stage struct {
	*testing.T
	s, twin storage.Store
	faults  *Faults
	scenes  uint64 // that were stored: of segments and proofs
	prev    []byte
}

func newStage(t *testing.T, open func(t *testing.T) (storage.Store, *Faults)) *stage {
	t.Helper()
	st := &stage{T: t}
	st.s, st.faults = open(t)
	st.twin, _ = open(t)
	t.Cleanup(func() {
		assert.NoError(t, st.s.Close())
		assert.NoError(t, st.twin.Close())
	})
	return st
}

// scene is rows that are there, and a batch about them.
type scene struct {
	world
	controller storage.ID
	batch      storage.Batch
}

// The scenes: a batch of new rows, one that changes them all, and one that erases them.
var scenes = []func(*stage) scene{(*stage).newRows, (*stage).changedRows, (*stage).erasedRows}

func (st *stage) newRows() scene {
	sub := newSubject()
	b := rich(sub, st.scenes+1, st.prev)
	return scene{world{ids: []storage.ID{sub.ID, sub.Controller, b.PutParts[0].Record}, kinds: []string{"agreement"}}, sub.Controller, b}
}

func (st *stage) newKeys() scene {
	sc := st.newRows()
	sc.batch = storage.Batch{Keys: sc.batch.Keys}
	return sc
}

// stored puts the rows of newRows into both stores.
func (st *stage) stored() (scene, storage.Batch) {
	st.Helper()
	sc := st.newRows()
	rows := sc.batch
	apply(st, st.s, rows)
	apply(st, st.twin, rows)
	st.count(rows)
	sc.batch = storage.Batch{}
	return sc, rows
}

// count remembers the last proof.
func (st *stage) count(b storage.Batch) {
	if len(b.Proofs) > 0 {
		st.scenes, st.prev = st.scenes+1, b.Proofs[0].Digest
	}
}

func (st *stage) changedRows() scene {
	sc, rows := st.stored()
	p, other := rows.PutParts[0], rows.PutParts[1]
	f, r, due := rows.PutFiles[0], rows.PutSchedules[0], day(5)
	f.Rev, f.State, r.Rev, r.Due = 2, "ended", 2, due
	next := p
	next.Rev, next.Version, next.Sealed = 2, 2, []byte("nytt chiffer")
	sc.batch = storage.Batch{
		Subjects:     []storage.SubjectCond{{ID: p.Subject}},
		PutMeta:      map[string][]byte{"rich": sc.ids[0][:]},
		RevisePart:   []storage.Part{next},
		RetimeParts:  []storage.Retime{{PartRef: other.PartRef, Rev: 1, Due: due, Purposes: []string{"å"}}},
		HoldParts:    []storage.PartHold{{PartRef: p.PartRef, N: 1, Due: &due}},
		HoldSubjects: []storage.Count{{ID: p.Subject, N: 1}},
		HoldFiles:    []storage.Count{{ID: f.ID, Name: f.Kind, N: 1}},
		PutIndex:     []storage.IndexRow{{Subject: p.Subject, Record: p.Record, Part: p.Part, Kind: "find-by", Token: p.Record[:], Controller: p.Controller}},
		EraseIndex:   rows.PutIndex,
		PutSchedules: []storage.Schedule{r}, PutFiles: []storage.File{f},
		PutEvents: []storage.Event{{ID: storage.NewID(), Object: p.Subject, At: t0}},
		Entries:   []storage.Entry{entry(rows.Entries[0].Lane, 2)},
		Confirm:   []uint64{rows.Proofs[0].N},
		Keys: storage.KeyBatch{
			DestroyParts: []storage.PartKeyRef{rows.Keys.PutParts[0].PartKeyRef},
			PutParts:     []storage.PartKey{partKey(p.PartRef, 2), partKey(other.PartRef, 1)},
		},
	}
	return sc
}

func (st *stage) erasedRows() scene {
	sc, rows := st.stored()
	p := rows.PutParts[0]
	release := storage.Batch{HoldSubjects: []storage.Count{{ID: p.Subject, N: -1}}}
	apply(st, st.s, release)
	apply(st, st.twin, release)
	f, sub := rows.PutFiles[0], rows.Keys.PutSubjects[0]
	sc.batch = storage.Batch{
		Subjects:   []storage.SubjectCond{{ID: p.Subject, Exclusive: true, NotHeld: true, Bare: true}},
		Files:      []storage.FileCond{{Kind: f.Kind, ID: f.ID, Rev: 1, State: f.State, NotHeld: true}},
		Schedules:  []storage.ScheduleCond{{Owner: f.ID, Family: p.Family, Rev: 1}},
		EraseParts: erase(rows.PutParts...), EraseSubjects: []storage.SubjectErase{{ID: p.Subject}},
		EraseController: &storage.ControllerErase{Controller: p.Controller, Limit: 100},
		Entries:         []storage.Entry{entry(rows.Entries[0].Lane, 2)},
		Segments:        []storage.Segment{{N: st.scenes + 1}},
		Proofs:          []storage.Proof{{N: st.scenes + 1, ID: storage.NewID(), At: t0, Prev: st.prev, Digest: p.Record[:], Body: []byte(p.Record.String())}},
		Keys: storage.KeyBatch{
			DestroyControllers: []storage.ID{p.Controller}, DestroySubjects: []storage.SubjectKey{sub}, DestroyAllOf: []storage.PartRef{p.PartRef},
		},
	}
	return sc
}

// arm is one way to break a call.
type arm struct {
	name string
	at   func(f *Faults, n int)
}

var (
	before = arm{"before", func(f *Faults, n int) { f.At(n, faultsql.Before) }}
	after  = arm{"after", func(f *Faults, n int) { f.At(n, faultsql.After) }}

	// What drivers say of a lost connection: over the one some believe that nothing was done, and with the other database/sql tries again by itself.
	afterEOF  = arm{"after, with io.EOF", func(f *Faults, n int) { f.Lose(n, faultsql.After, io.EOF) }}
	beforeBad = arm{"before, with driver.ErrBadConn", func(f *Faults, n int) { f.Lose(n, faultsql.Before, driver.ErrBadConn) }}
	afterBad  = arm{"after, with driver.ErrBadConn", func(f *Faults, n int) { f.Lose(n, faultsql.After, driver.ErrBadConn) }}

	cuts    = []arm{before, after}
	allCuts = []arm{before, after, afterEOF, beforeBad, afterBad}
)

// outcome is what became of a batch whose n-th call was broken.
type outcome struct {
	stored bool
	err    error
	call   faultsql.Op
	decide bool // whether the call may have decided
}

// cut applies the batch of a scene with its n-th call broken, and holds the store against its twin. It returns false when there is no such call.
func (st *stage) cut(sc scene, a arm, n int, act func(storage.Store) error) (o outcome, broken bool) {
	st.Helper()
	start := len(st.faults.Log())
	a.at(st.faults, start+n)
	o.err = act(st.s)
	st.faults.At(0, faultsql.None)
	calls := st.faults.Log()[start:]
	broken = len(calls) >= n
	if broken {
		o.call, o.decide = calls[n-1], decides(calls, n-1)
	}
	got := sc.observe(st, st.s)
	if o.err == nil || !assert.ObjectsAreEqual(sc.observe(st, st.twin), got) {
		require.NoError(st, act(st.twin))
		require.Equal(st, sc.observe(st, st.twin), got, "%s call %d of %v: not all of it is stored: %v", a.name, n, calls, o.err)
		st.count(sc.batch)
		o.stored = true
	}
	return o, broken
}

// clear erases the rows of a scene from both stores, so that there are never many.
func (st *stage) clear(sc scene) {
	for _, s := range []storage.Store{st.s, st.twin} {
		eraseAll(st, s, sc.controller, 100)
	}
}

// decides reports whether a call is a commit, or a statement outside of transactions, which commits itself.
func decides(calls []faultsql.Op, at int) bool {
	within := false
	for _, op := range calls[:at] {
		switch op {
		case faultsql.Begin:
			within = true
		case faultsql.Commit, faultsql.Rollback:
			within = false
		}
	}
	op := calls[at]
	return op == faultsql.Commit || !within && (op == faultsql.Exec || op == faultsql.Query)
}

// each breaks call after call of the batches of a scene, until one has no more calls; in a short run, every fifth.
func (st *stage) each(build func(*stage) scene, a arm, act func(storage.Store, *scene) error, check func(outcome)) {
	st.Helper()
	step := 1
	if testing.Short() {
		step = 5
	}
	for n := 1; ; n += step {
		sc := build(st)
		o, broken := st.cut(sc, a, n, func(s storage.Store) error { return act(s, &sc) })
		if broken {
			check(o)
		}
		st.clear(sc)
		if !broken {
			require.NoError(st, o.err)
			require.Greater(st, n, 1, "the store made no call that could be broken")
			return
		}
	}
}

func applyScene(s storage.Store, sc *scene) error { return s.Apply(context.Background(), &sc.batch) }

// known asserts that an error says what is known: unless it says that it is not, nothing is stored.
func (st *stage) known(o outcome) {
	st.Helper()
	unknown := errors.Is(o.err, storage.ErrOutcomeUnknown)
	if o.err != nil && o.stored {
		require.True(st, unknown, "at %s: stored, and the error does not say that it may be: %v", o.call, o.err)
	}
	if unknown {
		require.True(st, o.decide, "at %s: only a commit leaves the outcome unknown: %v", o.call, o.err)
	}
	var e *storage.ConditionError
	require.False(st, errors.As(o.err, &e), "at %s: no condition failed: %v", o.call, o.err)
}

func faultApply(st *stage, _ []error) {
	for _, sc := range scenes {
		for _, a := range cuts {
			st.each(sc, a, applyScene, st.known)
		}
	}
}

func faultKeys(st *stage, _ []error) {
	for _, a := range allCuts {
		st.each((*stage).newKeys, a, func(s storage.Store, sc *scene) error { return s.ApplyKeys(context.Background(), &sc.batch.Keys) }, st.known)
	}
}

// calls are those that a batch of new rows makes, when nothing fails and the statements are prepared.
func (st *stage) calls() (calls []faultsql.Op) {
	for range 3 {
		start := len(st.faults.Log())
		sc, _ := st.stored()
		calls = st.faults.Log()[start:]
		st.clear(sc)
	}
	return calls
}

// faultCommit breaks the calls that decide. The caller learns that the batch may be stored, and applies the same one again: then it is, and once.
func faultCommit(st *stage, _ []error) {
	calls := st.calls()
	decided := 0
	for at := range calls {
		for _, a := range allCuts {
			if !decides(calls, at) {
				continue
			}
			decided++
			require.Equal(st, calls, st.calls())
			sc := st.newRows()
			sc.batch.Entries[0].MAC = newMAC()
			o, broken := st.cut(sc, a, at+1, func(s storage.Store) error { return applyScene(s, &sc) })
			require.True(st, broken && o.decide)
			st.known(o)
			require.NoError(st, applyScene(st.s, &sc), "the same batch again")
			require.NoError(st, applyScene(st.twin, &sc))
			require.Equal(st, sc.observe(st, st.twin), sc.observe(st, st.s))
			if !o.stored {
				st.count(sc.batch)
			}
			st.clear(sc)
		}
	}
	require.Positive(st, decided, "no call of the store decides: name it storagetest.Commit")
}

func faultRetry(st *stage, retry []error) {
	if len(retry) == 0 {
		st.Skip("no errors to retry were given")
	}
	for _, err := range retry {
		refuse := arm{err.Error(), func(f *Faults, n int) { f.Refuse(n, err) }}
		for _, sc := range scenes {
			st.each(sc, refuse, applyScene, func(o outcome) {
				require.NoError(st, o.err, "%v at %s", err, o.call)
			})
		}
	}
}

func faultLease(st *stage, _ []error) {
	ctx := context.Background()
	turn := 0
	for _, a := range cuts {
		for n := 1; ; n++ {
			turn++
			now := day(turn)
			start := len(st.faults.Log())
			a.at(st.faults, start+n)
			fence, err := st.s.Acquire(ctx, "svep", "a", now, day(turn+1))
			st.faults.At(0, faultsql.None)
			calls := st.faults.Log()[start:]
			if err == nil {
				apply(st, st.s, storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}})
			} else {
				require.NotErrorIs(st, err, storage.ErrLeased)
				fence, err = st.s.Acquire(ctx, "svep", "a", now, day(turn+1))
				require.NoError(st, err, "the same owner may ask again")
			}
			a.at(st.faults, len(st.faults.Log())+n)
			err = st.s.Release(ctx, "svep", fence)
			st.faults.At(0, faultsql.None)
			if err == nil {
				_, err = st.s.Acquire(ctx, "svep", "b", now, now.Add(1000))
				require.NoError(st, err, "it was released")
			}
			turn++
			if len(calls) < n {
				break
			}
		}
	}
}

// faultRead breaks each read of rows that are there: an error, and never the answer that there are none.
func faultRead(st *stage, _ []error) {
	ctx := context.Background()
	sc, _ := st.stored()
	for _, r := range sc.reads() {
		want, wantErr := r.do(ctx, st.twin)
		for _, a := range cuts {
			for n := 1; ; n++ {
				start := len(st.faults.Log())
				a.at(st.faults, start+n)
				got, err := r.do(ctx, st.s)
				st.faults.At(0, faultsql.None)
				calls := st.faults.Log()[start:]
				if err == nil || errors.Is(err, storage.ErrNotFound) {
					require.Equal(st, want, got, "%s: %s call %d of %v", r.of, a.name, n, calls)
					require.Equal(st, wantErr == nil, err == nil, "%s: %s call %d of %v: %v", r.of, a.name, n, calls, err)
				}
				if len(calls) < n {
					break
				}
			}
		}
	}
}
