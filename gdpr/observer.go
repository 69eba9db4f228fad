package gdpr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/retention"
)

// Observer hears of every sweep, so that somebody notices one that fails, lags or does not come (GLE-CONT). Package otelgdpr, a module of its own, makes
// OpenTelemetry metrics of it. An Observer must be safe for concurrent use.
type Observer interface {
	// Swept is called once for each sweep of this engine, also for one that failed, when it is over: what it erased is erased. The context is that of the
	// sweep but never done. If Swept panics the sweep stands, and the panic is logged and goes no further.
	Swept(ctx context.Context, r SweepReport)
}

// Outcome is how a sweep ended.
type Outcome string

// The outcomes.
const (
	SweepDone    Outcome = "done"    // to its end, also when nothing was due
	SweepStopped Outcome = "stopped" // at its bound in rows or time
	SweepLeased  Outcome = "leased"  // another process was sweeping
	SweepHalted  Outcome = "halted"  // a plan must be run
	SweepFailed  Outcome = "failed"
)

// SweepReport is what an Observer hears of a sweep: counts and instants, no personal data, and no ids but those of the holds and agreements in Warnings.
type SweepReport struct {
	// Result has the counts: parts erased, dated anew and left out; persons; Lines by activity, rule and reason. Took is the time of the whole sweep.
	retention.Result
	Outcome Outcome
	// Held and Kept are the parts that woke and stay: on hold, or kept by a floor.
	Held, Kept int
	// AwaitingPlan are the parts that imports brought in overdue and that halt every sweep without a plan, as far as this sweep has read.
	AwaitingPlan int
	// OldestOverdue is the deadline of the part that is overdue for longest after the sweep although nothing holds it, and Lag how long ago that is. Zero:
	// nothing is overdue.
	OldestOverdue time.Time
	Lag           time.Duration
	// Warnings are new: limits of which much is over. A sweep that found nothing looks for them once an hour at most.
	Warnings []Warning
	// Measured is false when the store could not be asked for what is overdue, what awaits a plan, and warnings.
	Measured bool
}

// observe warns of limits, and tells the observer of a sweep. Only where something may have been left it asks the store what is overdue; of a quiet sweep it
// asks nothing.
func (e *Engine) observe(ctx context.Context, res retention.Result, failure error, began time.Time, quiet bool) {
	ctx = context.WithoutCancel(ctx)
	r := SweepReport{Result: res, Outcome: outcomeOf(res, failure), Measured: true}
	r.Took = time.Since(began)
	for _, l := range res.Lines {
		switch l.Why {
		case retention.WhyHeld:
			r.Held += l.Count
		case retention.WhyKept:
			r.Kept += l.Count
		}
	}
	if !quiet {
		r.Measured = e.measure(ctx, &r, r.Outcome != SweepDone || res.Left > 0) == nil
	}
	if e.opt.Observer == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			e.log.ErrorContext(ctx, "gallra: the observer panicked; the sweep stands", "panic", fmt.Sprintf("%T", p))
		}
	}()
	e.opt.Observer.Swept(ctx, r)
}

// measureTime is how long a sweep that failed may still ask what is overdue.
const measureTime = 10 * time.Second

func (e *Engine) measure(ctx context.Context, r *SweepReport, left bool) error {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	err := e.ready()
	if err != nil {
		return err
	}
	if r.Warnings, err = e.warn(ctx, left); err != nil || !left || e.opt.Observer == nil {
		return err
	}
	waiting, err := e.overdue(ctx)
	if err != nil {
		return err
	}
	r.AwaitingPlan = waiting.parts
	now := e.instant()
	if r.OldestOverdue, err = e.oldestOverdue(ctx, now); err == nil && !r.OldestOverdue.IsZero() {
		r.Lag = now.Sub(r.OldestOverdue)
	}
	return err
}

func outcomeOf(res retention.Result, err error) Outcome {
	switch {
	case errors.Is(err, ErrHalted):
		return SweepHalted
	case err != nil:
		return SweepFailed
	case res.Leased:
		return SweepLeased
	case res.More:
		return SweepStopped
	}
	return SweepDone
}
