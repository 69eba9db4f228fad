package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gallra/gallra/gdpr"
)

// eraseBench is row 5: a person with 1, 100 and 10,000 records is erased, with proof, ledger and trail, against itself with one record and against
// one prepared DELETE of a plain record.
func eraseBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	base, err := p.pg.plain(ctx, "erase_plain")
	if err != nil {
		return nil, err
	}
	defer base.close()
	t, err := p.pg.town(ctx, p, "erase_town")
	if err != nil {
		return nil, err
	}
	defer t.close()
	// In each round so many persons of each size are erased.
	sizes := []int{1, 100, p.of(10_000, 1_000)}
	times := []int{p.of(50, 10), p.of(20, 4), 1}
	var plans []func() string // the persons to erase next
	total := 0
	for i, size := range sizes {
		all := p.rounds * times[i] * size
		name := func(i int) string { return fmt.Sprintf("stor%d-%s", size, person(i)) }
		if _, err := t.desk.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for k := range all {
				if !yield(gdpr.Record{Subject: gdpr.Email(name(k / size)), Fields: gdpr.Fields{"message": message}}, nil) {
					return
				}
			}
		}, &gdpr.ImportOptions{Batch: 5000}); err != nil {
			return nil, err
		}
		next := 0
		plans = append(plans, func() string { next++; return name(next - 1) })
		total += all
	}
	if err := tidy(ctx, t.db); err != nil {
		return nil, err
	}
	desk := t.As(gdpr.Job("bench"), gdpr.SubjectRights)
	sides := []timed{func(ctx context.Context, _ int) (spent, error) {
		ids := make([]uuid.UUID, times[0])
		for i := range ids {
			ids[i] = uuid.New()
			if err := base.put(ctx, ids[i]); err != nil {
				return spent{}, err
			}
		}
		w := p.watch()
		for _, id := range ids {
			if _, err := base.erase.ExecContext(ctx, id.String()); err != nil {
				return spent{}, err
			}
		}
		return w.stop().each(len(ids)), base.check(ctx, "records", 0)
	}}
	for i, size := range sizes {
		sides = append(sides, func(ctx context.Context, _ int) (spent, error) {
			var who []string
			for range times[i] {
				who = append(who, plans[i]())
			}
			w := p.watch()
			for _, address := range who {
				e, err := desk.Erase(ctx, gdpr.Email(address), gdpr.NoLongerNeeded)
				if err != nil {
					return spent{}, err
				}
				if e.Parts != size || !e.Whole {
					return spent{}, errWrong
				}
			}
			took := w.stop().each(len(who))
			total -= size * len(who)
			for _, err := range desk.Find(ctx, gdpr.Email(who[0])) {
				return took, errors.Join(errWrong, err) // nobody should be found
			}
			n, err := t.parts(ctx)
			if err == nil && n != total {
				err = errWrong
			}
			return took, err
		})
	}
	h, err := race(ctx, p.rounds, sides...)
	if err != nil {
		return nil, err
	}
	p.note("  erase: one DELETE, person of 1, 100, %d: %v", sizes[2], h)
	if _, err := t.Verify(ctx); err != nil {
		return nil, err
	}
	return []Result{
		h.cost("Postgres erasure of a person, 1 record, of one DELETE", "<= 1.3", 0, 1),
		h.cost("Postgres erasure of a person, 100 records, of 1 record", "<= 1.2", 1, 2),
		h.cost(fmt.Sprintf("Postgres erasure of a person, %d records, of 1 record", sizes[2]), "<= 1.2", 1, 3),
	}, p.countErasure(ctx)
}

// countErasure notes what one erasure asks of the database.
func (p plan) countErasure(ctx context.Context) error {
	if !p.verbose {
		return nil
	}
	t, err := p.pg.counted(ctx, p, "erase_count")
	if err != nil {
		return err
	}
	defer t.close()
	for i := range 3 {
		if err := t.putOne(ctx, i); err != nil {
			return err
		}
		asked := len(t.calls.Log())
		if _, err := t.As(gdpr.Job("bench"), gdpr.SubjectRights).Erase(ctx, gdpr.Email(person(i)), gdpr.NoLongerNeeded); err != nil {
			return err
		}
		p.note("  erase one: %v", t.calls.Log()[asked:])
	}
	return nil
}
