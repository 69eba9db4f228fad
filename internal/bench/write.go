package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gallra/gallra/gdpr"
)

// writeBench is row 2: one durable write, of a new person and of a known one, alone and from eight goroutines, against a prepared INSERT of the
// record alone and against one statement that writes person, record and log. It counts the calls and the commits of a write, too.
func writeBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	base, err := p.pg.plain(ctx, "write_plain")
	if err != nil {
		return nil, err
	}
	defer base.close()
	t, err := p.pg.town(ctx, p, "write_town")
	if err != nil {
		return nil, err
	}
	defer t.close()
	known := p.of(10_000, 1_000)
	if _, err := t.desk.PutAll(ctx, records(known, 1, nil), nil); err != nil {
		return nil, err
	}
	if err := tidy(ctx, t.db); err != nil {
		return nil, err
	}
	var out []Result
	lone, three, stored := 0, 0, known
	var next atomic.Int64 // person
	next.Store(int64(known))
	for _, c := range []int{1, 8} {
		n := p.of(1000, 100) * (c + 1) / 2
		write := func(total *int, check func(ctx context.Context) error, one func(ctx context.Context) error) timed {
			return func(ctx context.Context, _ int) (spent, error) {
				took, err := p.together(c, n, func() error { return one(ctx) })
				*total += n
				if err != nil {
					return took, err
				}
				return took.each(n), check(ctx)
			}
		}
		h, err := race(ctx, p.rounds,
			write(&lone, func(ctx context.Context) error { return base.check(ctx, "records", lone+three) }, func(ctx context.Context) error { return base.put(ctx, uuid.New()) }),
			write(&three, func(ctx context.Context) error { return base.check(ctx, "persons", three) }, func(ctx context.Context) error { return base.putThree(ctx, uuid.New()) }),
			write(&stored, func(ctx context.Context) error { return t.checkWritten(ctx, stored, int(next.Load())) }, func(ctx context.Context) error {
				return t.putOne(ctx, int(next.Add(1)))
			}),
			write(&stored, func(ctx context.Context) error { return t.checkWritten(ctx, stored, 7) }, func(ctx context.Context) error {
				return t.putOne(ctx, int(uuid.New().ID())%known)
			}))
		if err != nil {
			return nil, err
		}
		loneTarget := map[int]string{1: ">= 0.65", 8: ">= 0.60"}[c]
		for i, who := range []string{"new person", "known person"} {
			out = append(out,
				h.speed(fmt.Sprintf("Postgres write, %s, c=%d, of a lone INSERT", who, c), loneTarget, 0, 2+i),
				h.speed(fmt.Sprintf("Postgres write, %s, c=%d, of three rows", who, c), ">= 0.75", 1, 2+i))
		}
		p.note("  write c=%d: lone INSERT, three rows, new person, known person: %v", c, h)
	}
	if _, err := t.Verify(ctx); err != nil {
		return nil, err
	}
	counts, err := p.countWrites(ctx)
	return append(out, counts...), err
}

func (t *town) putOne(ctx context.Context, i int) error {
	_, err := t.desk.Put(ctx, gdpr.Record{Subject: gdpr.Email(person(i)), Fields: gdpr.Fields{"message": message}})
	return err
}

// checkWritten counts the parts and reads one person's records.
func (t *town) checkWritten(ctx context.Context, want, who int) error {
	n, err := t.parts(ctx)
	if err != nil {
		return err
	}
	found := 0
	for r, err := range t.desk.Find(ctx, gdpr.Email(person(who))) {
		if err != nil {
			return err
		}
		if r.Text("message") != message {
			return errWrong
		}
		found++
	}
	if n != want || found == 0 {
		return fmt.Errorf("%w: %d parts, not %d; %d found", errWrong, n, want, found)
	}
	return nil
}

// countWrites counts what one write asks of the database, when all is warm: calls of the driver, and transactions that write.
func (p plan) countWrites(ctx context.Context) ([]Result, error) {
	t, err := p.pg.counted(ctx, p, "write_count")
	if err != nil {
		return nil, err
	}
	defer t.close()
	for range 10 {
		if err := t.putOne(ctx, 1); err != nil {
			return nil, err
		}
	}
	var out []Result
	for _, c := range []struct {
		who   string
		i     int
		calls string
	}{{"new person", 2, "<= 2"}, {"known person", 1, "<= 2"}} {
		if err := t.putOne(ctx, c.i+10); err != nil { // the statements of this kind are prepared
			return nil, err
		}
		before, err := p.transactions(ctx)
		if err != nil {
			return nil, err
		}
		asked := len(t.calls.Log())
		if err := t.putOne(ctx, c.i); err != nil {
			return nil, err
		}
		log := t.calls.Log()[asked:]
		after, err := p.transactions(ctx)
		if err != nil {
			return nil, err
		}
		p.note("  write, %s: %v", c.who, log)
		out = append(out,
			exact("Postgres write, "+c.who+", calls to the database", c.calls, "calls", float64(len(log))),
			exact("Postgres write, "+c.who+", transactions that write", "<= 1", "transactions", float64(after-before)))
	}
	return out, nil
}

// transactions counts those that have written so far, on the whole server.
func (p plan) transactions(ctx context.Context) (n int64, err error) {
	return n, p.pg.db.QueryRowContext(ctx, `SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)`).Scan(&n)
}
