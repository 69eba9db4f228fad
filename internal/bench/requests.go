package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// requestsRegister is of a firm that has requests, and nothing else.
const requestsRegister = `register: {format: 1, version: 1, from: 2026-01-01, author: Bench}
organization: {name: Mätbänk AB, contact: privacy@bench.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
activities:
  inquiry: {role: controller, class: internal, subjects: [prospect], fields: {email: user.contact.email}, purpose: Answer, basis: A6-1-b, erase: P1Y after collected}
`

const openCases = 1000

// dueListBench is the list of a thousand open requests by their last day: with a hundred thousand closed ones beside it, and without.
func dueListBench(ctx context.Context, p plan) ([]Result, error) {
	closed := p.of(100_000, 5_000)
	var lists []timed
	for _, n := range []int{0, closed} {
		t, err := openTown(ctx, p.dir, fmt.Sprintf("requests-%d", n), requestsRegister, false)
		if err != nil {
			return nil, err
		}
		defer t.close()
		if err := t.requests(ctx, openCases, n); err != nil {
			return nil, err
		}
		desk, err := subjectrights.New(t.Engine, &subjectrights.Options{Now: func() time.Time { return t.now }})
		if err != nil {
			return nil, err
		}
		lists = append(lists, func(ctx context.Context, _ int) (spent, error) {
			w := p.watch()
			lines, err := desk.OpenCases(ctx, gdpr.Person("Bench"))
			took := w.stop()
			if err == nil && len(lines) != openCases {
				err = fmt.Errorf("a list of %d", len(lines))
			}
			return took, err
		})
	}
	h, err := race(ctx, p.of(50, 10), lists[0], lists[1])
	if err != nil {
		return nil, err
	}
	return []Result{
		h.millis(fmt.Sprintf("list of %d open requests beside %d closed, ms", openCases, closed), "<= 5", 1),
		h.cost("the same, of one without closed requests", "<= 1.2", 0, 1),
	}, nil
}

// requests files cases as the desk does.
func (t *town) requests(ctx context.Context, open, closed int) error {
	s := t.As(gdpr.Person("Bench"), gdpr.SubjectRights)
	public := []byte(`{"v":1,"rights":["A15","A17"],"channel":"email","received":"2026-03-05T11:00:00Z","day":"2026-03-05","language":"sv"}`)
	var batch []*gdpr.CaseFile
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := s.PutCase(ctx, gdpr.CaseAct{Action: "Receive", May: "read", Put: batch})
		batch = nil
		return err
	}
	for i := range open + closed {
		f := &gdpr.CaseFile{Kind: "request", Number: fmt.Sprintf("2026-%d", i), State: "received", Due: t.now.Add(time.Duration(i*7919%openCases) * time.Hour),
			Public: public, Secret: []byte(`{"text":"Jag vill veta vad ni har om mig."}`)}
		if i >= open {
			f.State, f.Closed, f.Due = "closed", true, t.now.AddDate(3, 0, 0)
		}
		if batch = append(batch, f); len(batch) == 500 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
