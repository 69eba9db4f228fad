package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"database/sql"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/pgtest"
)

var (
	rounds = flag.Int("rounds", 50, "how often TestCrash kills, in each layout; with -short 5")
	seed   = flag.Uint64("seed", 0, "of TestCrash; 0 takes another each time")
)

// TestCrash: four writers, two sweepers, an eraser and somebody with holds work in two processes; at a random moment of each round a process, a
// server, one session of a server or several of them are killed. Nothing acknowledged is lost, nothing erased returns, nothing due is left, nothing held
// is erased, the trail verifies, and each part is proven erased exactly once (EPM-4, GLE-CONT).
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		name := "keys together"
		if apart {
			name = "keys apart"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crash(t, apart)
		})
	}
}

func crash(t *testing.T, apart bool) {
	t.Helper()
	n, from := *rounds, *seed
	if testing.Short() {
		n = 5
	}
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("seed %d", from)
	town := newTown(t, apart, from)
	in := newInspector(&town.office, town.journal)
	for round := 1; round <= n; round++ {
		t0 := time.Now()
		town.round(t)
		t1 := time.Now()
		town.pause(t)
		t2 := time.Now()
		in.look(t, round == n)
		t.Logf("round %d: %v, pause %v, look %v; lines %d", round, t1.Sub(t0), t2.Sub(t1), time.Since(t2), in.n)
		town.goOn(t)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d lines, %d records, %d proofs, killed %v, acts %v", in.n, len(in.stored), in.proofs, town.killed, in.tally)
	errs := map[string]int{}
	for _, a := range in.acts {
		if a.Err != "" {
			errs[a.Do+" "+a.line.End+": "+regexp.MustCompile(`[0-9a-f-]{36}|[0-9]{4,}`).ReplaceAllString(a.Err, "#")]++
		}
	}
	for e, n := range errs {
		t.Logf("  %d %s", n, e)
	}
}

// town is two processes and the servers that they use.
type town struct {
	office
	journal *journal
	rng     *rand.Rand
	servers []*pgtest.Cluster // of data, and of keys if they lie apart
	workers []*process
	killed  map[string]int
}

func newTown(t *testing.T, apart bool, from uint64) *town {
	t.Helper()
	tw := &town{rng: rand.New(rand.NewPCG(from, 1)), killed: map[string]int{}}
	tw.Dir, tw.Began = t.TempDir(), time.Now()
	durable := &pgtest.Options{Durable: true}
	for range 2 {
		c := pgtest.New(t, durable)
		require.NoError(t, c.CreateDatabase(t.Context(), "byn"))
		tw.servers = append(tw.servers, c)
		if !apart {
			break
		}
	}
	tw.Data = tw.servers[0].DSN("byn")
	if apart {
		tw.Keys = tw.servers[1].DSN("byn")
	}
	var err error
	tw.journal, err = tw.office.journal()
	require.NoError(t, err)
	t.Cleanup(func() { _ = tw.journal.file.Close() })
	require.NoError(t, tw.furnish(t.Context()))
	for i, jobs := range [][]string{{"write", "write", "sweep", "erase"}, {"write", "write", "sweep", "hold"}} {
		tw.workers = append(tw.workers, &process{town: tw, name: string(rune('a' + i)), jobs: jobs})
	}
	for _, p := range tw.workers {
		p.start(t)
	}
	return tw
}

// round lets them work and kills.
func (tw *town) round(t *testing.T) {
	t.Helper()
	time.Sleep(time.Duration(100+tw.rng.IntN(300)) * time.Millisecond)
	what := tw.rng.IntN(10)
	var hit []*process
	var down []*pgtest.Cluster
	switch {
	case what < 2:
		hit = tw.workers[what : what+1]
	case what < 3:
		hit = tw.workers
	case what < 6:
		down = tw.servers[tw.rng.IntN(len(tw.servers)):]
	case what < 7:
		hit, down = tw.workers[tw.rng.IntN(2):], tw.servers
	default:
		tw.killSession(t, tw.servers[tw.rng.IntN(len(tw.servers))])
	}
	for _, c := range down {
		tw.killed["server"]++
		require.NoError(t, c.Kill())
	}
	for _, p := range hit {
		tw.killed["process"]++
		p.kill(t)
	}
	time.Sleep(time.Duration(tw.rng.IntN(30)) * time.Millisecond)
	for _, c := range down {
		require.NoError(t, c.Restart(t.Context()))
	}
	for _, p := range hit {
		p.start(t)
	}
	time.Sleep(time.Duration(tw.rng.IntN(100)) * time.Millisecond)
}

// killSession kills one process of a server, that of a session: the server ends all the others then, and recovers.
func (tw *town) killSession(t *testing.T, c *pgtest.Cluster) {
	t.Helper()
	tw.killed["session"]++
	db, err := sql.Open("postgres", c.DSN("postgres"))
	require.NoError(t, err)
	defer db.Close()
	var pid int
	require.NoError(t, db.QueryRow(`SELECT pid FROM pg_stat_activity WHERE datname = 'byn' ORDER BY state = 'active' DESC, random() LIMIT 1`).Scan(&pid))
	victim, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, victim.Kill())
}

// pause waits until nobody works: the processes, and on the servers the sessions of dead ones.
func (tw *town) pause(t *testing.T) {
	t.Helper()
	for _, p := range tw.workers {
		p.say(t, "pause")
	}
	for _, p := range tw.workers {
		p.hear(t, "paused")
	}
	for _, c := range tw.servers {
		db, err := sql.Open("postgres", c.DSN("postgres"))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			var busy int
			err := db.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'byn' AND state <> 'idle'`).Scan(&busy)
			return err == nil && busy == 0
		}, time.Minute, 2*time.Millisecond, "the servers do not come to rest")
		require.NoError(t, db.Close())
	}
}

func (tw *town) goOn(t *testing.T) {
	t.Helper()
	for _, p := range tw.workers {
		p.say(t, "go on")
	}
}

// process is one of the two, from outside.
type process struct {
	*town
	name  string
	jobs  []string
	life  int // how often it was started
	cmd   *exec.Cmd
	in    io.WriteCloser
	heard chan string
	ended chan error
	text  strings.Builder // what it said that was not asked for; to be read once it has ended
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.life++
	text, err := json.Marshal(order{office: p.office, Name: fmt.Sprintf("%s%d", p.name, p.life), Seed: p.rng.Uint64(), Jobs: p.jobs})
	require.NoError(t, err)
	p.cmd = exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestWorker$", "-test.timeout=0")
	p.cmd.Env = append(os.Environ(), orderEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	cmd := p.cmd
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	heard, ended := make(chan string, 10), make(chan error, 1)
	p.heard, p.ended = heard, ended
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			heard <- lines.Text()
		}
		ended <- cmd.Wait()
	}()
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGKILL))
	for {
		select {
		case <-p.heard:
		case <-p.ended:
			return
		}
	}
}

func (p *process) say(t *testing.T, what string) {
	t.Helper()
	_, err := fmt.Fprintln(p.in, what)
	require.NoError(t, err)
}

func (p *process) hear(t *testing.T, want string) {
	t.Helper()
	late := time.After(time.Minute)
	var other []string
	for {
		select {
		case text := <-p.heard:
			if text == "> "+want {
				return
			}
			other = append(other, text)
		case err := <-p.ended:
			require.Fail(t, "a process has ended", "%v: %q", err, other)
		case <-late:
			require.Fail(t, "a process does not answer", "%q", other)
		}
	}
}
