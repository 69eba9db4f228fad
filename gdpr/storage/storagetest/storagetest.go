// Package storagetest is the conformance suite for adapters: one subtest for each "must" of package storage.
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store { return mine.New(t.TempDir()) })
//	}
//
// An adapter that passes is one that the engine can be trusted to. [Model] compares it with another adapter as well, under random batches.
package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// subtest is one promise of the port, in its own words.
type subtest struct {
	name string
	run  func(t *testing.T, s storage.Store)
}

// Run runs the suite. open must return a store with nothing in it, each time another one, and is called once for each subtest; it may
// leave closing to the suite.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []subtest
	}{
		{"contract", contractTests},
		{"apply", applyTests},
		{"conditions", conditionTests},
		{"parts", partTests},
		{"index", indexTests},
		{"files", fileTests},
		{"leases", leaseTests},
		{"trail", trailTests},
		{"keys", keyTests},
		{"controller", controllerTests},
		{"races", raceTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					s := open(t)
					t.Cleanup(func() { assert.NoError(t, s.Close()) })
					test.run(t, s)
				})
			}
		})
	}
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

func assertRefused(t *testing.T, err error, want ...storage.Failure) {
	t.Helper()
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
