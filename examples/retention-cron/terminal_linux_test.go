package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestProgress is shown on a terminal, over itself, and goes away; elsewhere there is none.
func TestProgress(t *testing.T) {
	t.Parallel()
	f := onSQLite(t)
	f.put(5, 30)
	keyboard, screen := terminal(t)
	var out bytes.Buffer
	c := command(t, f.env, "run", "-batch", "2")
	c.Stdout, c.Stderr = &out, screen
	require.NoError(t, c.Start())
	require.NoError(t, screen.Close())
	shown, _ := io.ReadAll(keyboard) // ends in an error once the other side is closed
	a := answer{code: exitCode(t, c.Wait()), out: out.String(), err: string(shown)}
	a.assertSilent(t, f.never)
	want := ""
	for i, erased := range []int{2, 4, 5} {
		want += fmt.Sprintf("\r\x1b[K%d erased, 0 stay, %d batches", erased, i+1)
	}
	assert.Equal(t, want+"\r\x1b[K", a.err)
	a.err = ""
	a.assertCounts(t, exitDone, map[string]string{"erased": "5", "batches": "3"})

	f.put(5, 30)
	f.call("run", "-batch", "2").assertCounts(t, exitDone, map[string]string{"erased": "5", "batches": "3"}) // with nothing on stderr
}

// terminal opens a pseudo terminal.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = keyboard.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return keyboard, screen
}
