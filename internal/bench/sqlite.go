package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// ingestBench is row 10, first half: PutAll of 20,000 records, 10 and 1 for each person, 1,000 a transaction.
func ingestBench(ctx context.Context, p plan) ([]Result, error) {
	n := p.of(20_000, 2_000)
	var out []Result
	for _, each := range []int{10, 1} {
		r, err := speed(ctx, fmt.Sprintf("SQLite ingest, %d of a person, of a plain twin", each), ">= 0.80", p.rounds,
			func(ctx context.Context, round int) (spent, error) {
				t, err := newTwin(ctx, p.dir, fmt.Sprintf("twin%d", round))
				if err != nil {
					return spent{}, err
				}
				defer t.close()
				return t.ingest(ctx, n, each, func(int) int64 { return 1_800_000_000_000_000 })
			},
			func(ctx context.Context, round int) (spent, error) {
				t, err := newTown(ctx, p.dir, fmt.Sprintf("town%d", round))
				if err != nil {
					return spent{}, err
				}
				defer t.close()
				began := time.Now()
				res, err := t.desk.PutAll(ctx, records(n, each, nil), nil)
				took := spent{wall: time.Since(began)}
				if err != nil {
					return spent{}, err
				}
				return took, t.checkIngest(ctx, res, n, each)
			})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// checkIngest reads one person back.
func (t *town) checkIngest(ctx context.Context, res gdpr.Imported, n, each int) error {
	if res.Stored != n || len(res.Refused) > 0 {
		return errWrong
	}
	got := 0
	for r, err := range t.desk.Find(ctx, gdpr.Email(person(n/each-1))) {
		if err != nil {
			return err
		}
		if r.Text("message") != message {
			return errWrong
		}
		got++
	}
	if got != each {
		return errWrong
	}
	_, err := t.Verify(ctx)
	return err
}

// sweepBench is row 10, second half: half of the records are due, 5,000 a batch, with keys, proof, ledger and trail; once with persons who
// stay, once with every person going.
func sweepBench(ctx context.Context, p plan) ([]Result, error) {
	n := p.of(40_000, 4_000)
	old, young := time.Date(2025, 2, 10, 9, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 9, 0, 0, 0, time.UTC)
	var out []Result
	for _, c := range []struct {
		name, target string
		due          func(i int) bool
	}{
		{"SQLite sweep, persons stay, of plain batches", ">= 0.50", func(i int) bool { return i%2 == 0 }},
		{"SQLite sweep, persons go too, of plain batches", ">= 0.30", func(i int) bool { return i < n/2 }},
	} {
		r, err := speed(ctx, c.name, c.target, p.rounds,
			func(ctx context.Context, round int) (spent, error) {
				t, err := newTwin(ctx, p.dir, fmt.Sprintf("twin%d", round))
				if err != nil {
					return spent{}, err
				}
				defer t.close()
				if _, err := t.ingest(ctx, n, 10, func(i int) int64 {
					if c.due(i) {
						return old.UnixMicro()
					}
					return 1 << 60
				}); err != nil {
					return spent{}, err
				}
				gone, took, err := t.sweep(ctx, young.UnixMicro(), 5000)
				if err == nil && gone != n/2 {
					err = errWrong
				}
				return took, err
			},
			func(ctx context.Context, round int) (spent, error) {
				t, err := newTown(ctx, p.dir, fmt.Sprintf("town%d", round))
				if err != nil {
					return spent{}, err
				}
				defer t.close()
				return t.sweep(ctx, n, func(i int) time.Time {
					if c.due(i) {
						return old
					}
					return young
				})
			})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (t *town) sweep(ctx context.Context, n int, collected func(i int) time.Time) (spent, error) {
	sweeping := t.now
	t.now = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC) // nothing is overdue when it comes in
	in, err := t.desk.PutAll(ctx, records(n, 10, collected), nil)
	if err != nil {
		return spent{}, err
	}
	if in.Overdue > 0 {
		return spent{}, errWrong
	}
	t.now = sweeping
	began := time.Now()
	res, err := t.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 5000})
	took := spent{wall: time.Since(began)}
	if err != nil {
		return spent{}, err
	}
	left, err := t.store.Count(ctx)
	if err != nil {
		return spent{}, err
	}
	if res.Erased != n/2 || left != int64(n/2) {
		return spent{}, errWrong
	}
	_, err = t.Verify(ctx)
	return took, err
}
