// Command bench measures what Gallra promises of its speed, each figure as a ratio to a baseline in the same run, and checks every result.
//
//	go run ./internal/bench              # all, half an hour
//	go run ./internal/bench -quick       # smaller data and fewer rounds: shows that the benchmarks run, not how fast
//	go run ./internal/bench -only pg- -v # those on Postgres, with absolute figures
//
// It prints a line for each figure and writes them to bench/results.json. A figure that misses its target by more than a tenth makes it fail,
// but not in quick mode, where the data is too small to say so.
//
// Both sides of a comparison take turns, so that a neighbor on the machine disturbs both; the median of the rounds counts. Postgres runs with
// fsync on; its data stays in memory, and vacuums and checkpoints come between the measurements.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"
)

// plan is how much to measure.
type plan struct {
	quick   bool
	verbose bool
	rounds  int
	dir     string
	pg      *server
}

// note prints something absolute, for whoever tunes.
func (p plan) note(format string, args ...any) {
	if p.verbose {
		fmt.Printf(format+"\n", args...)
	}
}

// of picks a size.
func (p plan) of(full, quick int) int {
	if p.quick {
		return quick
	}
	return full
}

type benchmark struct {
	name string
	run  func(context.Context, plan) ([]Result, error)
}

func main() {
	quick := flag.Bool("quick", false, "smaller data and fewer rounds")
	only := flag.String("only", "", "only benchmarks whose name contains this")
	verbose := flag.Bool("v", false, "print absolute figures too")
	statements := flag.Bool("statements", false, "print the statements that took Postgres longest (pg_stat_statements must be installed)")
	profile := flag.String("cpuprofile", "", "write a profile of this process to a file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := profiled(*profile, func() (bool, error) {
		return run(ctx, plan{quick: *quick, verbose: *verbose, rounds: 9, pg: &server{statements: *statements}}, *only)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// profiled runs fn under the profiler, if there is a file for it.
func profiled(file string, fn func() (bool, error)) (bool, error) {
	if file == "" {
		return fn()
	}
	f, err := os.Create(file)
	if err != nil {
		return false, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return false, errors.Join(err, f.Close())
	}
	ok, err := fn()
	pprof.StopCPUProfile()
	return ok, errors.Join(err, f.Close())
}

func run(ctx context.Context, p plan, only string) (ok bool, err error) {
	if p.dir, err = os.MkdirTemp("", "gallra-bench-"); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, p.pg.stop(), os.RemoveAll(p.dir)) }()
	if p.quick {
		p.rounds = 2
	}
	all := []Result{}
	ok = true
	start := time.Now()
	fmt.Printf("%-66s %8s %8s %8s %8s   %s\n", "", "ratio", "p25", "p75", "cpu", "target")
	for _, b := range []benchmark{
		{"crypto", cryptoBench},
		{"sqlite-ingest", ingestBench},
		{"sqlite-sweep", sweepBench},
		{"sqlite-event", eventBench},
		{"sqlite-explain", explainBench},
		{"sqlite-replay", replayBench},
		{"sqlite-offboard", liteOffboardBench},
		{"sqlite-requests", dueListBench},
		{"sqlite-mix", liteMixBench},
		{"pg-ingest", pgIngestBench},
		{"pg-write", writeBench},
		{"pg-sweep", pgSweepBench},
		{"pg-erase", eraseBench},
		{"pg-offboard", pgOffboardBench},
		{"pg-access", accessBench},
		{"pg-mix", pgMixBench},
	} {
		if !strings.Contains(b.name, only) {
			continue
		}
		began := time.Now()
		rows, err := b.run(ctx, p)
		if err != nil {
			return false, fmt.Errorf("%s: %w", b.name, err)
		}
		for _, r := range rows {
			mark := ""
			if !r.met() {
				mark = "  MISSED"
				ok = false
			}
			cpu := ""
			if r.CPU > 0 {
				cpu = fmt.Sprintf("%.2f", r.CPU)
			}
			fmt.Printf("%-66s %8.2f %8.2f %8.2f %8s   %s%s\n", r.Name, r.Ratio, r.P25, r.P75, cpu, r.Target, mark)
		}
		fmt.Printf("  (%s took %s)\n", b.name, time.Since(began).Round(time.Second))
		all = append(all, rows...)
		if err := p.pg.slowest(ctx); err != nil {
			return false, err
		}
	}
	fmt.Printf("all took %s\n", time.Since(start).Round(time.Second))
	if only == "" && !p.quick {
		if err := save(all); err != nil {
			return false, err
		}
	}
	return ok || p.quick, nil
}

func save(all []Result) error {
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join("bench", "results.json")
	if err := os.MkdirAll("bench", 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}
