package main

import (
	"context"

	"github.com/gallra/gallra/gdpr"
)

// explainBench is Explain of one record against Get of it, both with their trail entry.
func explainBench(ctx context.Context, p plan) ([]Result, error) {
	t, err := newTown(ctx, p.dir, "explain")
	if err != nil {
		return nil, err
	}
	defer t.close()
	n := p.of(10_000, 1_000)
	if _, err := t.desk.PutAll(ctx, records(n, 10, nil), nil); err != nil {
		return nil, err
	}
	var id gdpr.ID
	for r, err := range t.desk.Find(ctx, gdpr.Email(person(n/20))) {
		if err != nil {
			return nil, err
		}
		id = r.ID
	}
	times := p.of(300, 20)
	r, err := cost(ctx, "Explain, of Get", "<= 1.2", p.rounds,
		func(ctx context.Context, _ int) (spent, error) {
			return loop(times, func() error { _, err := t.desk.Get(ctx, id); return err })
		},
		func(ctx context.Context, _ int) (spent, error) {
			return loop(times, func() error {
				x, err := t.desk.Explain(ctx, id)
				if err == nil && x.Parts[0].Until.IsZero() {
					err = errWrong
				}
				return err
			})
		})
	return []Result{r}, err
}
