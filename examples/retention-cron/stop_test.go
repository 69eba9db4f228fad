package main

import (
	"bytes"
	"database/sql"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStop: a signal comes within a batch. That batch is finished and counted, nothing after it, and the next run goes on at once.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := onPostgres(t)
			f.put(90, 30)
			f.counted()
			var out, problems bytes.Buffer
			c := command(t, f.env, "run", "-batch", "1")
			c.Stdout, c.Stderr = &out, &problems
			lock := f.within(c)
			require.NoError(t, c.Process.Signal(signal))
			require.NoError(t, lock.Rollback())

			a := answer{code: exitCode(t, c.Wait()), out: out.String(), err: problems.String()}
			a.assertSilent(t, f.never)
			have := a.assertCounts(t, exitError, map[string]string{"outcome": "stopped", "more": "no"})
			assert.Equal(t, "retention-cron run: stopped by a signal; the next run goes on from here\n", a.err)
			erased, err := strconv.Atoi(have["erased"])
			require.NoError(t, err)
			assert.Positive(t, erased, "the batch under way")
			assert.Less(t, erased, 90)
			assert.Equal(t, 90-erased, f.stored())
			f.call("health").assertCounts(t, exitDone, map[string]string{"last_sweep": "never"})
			f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": strconv.Itoa(90 - erased)})
		})
	}
}

// TestSecondSignal ends the process within a batch: that is stored whole or not at all, and the lease is left for a while.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	f := onPostgres(t)
	f.put(3, 30)
	c := command(t, f.env, "run")
	lock := f.within(c)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var err error
	require.Eventually(t, func() bool {
		select {
		case err = <-ended:
			return true
		default:
			_ = c.Process.Signal(syscall.SIGTERM)
			return false
		}
	}, time.Minute, 20*time.Millisecond)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.False(t, exit.Exited(), "not by itself")
	require.NoError(t, lock.Rollback())
	f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "leased", "erased": "0"})
	assert.Contains(t, []int{0, 3}, f.stored(), "the server may have had all of the batch")
}

// within starts a run and returns when its first batch waits to write its proof: until the lock is rolled back.
func (f *firm) within(c *exec.Cmd) (lock *sql.Tx) {
	f.t.Helper()
	lock, err := f.db.BeginTx(f.t.Context(), nil)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = lock.Rollback() })
	_, err = lock.ExecContext(f.t.Context(), "LOCK TABLE gallra.proofs IN SHARE MODE") // to read is allowed
	require.NoError(f.t, err)
	require.NoError(f.t, c.Start())
	require.Eventually(f.t, func() bool {
		waiting := 0
		const q = `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
		return f.db.QueryRowContext(f.t.Context(), q).Scan(&waiting) == nil && waiting > 0
	}, time.Minute, 5*time.Millisecond)
	return lock
}
