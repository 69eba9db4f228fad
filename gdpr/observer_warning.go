package gdpr

import (
	"context"
	"time"

	"github.com/gallra/gallra/retention"
)

// Limit is a term within which people must act.
type Limit string

// The limits that are warned of.
const (
	// HoldReview is the day by which a hold must be looked at again (REQUIREMENTS 4.8).
	HoldReview Limit = "review of a hold"
	// InstructionTerm is the outer limit of a controller's instruction to erase that no sweep has carried out yet (EPM-8.1). What is on hold is warned of by
	// its hold.
	InstructionTerm Limit = "instruction to erase"
)

// Warning says that so much of a limit is over. An engine gives each warning once for each object and part of the limit; of both at once, the later.
type Warning struct {
	Limit   Limit
	Object  ID        // the hold, or the agreement under which erasure was instructed; never a person
	Percent int       // 50 or 80
	End     time.Time // of the limit
}

// warnAt are the parts of a limit of which somebody is warned, the later first.
var warnAt = []int{80, 50}

type warningKey struct {
	limit  Limit
	object ID
	end    int64
}

// due is the part of a limit that is over and was not warned of; 0 for none.
func (w *watch) due(limit Limit, object ID, began, end, now time.Time) int {
	if !began.Before(end) {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := warningKey{limit, object, end.UnixMicro()}
	for _, percent := range warnAt {
		if now.Sub(began) < end.Sub(began)/100*time.Duration(percent) {
			continue
		}
		if w.warned[key] >= percent {
			return 0
		}
		if w.warned == nil {
			w.warned = map[warningKey]int{}
		}
		w.warned[key] = percent
		return percent
	}
	return 0
}

// warn looks at the limits after a sweep, logs what is new and returns it. Instructions are looked for only where the sweep has left something.
func (e *Engine) warn(ctx context.Context, left bool) ([]Warning, error) {
	now := e.instant()
	var out []Warning
	add := func(limit Limit, object ID, began, end time.Time) {
		if percent := e.watch.due(limit, object, began, end, now); percent > 0 {
			e.log.WarnContext(ctx, "gallra: much of a limit is over", "limit", string(limit), "object", object.String(), "percent", percent, "end", end)
			out = append(out, Warning{limit, object, percent, end})
		}
	}
	holds, err := e.holds(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		add(HoldReview, h.ID, h.placed, h.ReviewBy.Start(e.zone).UTC())
	}
	if !left {
		return out, nil
	}
	w := e.walkOverdue(now)
	for {
		found, ran, err := w.next(ctx, 1000)
		if err != nil || len(found) == 0 && ran == nil {
			return out, err
		}
		for i := range found {
			c := &found[i]
			_, decides := e.deadline(&c.judged.verdict)
			if c.item.Why != retention.WhyHeld && decides != nil && decides.Ceiling != nil && decides.Ceiling.Rule.Event == retention.ErasureInstructed {
				add(InstructionTerm, c.part.Agreement, decides.Ceiling.Day.Start(e.zone), decides.Ceiling.End)
			}
		}
	}
}
