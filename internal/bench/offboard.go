package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// hostingRegister is of a firm that holds data for customers.
const hostingRegister = `register: {format: 1, version: 1, from: 2026-01-01, author: Bench}
organization: {name: Mätbänk AB, contact: privacy@bench.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
subjects: {guest: A guest of a customer}
terms:
  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, P1M after agreement-ended], at-end: erase, breach-notice: PT24H}
activities:
  hosted:
    role: processor
    terms: lease
    subjects: [guest]
    fields: {key: user.unique_id, content: user}
    find-by: [key]
    purpose: Hold for a customer
`

// small is a customer of few.
const small = 1000

// liteOffboardBench is the off-boarding of a customer with a million parts, until all is unreadable, of one with a thousand in the same store.
func liteOffboardBench(ctx context.Context, p plan) ([]Result, error) {
	t, err := openTown(ctx, p.dir, "offboard", hostingRegister, false)
	if err != nil {
		return nil, err
	}
	return p.offboard(ctx, "SQLite", t, p.of(1_000_000, 20_000))
}

func pgOffboardBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	db, err := p.pg.open(ctx, "offboard_town")
	if err != nil {
		return nil, err
	}
	t, err := p.pg.settle(ctx, p, "offboard_town", db, hostingRegister)
	if err != nil {
		return nil, err
	}
	return p.offboard(ctx, "Postgres", t, p.of(200_000, 20_000))
}

// leaver is a customer who leaves.
type leaver struct {
	party, agreement, record gdpr.ID
	rows                     int
}

// offboard has a large and a small customer leave in each round.
func (p plan) offboard(ctx context.Context, name string, t *town, parts int) ([]Result, error) {
	defer t.close()
	const rounds = 2
	var large, few []leaver
	for range rounds {
		for _, of := range []struct {
			list  *[]leaver
			parts int
		}{{&large, parts}, {&few, small}} {
			l, err := t.customer(ctx, of.parts)
			if err != nil {
				return nil, err
			}
			*of.list = append(*of.list, l)
		}
	}
	if _, err := t.Sweep(ctx, nil); err != nil { // with the first scrub of the process, which reads the whole file
		return nil, err
	}
	r, err := cost(ctx, fmt.Sprintf("%s off-boarding of %d parts until unreadable, of one of %d", name, parts, small), "<= 1.2", rounds,
		func(ctx context.Context, i int) (spent, error) { return p.leave(ctx, t, few[i]) },
		func(ctx context.Context, i int) (spent, error) { return p.leave(ctx, t, large[i]) })
	if err != nil {
		return nil, err
	}
	return []Result{r}, p.clear(ctx, t, name, append(large, few...))
}

// customer is one with so many parts, ten of each person, whose agreement has ended.
func (t *town) customer(ctx context.Context, parts int) (l leaver, err error) {
	if l.party, err = t.admin.PutParty(ctx, gdpr.Party{Name: "Kund AB", Contact: "dso@kund.example", Country: "SE"}); err != nil {
		return l, err
	}
	if l.agreement, err = t.admin.PutAgreement(ctx, gdpr.Agreement{Party: l.party, Ref: "AV-1", Activities: []string{"hosted"}, Terms: "lease"}); err != nil {
		return l, err
	}
	desk := t.As(gdpr.Job("bench"), "hosted").Under(l.agreement)
	if l.record, err = desk.Put(ctx, gdpr.Record{Subject: gdpr.Ref("gäst 0"), Fields: gdpr.Fields{"content": "Hej"}}); err != nil {
		return l, err
	}
	if _, err = desk.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
		for i := 1; i < parts; i++ {
			if !yield(gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("gäst %d", i/10)), Fields: gdpr.Fields{"content": "Hej"}}, nil) {
				return
			}
		}
	}, &gdpr.ImportOptions{Batch: 5000}); err != nil {
		return l, err
	}
	l.rows = parts + 2*((parts+9)/10) // and identifier and person of each
	return l, t.admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: l.agreement})
}

// leave off-boards a customer, and sees that nothing of it can be read.
func (p plan) leave(ctx context.Context, t *town, l leaver) (spent, error) {
	w := p.watch()
	out, err := t.admin.Offboard(ctx, l.party)
	took := w.stop()
	if err != nil {
		return took, err
	}
	p.note("  %d rows unreadable in %s", l.rows, took.wall)
	if _, err := t.As(gdpr.Job("bench"), "hosted").Under(l.agreement).Get(ctx, l.record); !errors.Is(err, gdpr.ErrErased) || out.Digest == "" {
		return took, errWrong
	}
	return took, nil
}

// clear lets sweeps remove the rows for a while.
func (p plan) clear(ctx context.Context, t *town, name string, all []leaver) error {
	rows := 0
	for _, l := range all {
		rows += l.rows
	}
	began := time.Now()
	res, err := t.Sweep(ctx, &gdpr.SweepOptions{MaxTime: 20 * time.Second})
	p.note("  %s: %d of %d rows removed in %s", name, res.Cleared, rows, time.Since(began))
	if err == nil && (res.Cleared == 0 || !res.More && res.Cleared != rows) {
		return errWrong
	}
	return err
}
