package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"runtime/metrics"
	"time"

	"filippo.io/age"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights/report"
)

// accessBench is row 6: all that is held about one person, found, opened and written as an access report, against reading and scanning the same
// rows; what the other forms and the seal add; and how much memory it takes. Found and opened means judged and in the trail, durably, page by page; a
// report reads all of it twice. Its explanations are one for all; what they cost is a figure of its own.
func accessBench(ctx context.Context, p plan) ([]Result, error) {
	if err := p.pg.start(ctx, p); err != nil {
		return nil, err
	}
	t, err := p.pg.town(ctx, p, "access_town")
	if err != nil {
		return nil, err
	}
	defer t.close()
	sizes := []int{10, p.of(10_000, 500), p.of(100_000, 5_000)}
	var all []*holder
	for i, n := range sizes {
		who := gdpr.Email(person(i))
		if _, err := t.desk.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for range n {
				if !yield(gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": message}}, nil) {
					return
				}
			}
		}, &gdpr.ImportOptions{Batch: 5000}); err != nil {
			return nil, err
		}
		h := &holder{town: t, who: who, n: n, desk: t.As(gdpr.Job("bench"), gdpr.SubjectRights)}
		all = append(all, h)
		if err := h.learn(ctx); err != nil {
			return nil, err
		}
	}
	if err := tidy(ctx, t.db); err != nil {
		return nil, err
	}
	out, err := p.accessSpeed(ctx, all)
	if err != nil {
		return nil, err
	}
	heaps, err := p.accessHeap(all[1], all[2])
	return append(out, heaps...), err
}

// holder is a person of whom so many records are held.
type holder struct {
	*town
	who    gdpr.Identity
	person gdpr.ID
	desk   *gdpr.Session
	n      int
	why    *gdpr.Explanation
	peak   uint64 // of the heap, while the records were handed out
}

func (h *holder) learn(ctx context.Context) error {
	for r, err := range h.desk.Find(ctx, h.who) {
		if err != nil {
			return err
		}
		h.person = r.Subject()
		h.why, err = h.desk.Explain(ctx, r.ID)
		return err
	}
	return errWrong
}

// raw reads and scans the rows, with their wrapped keys.
func (h *holder) raw(ctx context.Context) error {
	rows, err := h.db.QueryContext(ctx, `SELECT p.record, p.sealed, k.wrapped FROM gallra.parts p
		JOIN gallra.part_keys k ON (k.bucket, k.record, k.part, k.version) = (p.bucket, p.record, p.part, p.version)
		WHERE p.bucket = $1 AND p.subject = $2 ORDER BY p.record, p.part`, int(h.person[0]), h.person[:])
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for rows.Next() {
		var record, sealed, wrapped []byte
		if err := rows.Scan(&record, &sealed, &wrapped); err != nil {
			return err
		}
		n++
	}
	if n != h.n {
		return errors.Join(errWrong, rows.Err())
	}
	return rows.Err()
}

// open finds the records and opens them.
func (h *holder) open(ctx context.Context) error {
	n := 0
	for r, err := range h.desk.Find(ctx, h.who) {
		if err != nil {
			return err
		}
		if r.Text("message") == message {
			n++
		}
	}
	if n != h.n {
		return errWrong
	}
	return nil
}

// explain finds the records with their explanations.
func (h *holder) explain(ctx context.Context) error {
	n := 0
	for x, err := range h.desk.FindExplained(ctx, h.who, "ticket") {
		if err != nil {
			return err
		}
		if x.Why.Record == x.Stored.ID {
			n++
		}
	}
	if n != h.n {
		return errWrong
	}
	return nil
}

// stream hands the records out as a report wants them.
func (h *holder) stream(ctx context.Context) iter.Seq2[report.Record, error] {
	return func(yield func(report.Record, error) bool) {
		n := 0
		for r, err := range h.desk.Find(ctx, h.who) {
			if err != nil {
				yield(report.Record{}, err)
				return
			}
			if n++; n%100 == 0 {
				h.peak = max(h.peak, heapNow())
			}
			why := *h.why
			why.Record = r.ID
			if !yield(report.Record{Stored: r, Why: &why}, nil) {
				return
			}
		}
	}
}

func (h *holder) report(records iter.Seq2[report.Record, error]) (*report.Report, error) {
	day := civil.DateOf(h.now, time.UTC)
	return report.New(report.Input{Register: h.Register(), Case: "2026-17", Received: day, Due: day.AddDays(31), Made: h.now, Person: h.person, Stream: records})
}

