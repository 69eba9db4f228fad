package gdpr

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// ClockNotStarted counts the parts whose end is not known because the same clock of theirs has not started. That is never "for ever": somebody reviews
// them (REQUIREMENTS 4.17; the review clocks-not-started of the register).
type ClockNotStarted struct {
	Activity string
	Purpose  string // whose clock it is
	// Rules are those that wait for their start event, as the register or the agreement writes them. Without any the register has no rule for the
	// purpose, or does not know it any more.
	Rules []string
	// Floor: the last of Rules is a duty to keep; until its clock has started and run out nothing is erased.
	Floor  bool
	Parts  int
	Oldest civil.Date // day on which the oldest of them was collected
	// Records are the oldest of them, the oldest first: as many as were asked for.
	Records []ID
}

// ClocksNotStarted lists what waits for a start event, by activity, purpose and rule, the one with the oldest data first; of each it names at most that
// many records, the oldest. It reads through all parts of the session's activity, for Retention or SubjectRights of the store, in pages; what it keeps in
// memory grows with the rules and the records asked for. It needs the ability to read them, opens no personal data, and the trail has the records named.
func (s *Session) ClocksNotStarted(ctx context.Context, records int) iter.Seq2[ClockNotStarted, error] {
	return list(ctx, s, "ClocksNotStarted", false, func(page func([]ClockNotStarted, []string) (bool, error)) error {
		if records < 0 {
			return refuse("Records", "negative")
		}
		found, err := s.notStarted(ctx, records)
		if err != nil {
			return err
		}
		for _, f := range found {
			row := f.ClockNotStarted
			for _, r := range f.oldest {
				row.Records = append(row.Records, r.id)
			}
			if more, err := page([]ClockNotStarted{row}, recordObjects(row.Records)); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

// waitingClock is one of them as it is counted.
type waitingClock struct {
	ClockNotStarted
	oldest []collectedRecord // sorted, at most as many as are asked for
}

type collectedRecord struct {
	day civil.Date
	id  ID
}

// notStarted counts, the clock with the oldest data first.
func (s *Session) notStarted(ctx context.Context, records int) ([]*waitingClock, error) {
	e := s.e
	by := map[string]*waitingClock{}
	var clocks verdicts
	gone, err := e.leaving(ctx)
	if err != nil {
		return nil, err
	}
	q := storage.PartQuery{Family: e.reg.Head(s.purpose), Light: true, Limit: 1000}
	for {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range parts {
			p := &parts[i]
			if gone[p.Controller] || !s.lists(p.Family, p.Agreement) {
				continue
			}
			j, err := clocks.of(ctx, e, p)
			if err != nil {
				return nil, err
			}
			if !j.verdict.Wake.IsZero() {
				continue
			}
			f, err := e.cache.factsOf(p.Facts)
			if err != nil {
				return nil, err
			}
			c := newWaitingClock(p.Family, &j.verdict)
			key := strings.Join(append([]string{c.Activity, c.Purpose}, c.Rules...), "\n")
			if by[key] == nil {
				by[key] = c
			}
			by[key].add(collectedRecord{f.Collected, p.Record}, records)
		}
		if len(parts) < q.Limit {
			break
		}
		q.After = parts[len(parts)-1].PartRef
	}
	out := make([]*waitingClock, 0, len(by))
	for _, c := range by {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *waitingClock) int {
		return cmp.Or(x.Oldest.Compare(y.Oldest), cmp.Compare(x.Activity, y.Activity), cmp.Compare(x.Purpose, y.Purpose), slices.Compare(x.Rules, y.Rules))
	})
	return out, nil
}

// newWaitingClock is the clock of the purpose that holds a part without an end.
func newWaitingClock(family string, v *retention.Verdict) *waitingClock {
	c := &waitingClock{ClockNotStarted: ClockNotStarted{Activity: family, Purpose: v.Decides}}
	for _, s := range v.Standings {
		if s.Purpose == v.Decides {
			c.Floor = s.FloorWaits
			for _, r := range s.Waits {
				c.Rules = append(c.Rules, r.String())
			}
		}
	}
	return c
}

// add counts a part of a record. Of the records it keeps the oldest.
func (c *waitingClock) add(r collectedRecord, most int) {
	c.Parts++
	if c.Parts == 1 || r.day.Before(c.Oldest) {
		c.Oldest = r.day
	}
	at, have := slices.BinarySearchFunc(c.oldest, r, func(x, y collectedRecord) int { return cmp.Or(x.day.Compare(y.day), x.id.Compare(y.id)) })
	if have || at >= most {
		return
	}
	c.oldest = slices.Insert(c.oldest, at, r)
	if len(c.oldest) > most {
		c.oldest = c.oldest[:most]
	}
}
