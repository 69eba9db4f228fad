package main

import (
	"context"
	"io"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// explain says why a record is still there, until when and by which rule; or when it was erased, why, and by which proof. It opens no personal
// data, and the question stands in the trail.
func (j *job) explain(ctx context.Context) error {
	x, err := j.As(j.set.as, gdpr.Retention).Explain(ctx, j.set.record)
	if err != nil {
		return j.mayRead(err, "the activity")
	}
	holds := 0
	for _, p := range x.Parts {
		holds += len(p.Holds)
	}
	j.line.add("activity", x.Activity)
	j.line.add("parts", len(x.Parts))
	j.line.add("holds", holds)
	j.line.add("proofs", len(x.Proofs))
	j.line.add("until", until(x))
	_, err = io.WriteString(j.out, x.String())
	return err
}

// until is the last day of a record, or why there is none.
func until(x *gdpr.Explanation) string {
	if len(x.Parts) == 0 {
		return "erased"
	}
	var last civil.Date
	for _, p := range x.Parts {
		switch {
		case len(p.Holds) > 0:
			return "released" // from hold
		case p.Until.IsZero():
			return "unknown"
		case p.Until.After(last):
			last = p.Until
		}
	}
	return last.String()
}
