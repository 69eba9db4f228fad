package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// The days of the sweeps: what is due was collected over a winter more than a year ago, what is not in November, and all was brought in before
// anything of it was due.
var (
	winter   = time.Date(2024, 12, 10, 9, 0, 0, 0, time.UTC)
	november = time.Date(2025, 11, 20, 9, 0, 0, 0, time.UTC)
	filling  = time.Date(2025, 12, 1, 9, 0, 0, 0, time.UTC)
	sweeping = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

const winterDays = 75

// load is what comes due: so many records, of persons who have others too or not.
type load struct {
	due  int
	stay bool
}

// pgSweepBench is rows 3 and 4, on the same million records.
func pgSweepBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	n := p.of(1_000_000, 10_000)
	base, err := p.fillPlain(ctx, n, n/10)
	if err != nil {
		return nil, err
	}
	defer base.close()
	t, err := p.fillTown(ctx, "sweep_town", n, n/10)
	if err != nil {
		return nil, err
	}
	defer t.close()
	planned, err := p.planning(ctx, t, n/10)
	if err != nil {
		return nil, err
	}
	out, err := p.sweeps(ctx, base, t, n)
	if err != nil {
		return nil, err
	}
	out = append([]Result{planned}, out...)
	more, err := p.scale(ctx, t, n)
	if err != nil {
		return nil, err
	}
	_, err = t.Verify(ctx)
	return append(out, more...), err
}

