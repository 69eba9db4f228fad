package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// eventBench is the cost law of an event: an agreement ends, a plan, and an idle sweep, with 1,000 records hanging on it and with
// 100,000 and a million.
func eventBench(ctx context.Context, p plan) ([]Result, error) {
	sizes := []int{1_000, 100_000, 1_000_000}
	if p.quick {
		sizes = []int{1_000, 10_000}
	}
	var towns []*town
	for i, n := range sizes {
		t, err := openTown(ctx, p.dir, fmt.Sprintf("event%d", i), register, true)
		if err != nil {
			return nil, err
		}
		defer t.close()
		if err := t.hang(ctx, n); err != nil {
			return nil, err
		}
		towns = append(towns, t)
	}
	var out []Result
	for i := 1; i < len(towns); i++ {
		r, err := cost(ctx, fmt.Sprintf("agreement ended + plan + idle sweep, %d records, of %d", sizes[i], sizes[0]), "<= 1.2", p.rounds,
			towns[0].endOne, towns[i].endOne)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	calls, rows, err := towns[0].touched(ctx)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(towns); i++ {
		moreCalls, moreRows, err := towns[i].touched(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, exact(fmt.Sprintf("the same, calls to the database (%d)", moreCalls), "<= 1.2", ofCount, float64(moreCalls)/float64(calls)),
			exact(fmt.Sprintf("the same, rows written (%d)", moreRows), "<= 1.2", ofCount, float64(moreRows)/float64(rows)))
	}
	return out, nil
}

const ofCount = "x of baseline count"

// touched counts what one end of an agreement asks of the database.
func (t *town) touched(ctx context.Context) (calls, rows int, err error) {
	before, err := t.written(ctx)
	if err != nil {
		return 0, 0, err
	}
	asked := t.calls.Calls()
	if _, err := t.endOne(ctx, 0); err != nil {
		return 0, 0, err
	}
	asked = t.calls.Calls() - asked
	after, err := t.written(ctx)
	return asked, after - before, err
}

// spare is how many agreements a town has: one ends in each round, and the records hang on all of them.
const spare = 40

// hang makes a town with records that hang on agreements. The rows go straight to the store: what matters here is that they are many.
func (t *town) hang(ctx context.Context, n int) error {
	party, err := t.admin.PutParty(ctx, gdpr.Party{Name: "Kund AB", Contact: "dso@kund.example", Country: "SE"})
	if err != nil {
		return err
	}
	var agreements []gdpr.ID
	for i := range spare {
		id, err := t.admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: fmt.Sprintf("AV-%d", i), From: civil.Date{Year: 2024, Month: 1, Day: 1}})
		if err != nil {
			return err
		}
		agreements = append(agreements, id)
	}
	for from := 0; from < n; from += 5000 {
		b := &storage.Batch{}
		for i := from; i < min(n, from+5000); i++ {
			subject := storage.NewID()
			b.PutParts = append(b.PutParts, storage.Part{PartRef: storage.PartRef{Bucket: subject.Bucket(), Record: storage.NewRecordID(subject, t.now), Part: 1},
				Rev: 1, Version: 1, Controller: t.Self(), Subject: subject, Family: "ticket", Purposes: []string{"ticket"}, Role: "controller", Class: "internal",
				Agreement: agreements[i%spare], Owner: agreements[i%spare], Hangs: true, Facts: []byte(`{"collected":"2026-03-02"}`), Sealed: make([]byte, 64)})
		}
		if err := t.store.Apply(ctx, b); err != nil {
			return err
		}
	}
	t.agreements = agreements
	return nil
}

// endOne ends the next agreement.
func (t *town) endOne(ctx context.Context, _ int) (spent, error) {
	next := t.agreements[0]
	t.agreements = t.agreements[1:]
	began := time.Now()
	if err := t.admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: next}); err != nil {
		return spent{}, err
	}
	plan, err := t.Plan(ctx)
	if err != nil {
		return spent{}, err
	}
	res, err := t.Sweep(ctx, nil)
	if err != nil {
		return spent{}, err
	}
	took := spent{wall: time.Since(began)}
	schedules, err := t.store.SchedulesOf(ctx, next)
	if err != nil {
		return spent{}, err
	}
	if plan.Erase != 0 || res.Erased != 0 || len(schedules) != 1 || schedules[0].Due.IsZero() {
		return spent{}, errWrong
	}
	return took, nil
}
