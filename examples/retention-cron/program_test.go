package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "retention-cron")
	if err == nil {
		binary = filepath.Join(dir, "retention-cron")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// answer is what a call of the program gave.
type answer struct {
	code     int
	out, err string
}

// call runs the program in an environment, and looks for what must not be in its output.
func call(t *testing.T, env map[string]string, never []string, args ...string) answer {
	t.Helper()
	var out, problems bytes.Buffer
	c := command(t, env, args...)
	c.Stdout, c.Stderr = &out, &problems
	a := answer{code: exitCode(t, c.Run())}
	a.out, a.err = out.String(), problems.String()
	a.assertSilent(t, never)
	return a
}

func command(t *testing.T, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Dir = t.TempDir()
	c.Env = []string{"HOME=" + c.Dir}
	for name, value := range env {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
		return 0
	}
	require.True(t, exit.Exited(), "ended by itself: %v", exit)
	return exit.ExitCode()
}

// assertSilent looks for secrets and personal data.
func (a answer) assertSilent(t *testing.T, never []string) {
	t.Helper()
	for _, text := range never {
		assert.False(t, strings.Contains(strings.ToLower(a.out+a.err), strings.ToLower(text)), "%q in:\n%s%s", text, a.out, a.err)
	}
}

// counts reads the last line of output.
func (a answer) counts(t *testing.T) map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(a.out, "\n"), "\n")
	all := map[string]string{}
	for _, pair := range strings.Split(lines[len(lines)-1], " ") {
		key, value, ok := strings.Cut(pair, "=")
		require.True(t, ok && value != "", "%q in %q, with %s", pair, a.out, a.err)
		require.NotContains(t, all, key)
		all[key] = value
	}
	return all
}

// assertCounts compares some of the counts, and the code.
func (a answer) assertCounts(t *testing.T, code int, want map[string]string) map[string]string {
	t.Helper()
	require.Equal(t, code, a.code, "%s%s", a.out, a.err)
	if code == exitDone {
		assert.Empty(t, a.err)
	}
	have := a.counts(t)
	some := map[string]string{}
	for key := range want {
		some[key] = have[key]
	}
	if want != nil {
		assert.Equal(t, want, some)
	}
	return have
}

// table is what stands above the last line, its cells apart by one space.
func (a answer) table() []string {
	var rows []string
	lines := strings.Split(strings.TrimSuffix(a.out, "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}
