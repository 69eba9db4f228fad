// Package otelgdpr makes OpenTelemetry metrics of what a [gdpr.Observer] hears. It is a module of its own, so that who does not use OpenTelemetry does not
// link it.
//
//	observer, err := otelgdpr.New(provider)
//	...
//	eng, err := gdpr.Open(ctx, store, kek, reg, &gdpr.Options{Observer: observer})
//
// # Metrics
//
//	gallra.sweeps                  counter    {sweep}   by gallra.outcome: done, stopped, leased, halted, failed
//	gallra.sweep.duration          histogram  s         by gallra.outcome
//	gallra.sweep.parts             counter    {part}    by gallra.result: erased, held, kept, left
//	gallra.sweep.persons           counter    {person}  of whom nothing is left
//	gallra.sweep.late              counter    {part}    erased after their last day: a deviation says why
//	gallra.sweep.last              gauge      s         Unix time at which a sweep of this process last came to its end
//	gallra.sweep.lag               gauge      s         how long ago the oldest overdue part should have been gone; 0: nothing is overdue
//	gallra.sweep.awaiting_plan     gauge      {part}    brought in overdue by imports: every sweep halts until a plan was run
//	gallra.limit.warnings          counter    {warning} by gallra.limit and gallra.percent
//
// The attributes are those named here, and their values words of the library: no id, no activity, nothing about a person. Lag and awaiting_plan keep their last
// value when a sweep could not ask the store. Alarm on gallra.sweep.last first: a sweep that does not run reports nothing.
package otelgdpr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/gallra/gallra/gdpr"
)

// Observer is a [gdpr.Observer] that records metrics.
type Observer struct {
	sweeps, parts, persons, late, warnings metric.Int64Counter
	last, lag                              metric.Float64Gauge
	awaiting                               metric.Int64Gauge
	took                                   metric.Float64Histogram
}

var _ gdpr.Observer = (*Observer)(nil)

// New makes the instruments with a meter of the provider.
func New(provider metric.MeterProvider) (*Observer, error) {
	if provider == nil {
		return nil, errors.New("otelgdpr: MeterProvider: missing")
	}
	m := provider.Meter("github.com/gallra/gallra/gdpr/otelgdpr")
	o := &Observer{}
	var errs []error
	counter := func(name, unit, what string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, what string) metric.Float64Gauge {
		g, err := m.Float64Gauge(name, metric.WithUnit("s"), metric.WithDescription(what))
		errs = append(errs, err)
		return g
	}
	o.sweeps = counter("gallra.sweeps", "{sweep}", "Sweeps, by how they ended")
	o.parts = counter("gallra.sweep.parts", "{part}", "Parts that came due, by what became of them")
	o.persons = counter("gallra.sweep.persons", "{person}", "Persons of whom nothing is left")
	o.late = counter("gallra.sweep.late", "{part}", "Parts erased after their last day although nothing held them")
	o.warnings = counter("gallra.limit.warnings", "{warning}", "Limits of which much is over")
	o.last = gauge("gallra.sweep.last", "When a sweep last came to its end, as Unix time")
	o.lag = gauge("gallra.sweep.lag", "How long ago the oldest overdue part should have been gone")
	var err error
	o.awaiting, err = m.Int64Gauge("gallra.sweep.awaiting_plan", metric.WithUnit("{part}"), metric.WithDescription("Parts that imports brought in overdue and that wait for a plan"))
	errs = append(errs, err)
	o.took, err = m.Float64Histogram("gallra.sweep.duration", metric.WithUnit("s"), metric.WithDescription("Time of a sweep"),
		metric.WithExplicitBucketBoundaries(0.01, 0.1, 1, 10, 60, 600, 3600, 4*3600))
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("otelgdpr: %w", err)
	}
	return o, nil
}

// Swept records the metrics of one sweep.
func (o *Observer) Swept(ctx context.Context, r gdpr.SweepReport) {
	outcome := metric.WithAttributes(attribute.String("gallra.outcome", string(r.Outcome)))
	o.sweeps.Add(ctx, 1, outcome)
	o.took.Record(ctx, r.Took.Seconds(), outcome)
	for result, n := range map[string]int{"erased": r.Erased, "held": r.Held, "kept": r.Kept, "left": r.Left} {
		o.parts.Add(ctx, int64(n), metric.WithAttributes(attribute.String("gallra.result", result)))
	}
	o.persons.Add(ctx, int64(r.Persons))
	o.late.Add(ctx, int64(r.Late))
	if r.Outcome == gdpr.SweepDone {
		o.last.Record(ctx, float64(time.Now().UnixMilli())/1000)
	}
	if r.Measured {
		o.lag.Record(ctx, r.Lag.Seconds())
		o.awaiting.Record(ctx, int64(r.AwaitingPlan))
	}
	for _, w := range r.Warnings {
		o.warnings.Add(ctx, 1, metric.WithAttributes(attribute.String("gallra.limit", string(w.Limit)), attribute.Int("gallra.percent", w.Percent)))
	}
}
