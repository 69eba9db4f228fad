package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr"
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

// overdue counts what should be gone and is not, by activity, rule, reason and age. What the law wants kept (a floor) is not overdue. It opens no personal
// data, and the question stands in the trail.
func (j *job) overdue(ctx context.Context) error {
	found, held, now := piles{}, 0, time.Now()
	for part, err := range j.As(j.set.as, gdpr.Retention).Overdue(ctx) {
		if err != nil {
			return j.mayRead(err, "everything")
		}
		found.add(&part, now)
		if part.Why == gdpr.OnHold {
			held++
		}
	}
	next, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	h, err := j.Health(ctx)
	if err != nil {
		return err
	}

	rows, sum := found.table()
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
	j.line.add("holds", h.Holds)
	j.line.add("holds_to_review", h.HoldsToReview)
	j.line.add("halts", next.Halting)
	j.line.add("last_sweep", instant(h.LastSweep))
	if err := table(j.out, rows); err != nil || !next.Halting {
		return err
	}
	_, err = fmt.Fprintln(j.out, "A run halts until somebody has looked at the plan: make one by plan -out, and run it by run -plan.")
	return err
}

// mayRead says what to do about a refusal.
func (j *job) mayRead(err error, what string) error {
	if errors.Is(err, gdpr.ErrNotAllowed) {
		return fmt.Errorf("%w; by -as name somebody who may read %s, or grant %q a role that may", err, what, j.set.as)
	}
	return err
}

// pile is what is overdue for the same reason.
type pile struct{ activity, rule, why string }

// piles counts by age.
type piles map[pile][]int

func (p piles) add(part *gdpr.OverduePart, now time.Time) {
	key := pile{part.Activity, part.Rule, string(part.Why)}
	if p[key] == nil {
		p[key] = make([]int, len(ages))
	}
	for i, age := range slices.Backward(ages) {
		if i == 0 || now.Sub(part.Deadline) >= age.from {
			p[key][i]++
			return
		}
	}
}

// table has a row for each pile, and the sum of each age.
func (p piles) table() (rows [][]any, sum []int) {
	head := []any{"activity", "rule", "why"}
	for _, age := range ages {
		head = append(head, age.head)
	}
	sum = make([]int, len(ages))
	for key, counts := range p {
		row := []any{key.activity, key.rule, key.why}
		for i, n := range counts {
			sum[i] += n
			row = append(row, n)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(x, y []any) int { return slices.Compare(words(x), words(y)) })
	return append([][]any{head}, rows...), sum
}

// words are the cells before the numbers.
func words(row []any) []string {
	var out []string
	for _, cell := range row[:3] {
		out = append(out, fmt.Sprint(cell))
	}
	return out
}
