package gdpr

import (
	"context"
	"time"

	"github.com/gallra/gallra/retention"
)

// deadline is the end of the last day on which data may be there, and the purpose that it comes from; zero while no end is known.
//
// It is the outer limit of the rules. Where the law ends a purpose at once, or no rule sets a limit, the next run is the time (REQUIREMENTS 4.6): then it is
// late once two runs have passed, at least three days, as that is the lead which a sweep has over any other deadline.
func (e *Engine) deadline(v *retention.Verdict) (by time.Time, decides *retention.Standing) {
	for i := range v.Standings {
		s := &v.Standings[i]
		if s.Wake.IsZero() {
			return time.Time{}, nil
		}
		end := s.Limit
		if next := s.Wake.Add(e.lead()); end.IsZero() || s.Ended != nil && s.Ended.AtOnce && next.Before(end) {
			end = next
		}
		if by.Before(end) {
			by, decides = end, s
		}
	}
	return by, decides
}

// oldestOverdue is the earliest deadline that has passed of a part that nothing holds; zero for none. What it reads grows with what is due.
func (e *Engine) oldestOverdue(ctx context.Context, now time.Time) (oldest time.Time, err error) {
	w := e.walkOverdue(now)
	for {
		byDue := !w.late
		found, ran, err := w.next(ctx, 1000)
		if err != nil || len(found) == 0 && ran == nil {
			return oldest, err
		}
		for i := range found {
			if by, late := w.overdue(&found[i]); late && (oldest.IsZero() || by.Before(oldest)) {
				oldest = by
			}
		}
		// Nothing is overdue before it is due, and each half of a walk comes in the order of that.
		reached := w.due.Due
		switch {
		case byDue:
		case ran != nil:
			reached = ran.Due
		default:
			reached = w.open[0].Due
		}
		switch {
		case oldest.IsZero() || reached.Before(oldest):
		case byDue:
			w.late = true // on to what hangs on schedules
		default:
			return oldest, nil
		}
	}
}

// overdueWalk is a walk that takes no lead: through what is due by now.
type overdueWalk struct{ *walk }

func (e *Engine) walkOverdue(now time.Time) overdueWalk {
	w := e.newWalk(now)
	w.before = now
	return overdueWalk{w}
}

// overdue is the deadline of a candidate, if it has passed and nothing holds the part.
func (w overdueWalk) overdue(c *candidate) (by time.Time, late bool) {
	if c.item.Why == retention.WhyHeld {
		return time.Time{}, false
	}
	by, _ = w.e.deadline(&c.judged.verdict)
	return by, !by.IsZero() && !w.now.Before(by)
}
