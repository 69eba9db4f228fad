package gdpr

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Stay is why a part is still there after its last day.
type Stay string

// The reasons. What a floor of the register keeps has not passed its last day: the law wants it.
const (
	NotSwept     Stay = "not swept"        // the next sweep erases it
	AwaitingPlan Stay = "waits for a plan" // every sweep halts until a plan was run: too much is due, or an import brought in what was overdue
	OnHold       Stay = "on hold"
)

// OverduePart is a part that should have been gone (Art. 5(1)(e), EPM-8.1).
type OverduePart struct {
	Record   ID
	Part     int
	Activity string
	Purposes []string
	Rule     string // the rule that decides; "purpose ended" without one
	// Until is the last day on which it might be there, and Deadline the end of that day.
	Until    civil.Date
	Deadline time.Time
	Why      Stay
	// Hold keeps it, if Why is OnHold: of several the one that is reviewed first.
	Hold *HoldInfo
}

// Overdue lists what has passed its last day and is still there, and why: first what nothing holds, by when it came due, then what is on hold, by the day
// of the hold's review. It opens no personal data; the trail names the records of each page. It needs the ability to read the session's
// activity; for Retention or SubjectRights, all of them. Its cost follows what is due and what is on hold, not what is stored.
func (s *Session) Overdue(ctx context.Context) iter.Seq2[OverduePart, error] {
	return list(ctx, s, "Overdue", false, func(page func([]OverduePart, []string) (bool, error)) error {
		now := s.e.instant()
		hand := func(rows []OverduePart) (bool, error) {
			if len(rows) == 0 {
				return true, nil
			}
			ids := make([]ID, len(rows))
			for i := range rows {
				ids[i] = rows[i].Record
			}
			return page(rows, recordObjects(ids))
		}
		if more, err := s.unswept(ctx, now, hand); err != nil || !more {
			return err
		}
		return s.overdueHeld(ctx, now, hand)
	})
}

// unswept hands on what is overdue although nothing holds it.
func (s *Session) unswept(ctx context.Context, now time.Time, hand func([]OverduePart) (bool, error)) (more bool, err error) {
	var why Stay
	w := s.e.walkOverdue(now)
	for {
		found, ran, err := w.next(ctx, page)
		if err != nil {
			return false, err
		}
		if len(found) == 0 && ran == nil {
			return true, nil
		}
		var rows []OverduePart
		for i := range found {
			c := &found[i]
			by, late := w.overdue(c)
			if !late || !s.lists(c.part.Family, c.part.Agreement) {
				continue
			}
			if why == "" {
				if why, err = s.e.whyUnswept(ctx, now); err != nil {
					return false, err
				}
			}
			rows = append(rows, s.e.overduePart(&c.part, c.judged, by, why))
		}
		if more, err := hand(rows); err != nil || !more {
			return false, err
		}
	}
}

// whyUnswept tells whether a sweep without a plan would halt now.
func (e *Engine) whyUnswept(ctx context.Context, now time.Time) (Stay, error) {
	waiting, err := e.overdue(ctx)
	if err != nil || waiting.parts > 0 {
		return AwaitingPlan, err
	}
	most, err := e.share(ctx, 0)
	if err != nil {
		return "", err
	}
	n, w := 0, e.newWalk(now)
	for n <= most {
		found, ran, err := w.next(ctx, 1000)
		if err != nil || len(found) == 0 && ran == nil {
			return NotSwept, err
		}
		n += going(found)
	}
	return AwaitingPlan, nil
}

// overdueHeld hands on what is overdue and on hold, each part with the hold that is reviewed first.
func (s *Session) overdueHeld(ctx context.Context, now time.Time, hand func([]OverduePart) (bool, error)) error {
	holds, err := s.e.holdsByReview(ctx)
	if err != nil {
		return err
	}
	on := map[ID][]int{} // holds by what they are on, as numbers of holds
	for i := range holds {
		on[holds[i].Target] = append(on[holds[i].Target], i)
	}
	var clocks verdicts
	for i := range holds {
		more, err := s.e.ofHold(ctx, &holds[i], func(parts []storage.Part) (bool, error) {
			var rows []OverduePart
			for n := range parts {
				p := &parts[n]
				if !s.lists(p.Family, p.Agreement) || firstHold(holds, on, p) != i {
					continue
				}
				j, err := clocks.of(ctx, s.e, p)
				if err != nil {
					return false, err
				}
				by, _ := s.e.deadline(&j.verdict)
				if by.IsZero() || now.Before(by) {
					continue
				}
				row := s.e.overduePart(p, j, by, OnHold)
				row.Hold = &holds[i]
				rows = append(rows, row)
			}
			return hand(rows)
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// firstHold is the first of the holds that is on a part; -1 for none.
func firstHold(holds []HoldInfo, on map[ID][]int, p *storage.Part) int {
	first := -1
	for _, target := range []ID{p.Record, p.Subject, p.Agreement} {
		for _, i := range on[target] {
			if holds[i].covers(p) && (first < 0 || i < first) {
				first = i
			}
		}
	}
	return first
}

// covers reports whether a hold is on a part, and not only on others of its record.
func (h *HoldInfo) covers(p *storage.Part) bool {
	return h.On == "subject" && h.Target == p.Subject || h.On == fileAgreement && h.Target == p.Agreement || slices.Contains(h.parts, p.PartRef)
}

func (e *Engine) overduePart(p *storage.Part, j *judged, by time.Time, why Stay) OverduePart {
	return OverduePart{Record: p.Record, Part: p.PartRef.Part, Activity: p.Family, Purposes: slices.Clone(p.Purposes), Rule: ruleOf(j.why.Rule),
		Until: e.day(by.Add(-time.Microsecond)), Deadline: by, Why: why}
}

// ruleOf names the rule that decides.
func ruleOf(rule string) string {
	if rule == "" {
		return "purpose ended"
	}
	return rule
}
