package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/retention"
)

const day = 24 * time.Hour

// ages are how long something has been overdue. After a run all are 0, but for what a hold keeps.
var ages = []struct {
	head, key string
	from      time.Duration
}{
	{"< 1 day", "days_0", 0},
	{"1-6", "days_1_6", day},
	{"7-29", "days_7_29", 7 * day},
	{"30-364", "days_30_364", 30 * day},
	{"365 days +", "days_365", 365 * day},
}

// overdue counts what should be gone and is not, by activity, rule, reason and age. What the law wants kept (a floor) is not overdue.
//
// A plan looks ahead by the lead of the sweep, so a plan as of some time ago shows what has been overdue for that long. It touches nothing.
func (j *job) overdue(ctx context.Context) error {
	next, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	lead := next.Before.Sub(next.At)
	found := piles{}
	for i, age := range ages {
		j.clock.back = lead + age.from
		then, err := j.Plan(ctx)
		j.clock.back = 0
		if err != nil {
			return err
		}
		found.add(i, then.Lines)
	}
	on, err := j.holds(ctx)
	if err != nil {
		return err
	}
	last, err := j.lastSweep(ctx)
	if err != nil {
		return err
	}

	rows, sum, held := found.table()
	total := 0
	for _, n := range sum {
		total += n
	}
	j.line.add("overdue", total)
	j.line.add("held", held)
	j.line.add("unswept", total-held)
	for i, age := range ages {
		j.line.add(age.key, sum[i])
	}
	j.line.add("holds", on.inForce)
	j.line.add("holds_to_review", on.toReview)
	j.line.add("halts", next.Halting)
	j.line.add("last_sweep", instant(last))
	if err := table(j.out, rows); err != nil || !next.Halting {
		return err
	}
	_, err = fmt.Fprintln(j.out, "A run halts until somebody has looked at the plan: make one by plan -out, and run it by run -plan.")
	return err
}

// pile is what is overdue for the same reason.
type pile struct{ activity, rule, why string }

// piles counts by how long at least.
type piles map[pile][]int

func (p piles) add(age int, lines []retention.Line) {
	for _, l := range lines {
		key := pile{l.Activity, l.Rule, "not swept"}
		switch l.Why {
		case retention.WhyNotYet: // it woke, and another of its clocks runs longer
			continue
		case retention.WhyHeld:
			key.why = "on hold"
		}
		if p[key] == nil {
			p[key] = make([]int, len(ages))
		}
		p[key][age] += l.Count // a floor that was in force then is over by now: what it keeps comes due at its end
	}
}

// table has a row for each pile, with what is overdue for so long and not longer, and the sum of each age.
func (p piles) table() (rows [][]any, sum []int, held int) {
	head := []any{"activity", "rule", "why"}
	for _, age := range ages {
		head = append(head, age.head)
	}
	sum = make([]int, len(ages))
	for key, atLeast := range p {
		row := []any{key.activity, key.rule, key.why}
		for i, n := range atLeast {
			if i+1 < len(atLeast) {
				n -= atLeast[i+1]
			}
			n = max(0, n) // other processes go on meanwhile
			sum[i] += n
			if key.why == "on hold" {
				held += n
			}
			row = append(row, n)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(x, y []any) int { return slices.Compare(words(x), words(y)) })
	return append([][]any{head}, rows...), sum, held
}

// words are the cells before the numbers.
func words(row []any) []string {
	var out []string
	for _, cell := range row[:3] {
		out = append(out, fmt.Sprint(cell))
	}
	return out
}
