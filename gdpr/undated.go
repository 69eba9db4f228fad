package gdpr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// A part's due was computed by the version of the register in force at that time. An adopted version by which dates may change leaves a mark with a place in
// the order of parts: those after it may still sleep longer than they should. Reads judge anew anyway. The next sweep dates them first. Of a part that wakes
// too soon nothing is changed: once awake, it gets its new date.
//
// The mark has the version in its name, so that a sweep by an earlier version, cut short by the adoption, never moves it.

// undatedKey is the name of a version's mark.
func undatedKey(version int) string { return "undated " + strconv.Itoa(version) }

// allDated is the mark when every part was looked at.
const allDated = "done"

// undated is the place from which parts may sleep too long; nil if none does.
func undated(meta map[string][]byte, version int) *storage.PartRef {
	b := meta[undatedKey(version)]
	if len(b) == 0 || string(b) == allDated {
		return nil
	}
	var at storage.PartRef
	if json.Unmarshal(b, &at) != nil {
		at = storage.PartRef{} // from the start, then
	}
	return &at
}

func encodePlace(at storage.PartRef) []byte {
	b, err := json.Marshal(at)
	if err != nil {
		return []byte("{}") // numbers and ids always encode
	}
	return b
}

// dateAnew dates the parts that may sleep too long, page by page, each with the mark in one batch. It can be stopped anywhere.
func (w *sweepWork) dateAnew(ctx context.Context, from storage.PartRef, opt *SweepOptions) (res retention.Result, err error) {
	err = w.claim(ctx)
	if err == nil {
		err = w.dateFrom(ctx, from, opt, &res)
		err = errors.Join(err, w.a.s.e.store.Release(context.WithoutCancel(ctx), w.lease.Name, w.lease.Fence))
	}
	var cond *storage.ConditionError
	if errors.Is(err, storage.ErrLeased) || errors.As(err, &cond) && cond.Has(storage.KindLease, storage.Stale) {
		res.Leased, err = true, nil
	}
	return res, err
}

func (w *sweepWork) dateFrom(ctx context.Context, at storage.PartRef, opt *SweepOptions, res *retention.Result) error {
	e := w.a.s.e
	began := time.Now()
	var err error
	if w.walk.gone, err = e.leaving(ctx); err != nil {
		return err
	}
	for tries := 0; ; {
		if opt.MaxTime > 0 && time.Since(began) >= opt.MaxTime {
			res.More = true
			return nil
		}
		if err := w.keepLease(ctx); err != nil {
			return err
		}
		q := storage.PartQuery{Light: true, After: at, Limit: cmp.Or(opt.Batch, 1000)}
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return err
		}
		dated, err := w.dateParts(ctx, parts, len(parts) < q.Limit)
		var cond *storage.ConditionError
		if errors.As(err, &cond) && !cond.Has(storage.KindLease, storage.Stale) && tries < carryTries {
			tries++ // somebody changed one of the parts: the page once more
			w.walk.judged = nil
			if err := w.mayStill(ctx, cond); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		tries = 0
		res.Dated += dated
		if len(parts) < q.Limit {
			return nil
		}
		at = parts[len(parts)-1].PartRef
	}
}

// dateParts dates one page and moves the mark behind it.
func (w *sweepWork) dateParts(ctx context.Context, parts []storage.Part, last bool) (dated int, err error) {
	e := w.a.s.e
	mark := []byte(allDated)
	if !last {
		mark = encodePlace(parts[len(parts)-1].PartRef)
	}
	b := &storage.Batch{Lease: w.lease, PutMeta: map[string][]byte{undatedKey(e.reg.Version): mark}}
	for i := range parts {
		p := &parts[i]
		if w.walk.gone[p.Controller] {
			continue // its agreement may not even keep within the register any more
		}
		j, err := w.walk.judged.of(ctx, e, p)
		if err != nil {
			return 0, err
		}
		if wake := j.verdict.Wake; p.Held == 0 && sleepsPast(p, wake) { // what is held is dated when its hold ends
			p.Due = wake
			b.RetimeParts = append(b.RetimeParts, retimeOf(p))
		}
	}
	if len(b.RetimeParts) == 0 {
		return 0, e.store.Apply(ctx, b)
	}
	entry := audit.Entry{Why: "dated anew by version " + strconv.Itoa(e.reg.Version) + " of the register", Count: len(b.RetimeParts)}
	return entry.Count, w.a.commit(ctx, b, entry)
}

// sleepsPast reports whether neither a part's own due nor its schedule wakes it by that instant. A schedule counts only where it is the very clock that
// decides: another can still be moved by an event.
func sleepsPast(p *storage.Part, wake time.Time) bool {
	switch {
	case wake.IsZero(), !p.Due.IsZero() && !p.Due.After(wake):
		return false
	case p.Hangs && p.Schedule != nil && p.Schedule.Due.Equal(wake):
		return false
	}
	return true
}

// asleep is how far a walk has come among the parts that no sweep has dated yet by the register in force.
type asleep struct {
	at  storage.PartRef
	end bool
}

// slept returns the next parts that are due and that neither half of the walk has seen. Only a plan looks for them: a sweep has dated them before.
func (w *walk) slept(ctx context.Context, n int) (out []candidate, ran *storage.Schedule, err error) {
	for s := w.asleep; s != nil && !s.end && len(out) == 0; {
		parts, err := w.e.store.Parts(ctx, storage.PartQuery{Light: true, After: s.at, Limit: n})
		if err != nil {
			return nil, nil, err
		}
		if s.end = len(parts) < n; !s.end {
			s.at = parts[len(parts)-1].PartRef
		}
		if _, err := w.know(ctx); err != nil {
			return nil, nil, err
		}
		for i := range parts {
			p := &parts[i]
			if w.wakes(p.Due) || p.Hangs && p.Schedule != nil && w.wakes(p.Schedule.Due) {
				continue
			}
			var c candidate
			if _, err := w.look(ctx, p, true, &c); err != nil {
				return nil, nil, err
			}
			if c.item.Go {
				out = append(out, c)
			}
		}
	}
	return out, nil, nil
}

// wakes reports whether the walk has seen what is due then.
func (w *walk) wakes(due time.Time) bool { return !due.IsZero() && !due.After(w.before) }
