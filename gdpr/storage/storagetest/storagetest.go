// Package storagetest is the conformance suite for adapters: one subtest for each "must" of package storage, in its words.
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store { return mine.New(t.TempDir()) })
//	}
//
//	func TestModel(t *testing.T) {
//		storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, open)
//	}
//
// An adapter that passes both is one that the engine can be trusted to. What not every adapter has is proven apart: [RunTogether] for two
// processes on one store, [RunWithFaults] for calls that fail, [RunWithFiles] for a Scrubber, [RunInTx] for a Joiner.
// docs/adapters.md goes through all of it with an example.
//
// # How long
//
// By default a store takes some seconds, with -short a tenth of the tries. For a long proof, before a release or after a change of the adapter:
//
//	go test ./mine -timeout 2h -storagetest.long -rapid.checks=20000
//
// -storagetest.long runs each race twenty times as often, -rapid.checks says how many random histories the model draws (100 by default) and
// -rapid.steps how long they are (30). When a history fails, it is made as short as it will go and printed with the seed that repeats it.
package storagetest

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// subtest is one promise of the port. A name with "must" is the sentence of package storage, with words left out.
type subtest struct {
	name string
	run  func(t *testing.T, s storage.Store)
}

type group struct {
	name  string
	tests []subtest
}

// suite is what every adapter has to keep.
func suite() []group {
	return []group{
		{"contract", contractTests},
		{"apply", applyTests},
		{"conditions", conditionTests},
		{"parts", partTests},
		{"index", indexTests},
		{"files", fileTests},
		{"leases", leaseTests},
		{"trail", trailTests},
		{"keys", keyTests},
		{"controllers", controllerTests},
		{"large", largeTests},
		{"races", raceTests()},
	}
}

// Run runs the suite. open must return a store with nothing in it, each time another one, and is called once for each subtest; it may
// leave closing to the suite.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, g := range suite() {
		t.Run(g.name, func(t *testing.T) { g.run(t, open) })
	}
}

func (g group) run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, test := range g.tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			test.run(t, s)
		})
	}
}

var long = flag.Bool("storagetest.long", false, "run each race of storagetest twenty times as often")

// tries is how often a race is run.
func tries(n int) int {
	switch {
	case testing.Short():
		return max(1, n/10)
	case *long:
		return 20 * n
	}
	return n
}

// t0 is a summer morning in Stockholm.
var t0 = time.Date(2026, 6, 19, 7, 30, 0, 123456000, time.UTC)

func day(n int) time.Time { return t0.AddDate(0, 0, n) }

func apply(t require.TestingT, s storage.Batches, b storage.Batch) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	require.NoError(t, s.Apply(context.Background(), &b))
}

// refused asserts that a batch fails, for exactly these rows.
func refused(t *testing.T, s storage.Batches, b storage.Batch, want ...storage.Failure) {
	t.Helper()
	assertRefused(t, s.Apply(context.Background(), &b), want...)
}

func assertRefused(t require.TestingT, err error, want ...storage.Failure) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	var e *storage.ConditionError
	require.ErrorAs(t, err, &e)
	assert.ElementsMatch(t, want, e.Failures)
}

// idIn returns a random id in a bucket.
func idIn(bucket int) storage.ID {
	id := storage.NewID()
	id[0] = byte(bucket)
	return id
}

func newSubject() storage.Subject {
	return storage.Subject{ID: storage.NewID(), Controller: storage.NewID(), Rev: 1, Created: t0}
}

// newPart is a first part about a subject, of a record in the subject's bucket.
func newPart(s storage.Subject) storage.Part { return partOf(s, idIn(s.ID.Bucket()), 1) }

func partOf(s storage.Subject, record storage.ID, n int) storage.Part {
	return storage.Part{
		PartRef: storage.PartRef{Bucket: s.ID.Bucket(), Record: record, Part: n},
		Rev:     1, Version: 1, Controller: s.Controller, Subject: s.ID,
		Family: "förfrågan", Purposes: []string{"förfrågan"}, Role: "controller", Class: "customer-data",
		Sealed: []byte("chiffer"),
	}
}

func erase(parts ...storage.Part) []storage.PartErase {
	var out []storage.PartErase
	for _, p := range parts {
		out = append(out, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject})
	}
	return out
}

// readPart reads a part back, through its record.
func readPart(t *testing.T, s storage.Store, p storage.Part) storage.Part {
	t.Helper()
	got, err := s.Record(context.Background(), p.Record)
	require.NoError(t, err)
	for _, g := range got {
		if g.PartRef == p.PartRef {
			return g
		}
	}
	require.Fail(t, "part is not there")
	return storage.Part{}
}

// walk reads all pages of a query and asserts that none is longer than it may be.
func walk(t *testing.T, s storage.Store, q storage.PartQuery) []storage.Part {
	t.Helper()
	var out []storage.Part
	for {
		page, err := s.Parts(context.Background(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), q.Limit)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		require.Positive(t, page[len(page)-1].Compare(q.After), "the walk goes on")
		q.After = page[len(page)-1].PartRef
	}
}

func refs(parts []storage.Part) []storage.PartRef {
	var out []storage.PartRef
	for _, p := range parts {
		out = append(out, p.PartRef)
	}
	return out
}

// tell reduces an error to what the port promises about it.
func tell(err error) any {
	var e *storage.ConditionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		failures := map[storage.Failure]int{}
		for _, f := range e.Failures {
			failures[f]++
		}
		return failures
	}
	for _, known := range []error{storage.ErrNotFound, storage.ErrLeased, storage.ErrBusy, storage.ErrClosed} {
		if errors.Is(err, known) {
			return known
		}
	}
	return "other"
}