// planning is a plan of what is due against one query that counts it.
func (p plan) planning(ctx context.Context, t *town, due int) (Result, error) {
	t.now = sweeping
	lead := sweeping.Add(72 * time.Hour).UnixMicro()
	return cost(ctx, fmt.Sprintf("Postgres plan with %d due, of a query that counts them", due), "<= 2", p.rounds,
		func(ctx context.Context, _ int) (spent, error) {
			n := 0
			w := p.watch()
			err := t.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM gallra.parts WHERE due <= $1`, lead).Scan(&n)
			took := w.stop()
			if err == nil && n != due {
				err = errWrong
			}
			return took, err
		},
		func(ctx context.Context, _ int) (spent, error) {
			w := p.watch()
			plan, err := t.Plan(ctx)
			took := w.stop()
			if err == nil && plan.Erase != due {
				err = errWrong
			}
			return took, err
		})
}

// sweeps is row 3: 100,000 of a million records are due, 1,000 a batch, with keys, proofs, ledger and trail, against batches of a plain table
// without any. Once with persons who stay, once with every person going, once with a thousand due.
func (p plan) sweeps(ctx context.Context, base *plain, t *town, n int) ([]Result, error) {
	var out []Result
	for _, c := range []struct {
		name, target string
		load
	}{
		{"Postgres sweep, persons stay, of plain batches", ">= 0.50", load{n / 10, true}},
		{"Postgres sweep, persons go too, of plain batches", ">= 0.30", load{n / 10, false}},
		{"Postgres sweep, few due, of plain batches", ">= 0.20", load{max(n/1000, 20), true}},
	} {
		h, err := race(ctx, p.rounds,
			func(ctx context.Context, _ int) (spent, error) {
				if err := base.addDue(ctx, c.due); err != nil {
					return spent{}, err
				}
				w := p.watch()
				gone, err := base.sweep(ctx, sweeping, 1000)
				took := w.stop()
				if err == nil && gone != c.due {
					err = errWrong
				}
				if err != nil {
					return took, err
				}
				return took, base.check(ctx, "records", base.stay)
			},
			func(ctx context.Context, _ int) (spent, error) {
				if err := t.addDue(ctx, c.load); err != nil {
					return spent{}, err
				}
				return t.sweepDue(ctx, p, c.load)
			})
		if err != nil {
			return nil, err
		}
		out = append(out, h.speed(c.name, c.target, 0, 1))
		p.note("  sweep of %d (stay: %v): plain, ours: %v", c.due, c.stay, h)
	}
	return out, nil
}

// fillPlain makes a plain table of n records, of which some are due and lie scattered among the others.
func (p plan) fillPlain(ctx context.Context, n, due int) (*plain, error) {
	t, err := p.pg.plain(ctx, "sweep_plain")
	if err != nil {
		return nil, err
	}
	isDue := scattered(n, due)
	t.stay, t.due = n-due, due
	if err := t.ingest(ctx, n, 10, 5000, func(i int) time.Time {
		if isDue(i) {
			return inWinter(i).AddDate(1, 0, 0)
		}
		return november.AddDate(1, 0, i%30)
	}); err != nil {
		return nil, err
	}
	return t, tidy(ctx, t.db)
}

// addDue makes n records due, in the room of those that were erased before.
func (t *plain) addDue(ctx context.Context, n int) error {
	if t.due == n { // from the first filling
		t.due = 0
		return nil
	}
	if t.due > 0 {
		return errWrong
	}
	if err := t.ingest(ctx, n, 10, 5000, func(i int) time.Time { return inWinter(i).AddDate(1, 0, 0) }); err != nil {
		return err
	}
	_, err := t.db.ExecContext(ctx, `VACUUM records`)
	return err
}

// scattered says of each of n whether it is among so many that are chosen evenly.
func scattered(n, some int) func(i int) bool {
	return func(i int) bool { return i%(n/some) == 0 }
}

// inWinter is a moment of the winter, at random, as what comes in by and by lies in a table.
func inWinter(int) time.Time {
	return winter.Add(time.Duration(rand.Int64N(winterDays*24*3600*1e6)) * time.Microsecond) //nolint:gosec // not a secret
}

// fillTown makes a town of n records, of which some are due and lie scattered among the others; ten of a person.
func (p plan) fillTown(ctx context.Context, name string, n, due int) (*town, error) {
	t, err := p.pg.town(ctx, p, name)
	if err != nil {
		return nil, err
	}
	isDue := scattered(n, due)
	t.persons, t.stay, t.due = n/10, n-due, due
	began := time.Now()
	if err := t.bring(ctx, records(n, 10, func(i int) time.Time {
		if isDue(i) {
			return inWinter(i)
		}
		return november
	}), n); err != nil {
		return nil, err
	}
	p.note("  filled %s with %d records in %v", name, n, time.Since(began).Round(time.Second))
	return t, tidy(ctx, t.db)
}

// bring puts records in while nothing is due.
func (t *town) bring(ctx context.Context, all recordSeq, n int) error {
	t.now = filling
	defer func() { t.now = sweeping }()
	in, err := t.desk.PutAll(ctx, all, &gdpr.ImportOptions{Batch: 5000})
	if err != nil {
		return err
	}
	if in.Stored != n || in.Overdue > 0 {
		return fmt.Errorf("%w: %d stored, %d overdue, %d left out", errWrong, in.Stored, in.Overdue, in.LeftOut)
	}
	return nil
}

// addDue makes records due, in the room of those that were erased before.
func (t *town) addDue(ctx context.Context, l load) error {
	if t.due == l.due && l.stay { // from the first filling
		t.due = 0
		return nil
	}
	if t.due > 0 {
		return errWrong
	}
	who := func(int) string { return person(rand.IntN(t.persons)) } //nolint:gosec // not a secret
	if !l.stay {
		t.gone++
		who = func(i int) string { return fmt.Sprintf("borta%d-%s", t.gone, person(i/10)) }
	}
	if err := t.bring(ctx, func(yield func(gdpr.Record, error) bool) {
		for i := range l.due {
			if !yield(gdpr.Record{Subject: gdpr.Email(who(i)), Fields: gdpr.Fields{"message": message}, CollectedAt: inWinter(i)}, nil) {
				return
			}
		}
	}, l.due); err != nil {
		return err
	}
	return t.vacuum(ctx)
}

func (t *town) vacuum(ctx context.Context) error {
	for _, table := range []string{"parts", "index", "part_keys", "subjects", "subject_keys"} {
		if _, err := t.db.ExecContext(ctx, `VACUUM gallra.`+table); err != nil {
			return err
		}
	}
	return nil
}

// sweepDue sweeps, and checks that all went that is due, and nothing else.
func (t *town) sweepDue(ctx context.Context, p plan, l load) (spent, error) {
	w := p.watch()
	res, err := t.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 1000})
	took := w.stop()
	if err != nil {
		return took, err
	}
	persons := 0
	if !l.stay {
		persons = l.due / 10
	}
	n, err := t.parts(ctx)
	if err != nil {
		return took, err
	}
	var keys int
	if err := t.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM gallra.part_keys`).Scan(&keys); err != nil {
		return took, err
	}
	if res.Erased != l.due || res.Persons != persons || n != t.stay || keys != t.stay {
		return took, fmt.Errorf("%w: %+v, %d parts and %d keys left of %d", errWrong, res, n, keys, t.stay)
	}
	return took, nil
}
