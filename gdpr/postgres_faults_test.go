package gdpr_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/internal/faultsql"
)

// sqlState is an error as a server gives it.
type sqlState string

func (s sqlState) Error() string    { return "injected: SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// accidents are the ways in which a call to a server goes wrong.
var accidents = []struct {
	name    string
	refusal bool // by the server, which asks to try again
	arm     func(f *faultsql.Faults, n int)
}{
	{"serialization failure", true, func(f *faultsql.Faults, n int) { f.Refuse(n, sqlState("40001")) }},
	{"deadlock", true, func(f *faultsql.Faults, n int) { f.Refuse(n, sqlState("40P01")) }},
	{"lost before", false, func(f *faultsql.Faults, n int) { f.Lose(n, faultsql.Before, io.ErrUnexpectedEOF) }},
	{"lost after", false, func(f *faultsql.Faults, n int) { f.Lose(n, faultsql.After, io.ErrUnexpectedEOF) }},
	{"sent again", false, func(f *faultsql.Faults, n int) { f.Lose(n, faultsql.Before, driver.ErrBadConn) }},
	{"done and sent again", false, func(f *faultsql.Faults, n int) { f.Lose(n, faultsql.After, driver.ErrBadConn) }},
	{"unknown before", false, func(f *faultsql.Faults, n int) { f.At(n, faultsql.Before) }},
	{"unknown after", false, func(f *faultsql.Faults, n int) { f.At(n, faultsql.After) }},
}

// putMany copies its rows in.
var putMany = operation{name: "PutAll of many", again: true, do: func(ctx context.Context, r *running, _ *scene) error {
	var records []gdpr.Record
	for i := range 60 {
		records = append(records, gdpr.Record{Subject: gdpr.Email([]string{"cajsa@byn.example", "dag@byn.example", "bo@byn.example"}[i%3]),
			Fields: gdpr.Fields{"question": fmt.Sprintf("Fråga %d", i)}})
	}
	out, err := r.As(support, "inquiry").PutAll(ctx, sequence(records...), nil)
	if err == nil && out.Stored != len(records) {
		return fmt.Errorf("stored %d, refused %v", out.Stored, out.Refused)
	}
	return err
}}

// TestPostgresAccidents breaks the calls of every operation to Postgres, one at a time. What is found afterwards is the state before or the state after, after a
// success always the latter; a serialization failure or deadlock of what writes is not even noticed, and a commit that nobody answered is settled
// and not made twice. The states are those of the same operation in SQLite.
func TestPostgresAccidents(t *testing.T) {
	t.Parallel()
	var tried, happened, noticed atomic.Int64
	t.Run("operations", func(t *testing.T) {
		for _, layout := range bothLayouts {
			t.Run(layout.name, func(t *testing.T) {
				t.Parallel()
				p := newPremises(t, databases(t, layout.apart)...)
				for i, op := range append(slices.Clone(everyOperation), putMany) {
					t.Run(op.name, func(t *testing.T) {
						began := time.Now()
						b := rehearse(t, p, op, layout.apart)
						step := 1
						if !*long {
							step = max(1, b.points()/10)
						}
						for n := i % step; n < b.points(); n += step {
							b.accident(t, n, &happened, &noticed)
							tried.Add(1)
						}
						t.Logf("%d accidents possible, %s", b.points(), time.Since(began).Round(time.Millisecond))
					})
				}
			})
		}
	})
	t.Logf("%d accidents tried, %d happened, %d were noticed", tried.Load(), happened.Load(), noticed.Load())
}

// boards are a theatre whose operation is played on Postgres.
type boards struct {
	*theatre
	p     *premises
	rows  []rows          // of the scene
	calls [][]faultsql.Op // of the operation, to each database
}

// rehearse does the operation once, untouched.
func rehearse(t *testing.T, p *premises, op operation, apart bool) *boards {
	t.Helper()
	b := &boards{theatre: play(t, op, apart), p: p}
	b.rows = b.site.rows(t)
	r := b.open(t)
	var start []int
	for _, f := range r.faults {
		start = append(start, f.Calls())
	}
	require.NoError(t, op.do(t.Context(), r, b.scene))
	for i, f := range r.faults {
		b.calls = append(b.calls, f.Log()[start[i]:])
	}
	require.Equal(t, b.after, b.found(t, r), "in Postgres it does something else")
	r.stop()
	return b
}

// open sets the scene and opens an engine in it.
func (b *boards) open(t *testing.T) *running {
	t.Helper()
	b.p.moveIn(t, b.rows)
	s := b.copy(t)
	s.fragile = true
	r, err := b.p.start(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	return r
}

// points is how many accidents there are.
func (b *boards) points() int {
	n := 0
	for _, calls := range b.calls {
		n += len(calls) * len(accidents)
	}
	return n
}

// decides is the call to the data that stores the first batch: a commit, or a statement that is no part of a transaction. That of a sweep stores its
// lease, and a seal has no entry in the trail: it is the trail's.
func (b *boards) decides() int {
	if b.op.steps || b.op.name == "Seal" {
		return 0
	}
	within := false
	for i, call := range b.calls[0] {
		within = within || call == faultsql.Begin
		if call == faultsql.Commit || call == faultsql.Exec && !within {
			return i + 1
		}
	}
	return 0
}

// found carries the rows to a copy of the site's SQLite files, and reads the state there.
func (b *boards) found(t *testing.T, r *running) state {
	t.Helper()
	s := *r.site
	s.fragile = false
	moveOut(t, &s, b.p.now(t))
	return look(t, &s, b.scene, b.op)
}

// accident does the operation, breaks one call, and demands that a second run completes what is missing.
func (b *boards) accident(t *testing.T, point int, happened, noticed *atomic.Int64) {
	t.Helper()
	db := 0
	for point >= len(b.calls[db])*len(accidents) {
		point -= len(b.calls[db]) * len(accidents)
		db++
	}
	what, n := accidents[point%len(accidents)], point/len(accidents)+1
	call := b.calls[db][n-1]
	where := fmt.Sprintf("%s, %s, call %d of %d: %s", []string{"data", "keys"}[db], what.name, n, len(b.calls[db]), call)
	r := b.open(t)
	defer r.stop()
	start := r.faults[db].Calls()
	what.arm(r.faults[db], start+n)
	err := b.op.do(t.Context(), r, b.scene)
	if r.faults[db].Calls() >= start+n {
		happened.Add(1)
	}
	r.faults[db].At(0, faultsql.None)
	if err != nil {
		noticed.Add(1)
	}
	if what.refusal && (call == faultsql.Exec || call == faultsql.Commit || call == faultsql.Begin) {
		require.NoError(t, err, "%s: the server asked to try again", where)
	}
	if db == 0 && n == b.decides() {
		require.NoError(t, err, "%s: the trail knows what became of it", where)
	}
	found := b.found(t, r)
	switch {
	case err == nil:
		require.Equal(t, b.after, found, "%s: it said that it was done", where)
		return
	case found != b.before && !b.op.steps:
		require.Equal(t, b.after, found, "%s: %v: neither before nor after", where, err)
	}
	if n%2 == 0 { // every other time a new engine goes on
		clock := r.site.clock
		r.stop()
		s := *r.site
		s.clock = clock
		if r, err = b.p.start(t.Context(), &s); err != nil {
			require.NoError(t, err, where)
		}
		defer r.stop()
	}
	b.again(t, r, found, where)
	require.Equal(t, b.after, b.found(t, r), "%s: after the second run", where)
}
