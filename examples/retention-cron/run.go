package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/retention"
)

// run erases what has come due, and seals the trail.
func (j *job) run(ctx context.Context) error {
	var plan *gdpr.Plan
	if j.set.planFile != "" {
		var err error
		if plan, err = readPlan(j.set.planFile, j.StoreID()); err != nil {
			return err
		}
	}
	j.line.add("dry_run", j.set.dryRun)
	if j.set.dryRun {
		return j.dryRun(ctx, plan)
	}
	res, err := j.sweep(ctx, plan)
	j.count(res)
	switch {
	case errors.Is(err, gdpr.ErrPlanChanged):
		return fmt.Errorf("%w; make a new one", err)
	case err != nil:
		return err
	case res.Leased:
		return errLeased
	}
	ctx = context.WithoutCancel(ctx) // what is erased is sealed, whatever signal comes
	return j.Seal(ctx)
}

// dryRun shows what a run would do, and changes nothing.
func (j *job) dryRun(ctx context.Context, approved *gdpr.Plan) error {
	now, err := j.Plan(ctx)
	if err != nil {
		return err
	}
	if err := j.show(now); err != nil {
		return err
	}
	if approved != nil && approved.Digest != now.Digest {
		return fmt.Errorf("%w; make a new one", gdpr.ErrPlanChanged)
	}
	return nil
}

// sweep runs the engine's sweep. A signal ends it after the batch under way: what it counts is erased, the lease is given back, and the next
// run goes on. To break off within a batch would be safe too, but then nobody knew whether to count it.
func (j *job) sweep(ctx context.Context, plan *gdpr.Plan) (retention.Result, error) {
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	show := newProgress(j.problems)
	defer show.end()
	res, err := j.Sweep(sweeping, &gdpr.SweepOptions{
		Actor:   j.set.as,
		Plan:    plan,
		Batch:   j.set.batch,
		MaxTime: j.set.maxTime,
		Progress: func(sofar retention.Result) {
			show.batch(sofar)
			if ctx.Err() != nil {
				stop()
			}
		},
	})
	if err != nil && sweeping.Err() != nil {
		return res, errStopped
	}
	return res, err
}

// count puts what a sweep did on the line.
func (j *job) count(res retention.Result) {
	j.line.add("erased", res.Erased)
	j.line.add("persons", res.Persons)
	j.line.add("dated", res.Dated)
	j.line.add("left", res.Left)
	j.line.add("batches", res.Batches)
	j.line.add("more", res.More)
	j.line.add("seconds", res.Took.Round(time.Millisecond).Seconds())
	j.line.add("late", res.Late)
	j.line.add("cleared", res.Cleared)
}
