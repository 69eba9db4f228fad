package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Result is one figure: a ratio to its baseline, the median of paired rounds with quartiles.
type Result struct {
	Name   string  `json:"name"`
	Ratio  float64 `json:"ratio"`
	P25    float64 `json:"p25"`
	P75    float64 `json:"p75"`
	Target string  `json:"target"`
	Rounds int     `json:"rounds"`
	Unit   string  `json:"unit"`
}

// met reports whether the ratio meets its target, give or take a tenth.
func (r Result) met() bool {
	f := strings.Fields(r.Target)
	num := func(i int) float64 {
		n, _ := strconv.ParseFloat(f[i], 64)
		return n
	}
	switch {
	case len(f) == 2 && f[0] == ">=":
		return r.Ratio >= 0.9*num(1)
	case len(f) == 2 && f[0] == "<=":
		return r.Ratio <= 1.1*num(1)
	case len(f) == 3 && f[1] == "..":
		return r.Ratio >= 0.9*num(0) && r.Ratio <= 1.1*num(2)
	}
	return true
}

// timed is one side of a pair: it does its work, checks it, and says how long the work alone took.
type timed func(ctx context.Context, round int) (time.Duration, error)

// speed is how fast ours is, compared with base: base's time by our time. Over 1 is faster.
func speed(ctx context.Context, name, target string, rounds int, base, ours timed) (Result, error) {
	return paired(ctx, name, target, "x of baseline speed", rounds, base, ours, func(b, o time.Duration) float64 { return float64(b) / float64(o) })
}

// cost is how long ours takes, compared with base. Under 1 is faster.
func cost(ctx context.Context, name, target string, rounds int, base, ours timed) (Result, error) {
	return paired(ctx, name, target, "x of baseline time", rounds, base, ours, func(b, o time.Duration) float64 { return float64(o) / float64(b) })
}

func paired(ctx context.Context, name, target, unit string, rounds int, base, ours timed, ratio func(base, ours time.Duration) float64) (Result, error) {
	var all []float64
	for i := range rounds {
		sides := []timed{base, ours}
		var took [2]time.Duration
		for k := range 2 {
			at := (k + i) % 2 // take turns at going first
			var err error
			if took[at], err = sides[at](ctx, i); err != nil {
				return Result{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		all = append(all, ratio(took[0], took[1]))
	}
	slices.Sort(all)
	return Result{Name: name, Ratio: quantile(all, 0.5), P25: quantile(all, 0.25), P75: quantile(all, 0.75), Target: target, Rounds: rounds, Unit: unit}, nil
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
func loop(n int, fn func() error) (time.Duration, error) {
	began := time.Now()
	for range n {
		if err := fn(); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
