package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Result is one figure: a ratio to its baseline, the median of paired rounds with quartiles. A few are no ratio but milliseconds or a count: the
// unit says so.
type Result struct {
	Name   string  `json:"name"`
	Ratio  float64 `json:"ratio"`
	P25    float64 `json:"p25"`
	P75    float64 `json:"p75"`
	CPU    float64 `json:"cpu,omitempty"` // the same ratio, of processor time: steadier where others use the machine
	Target string  `json:"target"`
	Rounds int     `json:"rounds"`
	Unit   string  `json:"unit"`
}

// met reports whether the ratio meets its target, give or take a tenth. Counts have no tenth.
func (r Result) met() bool {
	f := strings.Fields(r.Target)
	num := func(i int) float64 {
		n, _ := strconv.ParseFloat(f[i], 64)
		return n
	}
	slack := 0.1
	if r.Rounds == 1 {
		slack = 0
	}
	switch {
	case len(f) == 2 && f[0] == ">=":
		return r.Ratio >= (1-slack)*num(1)
	case len(f) == 2 && f[0] == "<=":
		return r.Ratio <= (1+slack)*num(1)
	case len(f) == 3 && f[1] == "..":
		return r.Ratio >= (1-slack)*num(0) && r.Ratio <= (1+slack)*num(2)
	}
	return true
}

// spent is what a piece of work took: by the clock, and of the processors, here and in Postgres.
type spent struct{ wall, cpu time.Duration }

// each is the share of one of n.
func (s spent) each(n int) spent { return spent{s.wall / time.Duration(n), s.cpu / time.Duration(n)} }

// timed is one side of a comparison: it does its work, checks it, and says how long the work alone took.
type timed func(ctx context.Context, round int) (spent, error)

// race lets several sides work, round by round, taking turns at going first.
func race(ctx context.Context, rounds int, sides ...timed) (heats, error) {
	out := make(heats, len(sides))
	for i := range rounds {
		for k := range sides {
			at := (k + i) % len(sides)
			took, err := sides[at](ctx, i)
			if err != nil {
				return nil, err
			}
			out[at] = append(out[at], took)
		}
	}
	return out, nil
}

// heats are what the sides of a race took in each round.
type heats [][]spent

// speed is how fast a side is, compared with another of the same rounds. Over 1 is faster.
func (h heats) speed(name, target string, base, ours int) Result {
	return h.compare(name, target, "x of baseline speed", ours, base)
}

// cost is how long a side takes, compared with another of the same rounds. Under 1 is faster.
func (h heats) cost(name, target string, base, ours int) Result {
	return h.compare(name, target, "x of baseline time", base, ours)
}

func (h heats) compare(name, target, unit string, under, over int) Result {
	var all, cpu []float64
	for i := range h[over] {
		o, u := h[over][i], h[under][i]
		all = append(all, float64(o.wall)/float64(u.wall))
		if u.cpu > 0 && o.cpu > 0 {
			cpu = append(cpu, float64(o.cpu)/float64(u.cpu))
		}
	}
	r := quartiles(all, Result{Name: name, Target: target, Unit: unit})
	if len(cpu) == len(all) {
		slices.Sort(cpu)
		r.CPU = quantile(cpu, 0.5)
	}
	return r
}

// millis is how long a side takes by itself.
func (h heats) millis(name, target string, side int) Result {
	var all []float64
	for _, s := range h[side] {
		all = append(all, float64(s.wall)/float64(time.Millisecond))
	}
	return quartiles(all, Result{Name: name, Target: target, Unit: "ms"})
}

// quartiles completes a result.
func quartiles(all []float64, r Result) Result {
	slices.Sort(all)
	r.Ratio, r.P25, r.P75, r.Rounds = quantile(all, 0.5), quantile(all, 0.25), quantile(all, 0.75), len(all)
	return r
}

// speed races ours against one baseline.
func speed(ctx context.Context, name, target string, rounds int, base, ours timed) (Result, error) {
	h, err := race(ctx, rounds, base, ours)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", name, err)
	}
	return h.speed(name, target, 0, 1), nil
}

// cost is speed, of time.
func cost(ctx context.Context, name, target string, rounds int, base, ours timed) (Result, error) {
	h, err := race(ctx, rounds, base, ours)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", name, err)
	}
	return h.cost(name, target, 0, 1), nil
}

// exact is a count, or a ratio of counts: no rounds are needed.
func exact(name, target, unit string, n float64) Result {
	return Result{Name: name, Ratio: n, P25: n, P75: n, Target: target, Rounds: 1, Unit: unit}
}

func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo := int(at)
	if lo == len(sorted)-1 {
		return sorted[lo]
	}
	return sorted[lo] + (at-float64(lo))*(sorted[lo+1]-sorted[lo])
}

// loop times n calls.
func loop(n int, fn func() error) (spent, error) {
	began := time.Now()
	for range n {
		if err := fn(); err != nil {
			return spent{}, err
		}
	}
	return spent{wall: time.Since(began)}, nil
}

// String is the median of the rounds: time and processor time.
func (h heats) String() string {
	var b strings.Builder
	for i, side := range h {
		var walls, cpus []float64
		for _, s := range side {
			walls, cpus = append(walls, float64(s.wall)), append(cpus, float64(s.cpu))
		}
		slices.Sort(walls)
		slices.Sort(cpus)
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%v (cpu %v)", time.Duration(quantile(walls, 0.5)).Round(time.Microsecond), time.Duration(quantile(cpus, 0.5)).Round(time.Microsecond))
	}
	return b.String()
}

// together lets c goroutines make n calls.
func (p plan) together(c, n int, one func() error) (spent, error) {
	var left atomic.Int64
	left.Store(int64(n))
	return p.inParallel(c, func(int) error {
		for left.Add(-1) >= 0 {
			if err := one(); err != nil {
				return err
			}
		}
		return nil
	}, func() error { return nil })
}

// inParallel runs work in c goroutines, and then what comes last.
func (p plan) inParallel(c int, work func(i int) error, last func() error) (spent, error) {
	errs := make([]error, c)
	var wg sync.WaitGroup
	w := p.watch()
	for i := range c {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	err := errors.Join(errs...)
	if err == nil {
		err = last()
	}
	return w.stop(), err
}
