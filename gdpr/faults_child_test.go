package gdpr_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/internal/faultsql"
)

// order is what a child process is told when it is started: the test binary runs itself anew, with TestChild alone.
type order struct {
	Do       string // the child's name in children
	Dir      string
	Apart    bool
	Register string
	Day      string // of its clock; "": today, by the real one
	TTL      time.Duration
	Fragile  bool
	Args     []string
}

// child is a process seen from within. It speaks with its parent line by line.
type child struct {
	order
	site *site
	in   *bufio.Scanner
}

// say answers the parent.
func (c *child) say(format string, args ...any) { fmt.Printf("> "+format+"\n", args...) }

// hear waits for the parent's next line; "" at its end.
func (c *child) hear() string {
	if !c.in.Scan() {
		return ""
	}
	return c.in.Text()
}

// sayErr answers "ok", "erased" or the error.
func (c *child) sayErr(err error) {
	if err == nil {
		c.say("ok")
		return
	}
	if errors.Is(err, gdpr.ErrErased) {
		c.say("erased")
		return
	}
	c.say("%v", err)
}

// children are the things that a child process can do.
var children = map[string]func(*testing.T, *child){
	"stale engine":     staleEngine,
	"killed import":    killedImport,
	"killed sweep":     killedSweep,
	"killed at random": killedAtRandom,
	"fault":            killedAt,
	"fault in open":    killedInOpen,
}

// killAtCommit dies when the n-th commit of what is done is about to be made. Which call that is, a copy of the site shows.
func (c *child) killAtCommit(t *testing.T, n int, do func(*running) error) {
	t.Helper()
	r := c.site.run(t)
	dir, err := os.MkdirTemp(filepath.Dir(c.Dir), "trial") // the parent clears it away: nobody cleans up after a killed process
	require.NoError(t, err)
	trial, err := c.site.copyTo(dir)
	require.NoError(t, err)
	trial.fragile = true
	tried, err := trial.start(t.Context())
	require.NoError(t, err)
	defer tried.stop()
	start := tried.faults[0].Calls()
	require.NoError(t, do(tried))
	for i, op := range tried.faults[0].Log()[start:] {
		if op == faultsql.Commit {
			if n--; n == 0 {
				r.faults[0].At(r.faults[0].Calls()+i+1, faultsql.Kill)
				break
			}
		}
	}
	require.NoError(t, do(r))
	t.Fatal("outlived its death")
}

const childEnv = "GALLRA_TEST_CHILD"

// TestChild does nothing by itself: other tests run it in processes of their own.
func TestChild(t *testing.T) {
	text := os.Getenv(childEnv)
	if text == "" {
		return
	}
	c := &child{in: bufio.NewScanner(os.Stdin)}
	require.NoError(t, json.Unmarshal([]byte(text), &c.order))
	c.site = &site{dir: c.Dir, apart: c.Apart, register: c.Register, ttl: c.TTL, fragile: c.Fragile}
	if c.Day != "" {
		c.site.clock = on(c.Day)
	}
	children[c.Do](t, c)
}

// process is a child seen from its parent.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	text strings.Builder // all that it said
}

// startChild starts a process on a site.
func startChild(t *testing.T, s *site, do string, args ...string) *process {
	t.Helper()
	o := order{Do: do, Dir: s.dir, Apart: s.apart, Register: s.register, TTL: s.ttl, Fragile: s.fragile, Args: args}
	if s.clock != nil {
		o.Day = s.clock.at.Format("2006-01-02")
	}
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p := &process{t: t, cmd: cmd}
	cmd.Stderr = &p.text
	p.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewScanner(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

// ask tells the child something and waits for its answer.
func (p *process) ask(words ...string) string {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, strings.Join(words, " "))
	require.NoError(p.t, err, "%s", p.text.String())
	return p.hear()
}

// hear waits for the child's next answer.
func (p *process) hear() string {
	p.t.Helper()
	for p.out.Scan() {
		p.text.WriteString(p.out.Text() + "\n")
		if answer, ok := strings.CutPrefix(p.out.Text(), "> "); ok {
			return answer
		}
	}
	require.Fail(p.t, "the child ended", "%s", p.text.String())
	return ""
}

// end waits for the child's end and reports whether it was killed.
func (p *process) end() (killed bool) {
	p.t.Helper()
	_ = p.in.Close()
	for p.out.Scan() {
		p.text.WriteString(p.out.Text() + "\n")
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); errors.As(err, &exit) && exit.ExitCode() == -1 {
		return true
	} else if err != nil {
		require.NoError(p.t, err, "%s", p.text.String())
	}
	return false
}
