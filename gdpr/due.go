package gdpr

import (
	"context"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// walk goes through everything that has come due: parts by their own due, then those that hang on a schedule that has run.
// Plan and sweep both walk it, so that a plan shows what a sweep does. Whichever wakes a part, all its clocks are looked at.
type walk struct {
	e      *Engine
	now    time.Time
	before time.Time // now and the lead
	due    storage.DueCursor
	late   bool               // the second half: parts that hang on schedules
	asleep *asleep            // after that: parts that neither wakes in time; nil where there are none
	open   []storage.Schedule // schedules that have run, the first one under way
	after  storage.PartRef
	done   map[scheduleKey]bool
	held   map[ID]HoldInfo // what is on hold, with the earliest review
	gone   map[ID]bool     // parties that are off-boarding: of theirs nothing comes due
	judged verdicts
	thaw   func(ctx context.Context) error // ends freezes whose last day is over; nil where nothing is changed
}

type scheduleKey struct {
	owner  ID
	family string
}

// candidate is a part that woke, and what its clocks say.
type candidate struct {
	part   storage.Part
	judged *judged
	item   retention.Item
	wake   time.Time
	hold   ID // by whose review it is dated
}

func (e *Engine) newWalk(now time.Time) *walk {
	return &walk{e: e, now: now, before: now.Add(e.lead()), done: map[scheduleKey]bool{}}
}

// next returns the next candidates, at most n; none at the end. ran is the schedule whose last parts are among them.
func (w *walk) next(ctx context.Context, n int) (out []candidate, ran *storage.Schedule, err error) {
	for len(out) == 0 {
		var parts []storage.Part
		byDue := !w.late
		switch {
		case byDue:
			parts, err = w.e.store.Due(ctx, storage.DueQuery{Before: w.before, After: w.due, Light: true, Limit: n})
			if err != nil {
				return nil, nil, err
			}
			if len(parts) > 0 {
				last := parts[len(parts)-1]
				w.due = storage.DueCursor{Due: last.Due, Part: last.PartRef}
			}
			if len(parts) < n {
				w.late = true
			}
		default:
			parts, ran, err = w.hanging(ctx, n)
			if err != nil {
				return nil, nil, err
			}
			if parts == nil && ran == nil {
				return w.slept(ctx, n)
			}
		}
		// After the parts: a release dates them anew, so that one that comes later fails their revisions.
		if len(parts) > 0 {
			lapsed, err := w.know(ctx)
			if err != nil {
				return nil, nil, err
			}
			if w.thaw != nil && lapsed { // and from the beginning: it dates parts anew
				if err := w.thaw(ctx); err != nil {
					return nil, nil, err
				}
				*w = walk{e: w.e, now: w.now, before: w.before, done: map[scheduleKey]bool{}}
				continue
			}
		}
		out = make([]candidate, len(parts))
		n := 0
		for i := range parts {
			woke, err := w.look(ctx, &parts[i], byDue, &out[n])
			if err != nil {
				return nil, nil, err
			}
			if woke {
				n++
			}
		}
		out = out[:n]
		if ran != nil {
			return out, ran, nil
		}
	}
	return out, nil, nil
}

// know reads what the parts of a page are looked at with. lapsed: a freeze has.
func (w *walk) know(ctx context.Context) (lapsed bool, err error) {
	if w.held, lapsed, err = w.e.held(ctx, w.now); err == nil && w.gone == nil {
		w.gone, err = w.e.leaving(ctx)
	}
	return lapsed, err
}

// hanging returns the next parts of the schedule under way; ran when they are its last.
func (w *walk) hanging(ctx context.Context, n int) (parts []storage.Part, ran *storage.Schedule, err error) {
	if len(w.open) == 0 {
		if more, err := w.moreSchedules(ctx); err != nil || !more {
			return nil, nil, err
		}
	}
	sc := w.open[0]
	parts, err = w.e.store.Parts(ctx, storage.PartQuery{Owner: sc.Owner, Family: sc.Family, Hanging: true, Light: true, After: w.after, Limit: n})
	if err != nil {
		return nil, nil, err
	}
	if len(parts) == n {
		w.after = parts[len(parts)-1].PartRef
		return parts, nil, nil
	}
	w.after = storage.PartRef{}
	w.open = w.open[1:]
	if parts == nil {
		parts = []storage.Part{}
	}
	return parts, &sc, nil
}

const scheduleChunk = 256

func (w *walk) moreSchedules(ctx context.Context) (bool, error) {
	limit := scheduleChunk + len(w.done)
	found, err := w.e.store.DueSchedules(ctx, w.before, limit)
	if err != nil {
		return false, err
	}
	for _, sc := range found {
		key := scheduleKey{sc.Owner, sc.Family}
		if !w.done[key] {
			w.done[key] = true
			w.open = append(w.open, sc)
		}
	}
	return len(w.open) > 0, nil
}

// look asks all clocks of a part. It returns false for a part that the first half has dealt with, and for one that is erased but for its row.
func (w *walk) look(ctx context.Context, p *storage.Part, byDue bool, c *candidate) (bool, error) {
	if w.gone[p.Controller] || !byDue && !p.Due.IsZero() && (!p.Due.After(w.before) || p.Held > 0) {
		return false, nil
	}
	j, err := w.judged.of(ctx, w.e, p)
	if err != nil {
		return false, err
	}
	v := &j.verdict
	*c = candidate{part: *p, judged: j, wake: v.Wake, item: retention.Item{Activity: p.Family, Rule: j.why.Rule}}
	if c.item.Rule == "" {
		c.item.Rule = "purpose ended"
	}
	switch {
	case p.Held > 0, w.onHold(p.Subject), w.onHold(p.Agreement):
		c.item.Why = retention.WhyHeld
	case v.KeptUntil.After(w.now):
		c.item.Why = retention.WhyKept
	case !goes(v, w.now, w.before):
		c.item.Why = retention.WhyNotYet
	default:
		c.item.Why, c.item.Go = retention.WhyDue, true
	}
	return true, nil
}

// goes reports whether the clocks let data go: they have run by before, and no floor keeps it now.
func goes(v *retention.Verdict, now, before time.Time) bool {
	return !v.Wake.IsZero() && !v.Wake.After(before) && !v.KeptUntil.After(now)
}

func (w *walk) onHold(id ID) bool {
	_, held := w.held[id]
	return held
}
