package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// scale is row 4: the same 20,000 due among one and three million records, and while somebody holds an old snapshot; and a sweep with nothing due,
// after a vacuum, before it, and under an old snapshot.
func (p plan) scale(ctx context.Context, t *town, n int) ([]Result, error) {
	l := load{due: n / 50, stay: true}
	large, err := p.thrice(ctx, t)
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
	return append(out, idle...), errors.Join(err, p.countSweep(ctx))
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

// thrice copies a town with nothing due, and each of its records twice more: the rows alone, since nobody will open them.
func (p plan) thrice(ctx context.Context, t *town) (*town, error) {
	const name = "sweep_large"
	from := filepath.Base(t.dir)
	t.leave() // a database is copied while nobody is connected
	if err := p.pg.clone(ctx, from, name); err != nil {
		return nil, err
	}
	if err := copyDir(t.dir, filepath.Join(p.dir, name)); err != nil {
		return nil, err
	}
	if err := p.reopen(ctx, from, t); err != nil {
		return nil, err
	}
	large := &town{persons: t.persons, stay: 3 * t.stay, gone: t.gone}
	if err := p.reopen(ctx, name, large); err != nil {
		return nil, err
	}
	tx, err := large.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	for _, table := range []string{"parts", "index", "part_keys"} {
		for _, statement := range []string{
			`CREATE TEMPORARY TABLE more ON COMMIT DROP AS SELECT * FROM gallra.` + table + ` WHERE part > 0`,
			`UPDATE more SET record = set_byte(record, 14, get_byte(record, 14) # 1)`,
			`INSERT INTO gallra.` + table + ` SELECT * FROM more`,
			`UPDATE more SET record = set_byte(record, 14, get_byte(record, 14) # 2)`,
			`INSERT INTO gallra.` + table + ` SELECT * FROM more`,
			`DROP TABLE more`,
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return nil, err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return large, tidy(ctx, large.db)
}

// reopen opens a town again, on a database that is there.
func (p plan) reopen(ctx context.Context, name string, t *town) error {
	db, err := p.pg.connect(name)
	if err != nil {
		return err
	}
	return p.pg.furnish(ctx, p, t, name, db, register)
}

// countSweep notes what a sweep of few and one of none ask of the database.
func (p plan) countSweep(ctx context.Context) error {
	if !p.verbose {
		return nil
	}
	t, err := p.pg.counted(ctx, p, "sweep_count")
	if err != nil {
		return err
	}
	defer t.close()
	t.persons = 10
	if err := t.bring(ctx, records(100, 10, func(int) time.Time { return november }), 100); err != nil {
		return err
	}
	for range 2 {
		for _, l := range []load{{5, true}, {50, false}, {}} {
			if err := t.addDue(ctx, l); err != nil {
				return err
			}
			asked := len(t.calls.Log())
			if _, err := t.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1}); err != nil {
				return err
			}
			p.note("  sweep of %+v: %v", l, t.calls.Log()[asked:])
		}
	}
	return nil
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
