package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// pgIngestBench is row 1: PutAll of 20,000 records, 10 and 1 of each person, 1,000 and 5,000 a transaction, against COPY of the plain records; of
// records and persons, where each person is new.
func pgIngestBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	n := p.of(20_000, 4_000)
	var out []Result
	for _, batch := range []int{1000, 5000} {
		batch = min(batch, n/2)
		for _, each := range []int{10, 1} {
			target := map[bool]string{true: ">= 0.80", false: ">= 0.70"}[batch > 1000]
			h, err := race(ctx, p.rounds,
				func(ctx context.Context, _ int) (spent, error) {
					t, err := p.pg.plain(ctx, "ingest_plain")
					if err != nil {
						return spent{}, err
					}
					defer t.close()
					if err := t.ingest(ctx, 100, each, 100, func(int) time.Time { return nextYear }); err != nil { // a first use of everything
						return spent{}, err
					}
					w := p.watch()
					err = t.ingest(ctx, n, each, batch, func(int) time.Time { return nextYear })
					took := w.stop()
					if err != nil {
						return took, err
					}
					return took, t.check(ctx, "records", n+100)
				},
				func(ctx context.Context, _ int) (spent, error) {
					t, err := p.pg.town(ctx, p, "ingest_town")
					if err != nil {
						return spent{}, err
					}
					defer t.close()
					if _, err := t.desk.PutAll(ctx, others(100, each), nil); err != nil {
						return spent{}, err
					}
					w := p.watch()
					res, err := t.desk.PutAll(ctx, records(n, each, nil), &gdpr.ImportOptions{Batch: batch})
					took := w.stop()
					if err != nil {
						return took, err
					}
					return took, t.checkIngest(ctx, res, n, each)
				})
			if err != nil {
				return nil, err
			}
			out = append(out, h.speed(fmt.Sprintf("Postgres ingest, %d of a person, %d a time, of plain COPY", each, batch), target, 0, 1))
			p.note("  ingest %d of a person, %d a time, %d records: plain, ours: %v", each, batch, n, h)
		}
	}
	return out, nil
}
