package crashtest

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/pgtest"
)

var (
	rounds = flag.Int("rounds", 25, "how often TestCrash kills, in each of its two layouts; with -short 3")
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
		n = 3
	}
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("seed %d", from)
	town := newTown(t, apart, from)
	in := newInspector(&town.office, town.journal)
	for round := 1; round <= n; round++ {
		town.round(t)
		town.pause(t)
		in.look(t, round == n)
		town.goOn(t)
	}
	t.Logf("%d rounds, killed %v; %d records, %d proofs", n, town.killed, len(in.stored), in.proofs)
	for _, what := range slices.Sorted(maps.Keys(in.tally)) {
		t.Logf("%6d %s", in.tally[what], what)
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

// round lets them work, and kills: now and then again, while a server recovers or a process opens.
func (tw *town) round(t *testing.T) {
	t.Helper()
	tw.wait(100, 400)
	hit, down, session := tw.choose()
	for again := true; again; again = tw.rng.IntN(4) == 0 {
		if session != nil {
			tw.killSession(t, session)
		}
		for _, c := range down {
			tw.killed["server"]++
			require.NoError(t, c.Kill())
		}
		for _, p := range hit {
			tw.killed["process"]++
			p.kill(t)
		}
		tw.wait(0, 30)
		for _, c := range down {
			require.NoError(t, c.Restart(t.Context()))
		}
		for _, p := range hit {
			p.start(t)
		}
		tw.wait(0, 150)
	}
}

// wait waits for some milliseconds.
func (tw *town) wait(least, most int) {
	time.Sleep(time.Duration(least+tw.rng.IntN(most-least)) * time.Millisecond)
}

// choose chooses what to kill.
func (tw *town) choose() (hit []*process, down []*pgtest.Cluster, session *pgtest.Cluster) {
	switch what := tw.rng.IntN(10); {
	case what < 2:
		hit = tw.workers[what : what+1]
	case what < 3:
		hit = tw.workers
	case what < 6:
		down = tw.servers[tw.rng.IntN(len(tw.servers)):]
	case what < 7:
		hit, down = tw.workers[tw.rng.IntN(2):], tw.servers
	default:
		session = tw.servers[tw.rng.IntN(len(tw.servers))]
	}
	return hit, down, session
}

// killSession kills one process of a server, that of a session: the server ends all the others then, and recovers.
func (tw *town) killSession(t *testing.T, c *pgtest.Cluster) {
	t.Helper()
	tw.killed["session"]++
	db, err := sql.Open("postgres", c.DSN("postgres"))
	require.NoError(t, err)
	defer db.Close()
	var pid int
	require.Eventually(t, func() bool {
		return db.QueryRow(`SELECT pid FROM pg_stat_activity WHERE datname = 'byn' ORDER BY state = 'active' DESC, random() LIMIT 1`).Scan(&pid) == nil
	}, time.Minute, time.Millisecond, "nobody has a session")
	victim, err := os.FindProcess(pid)
	require.NoError(t, err)
	if err := victim.Kill(); !errors.Is(err, os.ErrProcessDone) { // it may have ended by itself
		require.NoError(t, err)
	}
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
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says where each goroutine waits
			time.Sleep(time.Second)
			require.Fail(t, "a process does not answer", "%q", other)
		}
	}
}
