// Command bench measures what Gallra promises of its speed, each figure as a ratio to a baseline in the same run, and checks every result.
//
//	go run ./internal/bench          # all, some minutes
//	go run ./internal/bench -quick   # smaller data and fewer rounds: shows that the benchmarks run, not how fast
//
// It prints a line for each figure and writes them to bench/results.json. A figure that misses its target by more than a tenth makes it fail,
// but not in quick mode, where the data is too small to say so.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// plan is how much to measure.
type plan struct {
	quick  bool
	rounds int
	dir    string
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
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, *quick, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, quick bool, only string) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "gallra-bench-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p := plan{quick: quick, rounds: 9, dir: dir}
	if quick {
		p.rounds = 3
	}
	all := []Result{}
	ok = true
	fmt.Printf("%-58s %8s %8s %8s   %s\n", "", "ratio", "p25", "p75", "target")
	for _, b := range []benchmark{{"crypto", cryptoBench}, {"ingest", ingestBench}, {"sweep", sweepBench}, {"event", eventBench}, {"explain", explainBench}} {
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
			fmt.Printf("%-58s %8.2f %8.2f %8.2f   %s%s\n", r.Name, r.Ratio, r.P25, r.P75, r.Target, mark)
		}
		fmt.Printf("  (%s took %s)\n", b.name, time.Since(began).Round(time.Second))
		all = append(all, rows...)
	}
	if only == "" && !quick {
		if err := save(all); err != nil {
			return false, err
		}
	}
	return ok || quick, nil
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
