package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gallra/gallra/gdpr"
)

// scale is row 4: the same 20,000 due among one and three million records, and while somebody holds an old snapshot; and a sweep with nothing due,
// after a vacuum, before it, and under an old snapshot.
func (p plan) scale(ctx context.Context, t *town, n int) ([]Result, error) {
	l := load{due: n / 50, stay: true}
	large, err := p.fillTown(ctx, "sweep_large", 3*n, l.due)
	if err != nil {
		return nil, err
	}
	defer large.close()
	sweep := func(t *town, held bool) timed {
		return func(ctx context.Context, _ int) (spent, error) {
			if err := t.addDue(ctx, l); err != nil {
				return spent{}, err
			}
			if held {
				let, err := t.snapshot(ctx)
				if err != nil {
					return spent{}, err
				}
				defer let()
			}
			return t.sweepDue(ctx, p, l)
		}
	}
	h, err := race(ctx, p.rounds, sweep(t, false), sweep(large, false), sweep(t, true))
	if err != nil {
		return nil, err
	}
	p.note("  sweep of %d: among %d, %d, under an old snapshot: %v", l.due, n, 3*n, h)
	if _, err := large.Verify(ctx); err != nil {
		return nil, err
	}
	out := []Result{
		h.cost(fmt.Sprintf("Postgres sweep of %d, among %d records, of %d", l.due, 3*n, n), "0.9 .. 1.1", 0, 1),
		h.speed("Postgres sweep, old snapshot open, of without", ">= 0.80", 0, 2),
	}
	idle, err := p.idle(ctx, t, n)
	return append(out, idle...), err
}

// idle is a sweep with nothing due, by itself.
func (p plan) idle(ctx context.Context, t *town, n int) ([]Result, error) {
	l := load{due: n / 10, stay: true}
	times := p.of(20, 5)
	nothing := func(ctx context.Context, _ int) (spent, error) {
		w := p.watch()
		for range times {
			res, err := t.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
			if err != nil || res.Leased || res.Erased > 0 {
				return spent{}, fmt.Errorf("%w: %+v %w", errWrong, res, err)
			}
		}
		return w.stop().each(times), nil
	}
	var out []Result
	measure := func(state string) error {
		h, err := race(ctx, p.rounds, nothing)
		if err == nil {
			out = append(out, h.millis("Postgres sweep with nothing due, "+state+", ms", "<= 1", 0))
			p.note("  idle, %s: %v", state, h)
		}
		return err
	}
	if err := t.vacuum(ctx); err != nil {
		return nil, err
	}
	if err := measure("vacuumed"); err != nil {
		return nil, err
	}
	for _, held := range []bool{false, true} {
		if err := t.addDue(ctx, l); err != nil {
			return nil, err
		}
		state := "unvacuumed"
		if held {
			state = "old snapshot open"
			let, err := t.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			defer let()
		}
		if _, err := t.sweepDue(ctx, p, l); err != nil {
			return nil, err
		}
		if err := measure(state); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// snapshot opens a transaction that goes on seeing what is there now, until let is called.
func (t *town) snapshot(ctx context.Context) (let func(), err error) {
	tx, err := t.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM gallra.meta`).Scan(&n); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return func() { _ = tx.Rollback() }, nil
}
