package gdpr_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/faultsql"
)

// theatre is one operation on one layout: its scene before, and the states that may be found.
type theatre struct {
	op            operation
	site          *site
	scene         *scene
	before, after state
	calls         []int             // of the operation, in each database
	files         map[string][]byte // of the scene
}

// points counts what was tried.
type points struct{ failed, killed atomic.Int64 }

// TestAllOrNothing cuts every operation short at every call of every database: an error before the call, an error after it (of a commit:
// outcome unknown), the process killed. What is found afterwards is the state before or the state after, and a second run completes.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	var tried points
	t.Run("operations", func(t *testing.T) {
		for _, op := range everyOperation {
			for _, layout := range bothLayouts {
				t.Run(op.name+", "+layout.name, func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					th := play(t, op, layout.apart)
					th.fail(t, &tried)
					th.kill(t, &tried)
					t.Logf("calls %v, %s", th.calls, time.Since(began).Round(time.Millisecond))
				})
			}
		}
	})
	t.Logf("points tried: %d errors injected, %d processes killed", tried.failed.Load(), tried.killed.Load())
}

// play does the operation once, untouched, and learns what it looks like before and after, and how many calls it makes.
func play(t *testing.T, op operation, apart bool) *theatre {
	t.Helper()
	th := &theatre{op: op}
	th.site, th.scene = stage(t, apart, op)
	b, err := json.Marshal(th.scene)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(th.site.path("scene.json"), b, 0o600))
	th.files = contents(t, th.site)
	th.before = look(t, th.copy(t), th.scene, op)
	s := th.copy(t)
	s.fragile = true
	r, err := s.start(t.Context())
	require.NoError(t, err)
	var start []int
	for _, f := range r.faults {
		start = append(start, f.Calls())
	}
	require.NoError(t, op.do(t.Context(), r, th.scene))
	for i, f := range r.faults {
		th.calls = append(th.calls, f.Calls()-start[i])
	}
	r.stop()
	s.fragile = false
	th.after = look(t, s, th.scene, op)
	require.NotEqual(t, th.before, th.after, "the operation does nothing")
	return th
}

func (th *theatre) copy(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(th.site.dir), "run")
	require.NoError(t, err)
	s, err := th.site.copyTo(dir)
	require.NoError(t, err)
	c := *s.clock
	s.clock = &c
	return s
}

// step is the distance of the calls that are tried: further where an operation makes many, unless there is time.
func (th *theatre) step() int {
	points := 40
	if os.Getenv("GALLRA_LONG") != "" {
		points = 400
	}
	step := 1 + th.calls[0]/points
	if testing.Short() {
		step *= 7
	}
	return step
}

// fail injects errors.
func (th *theatre) fail(t *testing.T, tried *points) {
	t.Helper()
	for db := range th.calls {
		for _, mode := range []faultsql.Mode{faultsql.Before, faultsql.After} {
			for n := 1; n <= th.calls[db]; n += th.step() {
				th.failAt(t, db, mode, n)
				tried.failed.Add(1)
			}
		}
	}
}

func (th *theatre) failAt(t *testing.T, db int, mode faultsql.Mode, n int) {
	t.Helper()
	where := fmt.Sprintf("%s, call %d of %d, mode %d", []string{dataFile, keysFile}[db], n, th.calls[db], mode)
	s := th.copy(t)
	defer func() { _ = os.RemoveAll(s.dir) }()
	s.fragile = true
	r, err := s.start(t.Context())
	require.NoError(t, err)
	defer r.stop()
	r.faults[db].At(r.faults[db].Calls()+n, mode)
	err = th.op.do(t.Context(), r, th.scene)
	r.faults[db].At(0, faultsql.None)
	if th.untouched(t, s) {
		require.Error(t, err, "%s: it said that it was done", where)
		th.again(t, r, th.before, where)
		th.settled(t, r, n%4 == 0, where)
		return
	}
	if th.op.steps && n%2 == 0 { // nothing is demanded of what lies between two steps, but that the next run finishes it
		th.again(t, r, state{}, where)
		th.settled(t, r, n%6 == 0, where)
		return
	}
	found := th.judge(t, s, where)
	if err == nil {
		require.Equal(t, th.after, found, "%s: it said that it was done", where)
	}
	if n%2 == 0 { // every other time the engine that met the fault goes on, else a new one
		th.again(t, r, found, where)
		th.settled(t, r, true, where)
		return
	}
	r.stop()
	th.finish(t, s, found, where)
}

