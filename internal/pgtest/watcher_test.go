package pgtest_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/pgtest"
)

// reachable returns a folder for the clusters of a test. The user as whom they run can reach it, as he cannot t.TempDir if we are root.
func reachable(t *testing.T) string {
	t.Helper()
	if _, err := pgtest.Binaries(); err != nil {
		pgtest.Fail(t, err)
	}
	dir, err := os.MkdirTemp("", "gallra-test-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// within returns the clusters that have a folder in dir.
func within(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	return append(found, processes(t, dir)...)
}

// processes returns the processes that work in dir, where the system lists them.
func processes(t *testing.T, dir string) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir) {
			found = append(found, filepath.Dir(link)+" in "+at)
		}
	}
	return found
}

// child starts this test binary in its other part, with its clusters in dir.
func child(t *testing.T, dir, part string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GALLRA_PGTEST_CHILD="+part, "TMPDIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewReader(out)
}

// gone waits until nothing is left in dir.
func gone(t *testing.T, dir string) {
	t.Helper()
	assert.Eventually(t, func() bool { return len(within(t, dir)) == 0 }, time.Minute, 10*time.Millisecond)
	assert.Empty(t, within(t, dir))
}

func TestNothingIsLeftOfABinary(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"exits", "waits"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			dir := reachable(t)
			cmd, out := child(t, dir, part)
			line, err := out.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "started\n", line)
			if part == "waits" {
				assert.Greater(t, len(within(t, dir)), 1)
				require.NoError(t, cmd.Process.Kill())
				require.Error(t, cmd.Wait())
			} else {
				require.NoError(t, cmd.Wait())
			}
			gone(t, dir)
		})
	}
}

// A binary may be killed at any moment of its start.
func TestNothingIsLeftOfABeginning(t *testing.T) {
	t.Parallel()
	for range 3 {
		dir := reachable(t)
		cmd, _ := child(t, dir, "waits")
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		gone(t, dir)
	}
}
