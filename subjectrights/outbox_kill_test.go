package subjectrights_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/subjectrights"
)

const deliverEnv = "GALLRA_TEST_DELIVER"

// orders are what a delivering child is told: the test binary runs itself anew, with TestDeliverChild alone.
type orders struct {
	Dir   string
	Apart bool
	At    time.Time
}

// sentLog is what the other side has got: a line for each message, written before it is answered.
const sentLog = "sent.log"

// TestDeliverChild does nothing by itself: TestKilledWhileDelivering runs it in a process of its own.
func TestDeliverChild(t *testing.T) {
	text := os.Getenv(deliverEnv)
	if text == "" {
		return
	}
	var is orders
	require.NoError(t, json.Unmarshal([]byte(text), &is))
	o := newOffice(t, is.Dir)
	o.at = is.At
	o.openFiles(is.Apart)
	o.start()
	o.send = o.toFile
	fmt.Println("> ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	require.NoError(t, err)
	o.deliver()
	fmt.Println("> done")
	_, _ = io.Copy(io.Discard, os.Stdin) // it waits to be killed
}

// toFile is the other side.
func (o *office) toFile(_ context.Context, m subjectrights.Message) (string, error) {
	f, err := os.OpenFile(filepath.Join(o.dir, sentLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	_, err = fmt.Fprintln(f, m.ID, m.Case)
	time.Sleep(5 * time.Millisecond) // before the answer has come: a good moment to be killed in
	return "k-17", err
}

// TestKilledWhileDelivering kills a process with SIGKILL at any moment, twenty times: each notice is delivered at least once, and noted once.
func TestKilledWhileDelivering(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]bool{"keys with the data": false, "keys apart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := 20
			if testing.Short() {
				rounds = 4
			}
			dir := t.TempDir()
			o := newOffice(t, dir)
			o.openFiles(apart)
			o.start()
			o.settle()
			o.send = o.toFile
			var numbers []string
			cut := 0
			for round := range rounds {
				for _, letter := range "abc" {
					numbers = append(numbers, fmt.Sprintf("%d%c", round, letter))
					o.receive(numbers[len(numbers)-1], subjectrights.Access)
				}
				if o.killed(apart, time.Duration(rand.N(int64(70*time.Millisecond)))) {
					cut++
				}
				o.pass(time.Hour) // so that what was claimed is free again
			}
			o.deliver()
			assert.Zero(t, o.waits())

			text, err := os.ReadFile(filepath.Join(dir, sentLog))
			require.NoError(t, err)
			got := map[string]int{}
			for line := range strings.Lines(string(text)) {
				got[strings.Fields(line)[0]]++
			}
			assert.Len(t, got, 2*len(numbers), "no message was sent that is not one of the notices")
			for _, number := range numbers {
				assert.ElementsMatch(t, []string{"received", "forward"}, o.told(number), number)
				for _, is := range o.read(number).Told() {
					assert.Positive(t, got[is.ID.String()], "noted and not delivered")
				}
				assert.False(t, o.read(number).Forward()[0].PassedOn.IsZero())
			}
			o.silent()
			assert.True(t, cut > 0 || testing.Short(), "no kill fell into a delivery")
			t.Logf("%d of %d kills before the end; %d notices, sent %d times", cut, rounds, len(got), strings.Count(string(text), "\n"))
		})
	}
}

// killed lets a process deliver, kills it after a while, and reports whether it was not done yet.
func (o *office) killed(apart bool, after time.Duration) bool {
	o.t.Helper()
	text, err := json.Marshal(orders{o.dir, apart, o.now()})
	require.NoError(o.t, err)
	cmd := exec.CommandContext(o.t.Context(), os.Args[0], "-test.run=^TestDeliverChild$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), deliverEnv+"="+string(text))
	in, err := cmd.StdinPipe()
	require.NoError(o.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(o.t, err)
	require.NoError(o.t, cmd.Start())
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	require.NoError(o.t, err)
	require.Equal(o.t, "> ready\n", line)
	_, err = fmt.Fprintln(in, "go")
	require.NoError(o.t, err)
	time.Sleep(after)
	require.NoError(o.t, cmd.Process.Kill())
	rest, err := io.ReadAll(said)
	require.NoError(o.t, err)
	require.Error(o.t, cmd.Wait(), "it was killed")
	require.NotContains(o.t, string(rest), "FAIL")
	return !strings.Contains(string(rest), "> done")
}