// settled demands the state after, read in full or by its numbers of rows.
func (th *theatre) settled(t *testing.T, r *running, full bool, where string) {
	t.Helper()
	if full {
		require.Equal(t, th.after, r.look(t, th.scene, th.op), "%s: after the second run", where)
		return
	}
	require.Equal(t, th.after.counts, r.counts(t), "%s: after the second run", where)
}

// finish does the second run by a new engine, and demands the state after.
func (th *theatre) finish(t *testing.T, s *site, found state, where string) {
	t.Helper()
	if found == th.after && th.op.again {
		return
	}
	r, err := s.start(t.Context())
	require.NoError(t, err, where)
	defer r.stop()
	th.again(t, r, found, where)
	th.settled(t, r, found != state{}, where)
}

// judge reads the state and demands that it is one of the two.
func (th *theatre) judge(t *testing.T, s *site, where string) state {
	t.Helper()
	found := look(t, s, th.scene, th.op)
	if found != th.before && !th.op.steps {
		require.Equal(t, th.after, found, "%s: neither before nor after", where)
	}
	return found
}

// again does the operation a second time.
func (th *theatre) again(t *testing.T, r *running, found state, where string) {
	t.Helper()
	r.site.clock.at = r.site.clock.at.Add(11 * time.Minute) // a lease of the first run has ended
	if found == th.after && th.op.again {
		return
	}
	err := th.op.do(t.Context(), r, th.scene)
	if err != nil && found == th.after && th.op.done != nil && th.op.done(err) {
		return
	}
	require.NoError(t, err, "%s: the second run", where)
}

// kill starts processes that die at a call.
func (th *theatre) kill(t *testing.T, tried *points) {
	t.Helper()
	for db := range th.calls {
		outlived := 0 // the last calls of another run: how many there are, the scheduler has a say in
		for n := 1; n <= th.calls[db]; n += th.step() {
			where := fmt.Sprintf("%s, killed at call %d of %d", []string{dataFile, keysFile}[db], n, th.calls[db])
			s := th.copy(t)
			s.fragile = true
			p := startChild(t, s, "fault", th.op.name, strconv.Itoa(db), strconv.Itoa(n))
			if !p.end() {
				outlived++
				require.LessOrEqual(t, outlived, 3, "%s: %s", where, p.text.String())
			}
			if !th.untouched(t, s) { // else it is the scene itself, from which the operation was played
				found := state{}
				if !th.op.steps || n%3 == 0 {
					found = th.judge(t, s, where)
				}
				th.finish(t, s, found, where)
			}
			require.NoError(t, os.RemoveAll(s.dir))
			tried.killed.Add(1)
		}
	}
}

// contents are the bytes of the files of a site that are not empty.
func contents(t *testing.T, s *site) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{dataFile, dataFile + "-wal", keysFile, keysFile + "-wal", kekFile + ".ledger"} {
		b, err := os.ReadFile(s.path(name))
		if len(b) > 0 {
			out[name] = b
		} else if err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
	}
	return out
}

// untouched reports whether the files are, byte for byte, those of the scene: the state before, then, without opening them.
func (th *theatre) untouched(t *testing.T, s *site) bool {
	t.Helper()
	return maps.EqualFunc(th.files, contents(t, s), bytes.Equal)
}

// killedAt is the process that dies.
func killedAt(t *testing.T, c *child) {
	sc := &scene{}
	b, err := os.ReadFile(c.site.path("scene.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, sc))
	db, err := strconv.Atoi(c.Args[1])
	require.NoError(t, err)
	n, err := strconv.Atoi(c.Args[2])
	require.NoError(t, err)
	r := c.site.run(t)
	for _, op := range everyOperation {
		if op.name == c.Args[0] {
			r.faults[db].At(r.faults[db].Calls()+n, faultsql.Kill)
			require.NoError(t, op.do(t.Context(), r, sc))
		}
	}
}
