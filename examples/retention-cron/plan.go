package main

import (
	"context"

	"github.com/gallra/gallra/gdpr"
)

// plan shows what a run would erase, and what came due and stays.
func (j *job) plan(ctx context.Context) error {
	p, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	if j.set.planFile != "" {
		if err := writePlan(j.set.planFile, j.StoreID(), p); err != nil {
			return err
		}
	}
	return j.show(p)
}

// show writes a plan as a table.
func (j *job) show(p *gdpr.Plan) error {
	rows := [][]any{{"activity", "rule", "why", "parts"}}
	for _, l := range p.Lines {
		rows = append(rows, []any{l.Activity, l.Rule, l.Why, l.Count})
	}
	j.line.add("erase", p.Erase)
	j.line.add("stay", p.Stay)
	j.line.add("stored", p.Stored)
	j.line.add("imported", p.Overdue)
	j.line.add("halts", p.Halting)
	j.line.add("digest", p.Digest)
	return table(j.out, rows)
}