func (p plan) accessSpeed(ctx context.Context, all []*holder) ([]Result, error) {
	few, some, many := all[0], all[1], all[2]
	times := p.of(200, 10)
	timesOf := func(h *holder) int {
		if h == few {
			return times
		}
		return 1
	}
	side := func(h *holder, do func(context.Context) error) timed {
		return func(ctx context.Context, _ int) (spent, error) {
			w := p.watch()
			for range timesOf(h) {
				if err := do(ctx); err != nil {
					return spent{}, err
				}
			}
			return w.stop().each(timesOf(h)), nil
		}
	}
	form := func(h *holder, write func(io.Writer, *report.Report, string) error) timed {
		return side(h, func(ctx context.Context) error {
			r, err := h.report(h.stream(ctx))
			if err != nil {
				return err
			}
			return write(io.Discard, r, report.Swedish)
		})
	}
	h, err := race(ctx, p.rounds, side(few, few.raw), side(few, few.open), side(many, many.raw), side(many, many.open),
		form(many, report.JSON), form(many, report.JSONLines))
	if err != nil {
		return nil, err
	}
	p.note("  access: raw and opened 10, raw and opened, JSON, JSON lines of %d: %v", many.n, h)
	out := []Result{
		h.speed("Access: 10 records found and opened, of SELECT and Scan", ">= 0.70", 0, 1),
		h.speed(fmt.Sprintf("Access: %d records found and opened, of SELECT and Scan", many.n), ">= 0.70", 2, 3),
		h.speed(fmt.Sprintf("Access: report of %d records as JSON, of SELECT and Scan", many.n), ">= 0.55", 2, 4),
		h.speed("Access: the same as JSON lines, of SELECT and Scan", ">= 0.55", 2, 5),
	}
	// What a form or the seal costs by itself: of records that are in memory.
	var held []report.Record
	for r, err := range some.stream(ctx) {
		if err != nil {
			return nil, err
		}
		held = append(held, r)
	}
	r, err := some.report(func(yield func(report.Record, error) bool) {
		for _, x := range held {
			if !yield(x, nil) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	pack := func(opt report.PackageOptions) func(context.Context) error {
		opt.Signer = some
		return func(ctx context.Context) error {
			_, err := report.Package(ctx, io.Discard, r, opt)
			return err
		}
	}
	e, err := race(ctx, p.rounds, side(some, some.open), side(some, some.explain))
	if err != nil {
		return nil, err
	}
	p.note("  access: opened, explained %d: %v", some.n, e)
	h, err = race(ctx, p.rounds, side(some, func(context.Context) error { return report.JSON(io.Discard, r, report.Swedish) }),
		side(some, func(context.Context) error { return report.HTML(io.Discard, r, report.Swedish) }),
		side(some, pack(report.PackageOptions{Plain: true})), side(some, pack(report.PackageOptions{Recipients: []string{identity.Recipient().String()}})))
	if err != nil {
		return nil, err
	}
	p.note("  report of %d records: JSON, HTML, plain package, sealed package: %v", some.n, h)
	return append(out,
		e.cost(fmt.Sprintf("Access: %d records with their explanations, of found alone", some.n), "<= 8", 0, 1),
		h.cost(fmt.Sprintf("Access: report of %d records as HTML, of JSON", some.n), "<= 2", 0, 1),
		h.cost("Access: package sealed, of plain", "<= 1.25", 2, 3)), nil
}

// accessHeap is the largest heap while a report is made and written, over what the engine held before.
func (p plan) accessHeap(some, many *holder) ([]Result, error) {
	ctx := context.Background()
	var out []Result
	for _, f := range []struct {
		name  string
		write func(io.Writer, *report.Report, string) error
	}{{"JSON", report.JSON}, {"JSON lines", report.JSONLines}, {"CSV", report.CSV}, {"HTML", report.HTML}} {
		var peaks [2]float64
		for i, h := range []*holder{some, many} {
			runtime.GC()
			before := heapNow()
			h.peak = before
			r, err := h.report(h.stream(ctx))
			if err != nil {
				return nil, err
			}
			if err := f.write(io.Discard, r, report.English); err != nil {
				return nil, err
			}
			peaks[i] = float64(h.peak-before) / (1 << 20)
		}
		out = append(out, exact(fmt.Sprintf("Access: heap for %s of %d records, MiB (%.1f of %d)", f.name, many.n, peaks[0], some.n), "<= 16", "MiB", peaks[1]))
	}
	return out, nil
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
