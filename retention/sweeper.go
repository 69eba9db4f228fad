package retention

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Work is what a [Sweeper] needs of an engine. It is not meant for others to implement: an engine hands its own to the Sweeper.
type Work interface {
	// Claim takes the lease of the sweep; false when another process has it.
	Claim(ctx context.Context) (bool, error)
	// Next returns the next page of data whose clock has run, at most n items; an empty page is the end.
	Next(ctx context.Context, n int) (Page, error)
	// Carry does what the page decides, in one batch: what must go is erased, the rest is dated anew. What changed or is held by now is left out.
	Carry(ctx context.Context, p Page) (Step, error)
	// Clear removes at most n rows that nobody can read any more, because the key above them was destroyed, and returns how many; 0 when none is left.
	Clear(ctx context.Context, n int) (int, error)
	// Release gives the lease back.
	Release(ctx context.Context) error
}

// Page is some data whose clock has run, each item looked at by itself.
type Page struct {
	Items []Item
	// Handle is the engine's own.
	Handle any
}

// Item is one piece of data in a page.
type Item struct {
	Activity string
	Rule     string // decisive rule, or why without one
	Why      string // "due", "held", "kept", "not yet"
	Go       bool   // erase it
}

// Why an item is in a page.
const (
	WhyDue    = "due"     // its last reason has ended
	WhyHeld   = "held"    // on hold
	WhyKept   = "kept"    // a floor keeps it
	WhyNotYet = "not yet" // another of its clocks runs longer
)

// Step is what one batch did.
type Step struct {
	Erased  int // items
	Dated   int // items dated anew
	Left    int // items that changed or are held by now
	Persons int // data subjects of whom nothing is left
	Late    int // items erased after their last day although nothing held them
}

// Line counts items of one activity, rule and reason.
type Line struct {
	Activity string
	Rule     string
	Why      string
	Count    int
}

// Result is the outcome of a sweep.
type Result struct {
	// Leased: another process is sweeping. That is success, with nothing done here.
	Leased bool
	Step
	Batches int
	Lines   []Line // of what was erased, held and kept
	// Cleared are the rows removed that nobody could read any more: parts, identifiers and persons of customers who were off-boarded.
	Cleared int
	// More: the sweep stopped at its bound in rows or time; the next goes on.
	More bool
	Took time.Duration
}

// ErrHalted says that a sweep stopped because it would erase more than its share allows. Look at the plan, and run with it.
var ErrHalted = errors.New("halted: more is due than a sweep may erase without a plan; look at the plan, and sweep with it")

// Sweeper erases what has come due, in batches, until nothing is due (Art. 5(1)(e); GLE-CONT, EPM-8.0). It can stop after any batch and be
// started again by any process.
type Sweeper struct {
	Work Work
	// Batch is the number of items in one batch. Defaults to 1,000.
	Batch int
	// MaxItems and MaxTime bound one run; a row that is cleared counts as an item. Zero: no bound.
	MaxItems int
	MaxTime  time.Duration
	// MaxErase halts a run that would erase more items. Zero: no bound.
	MaxErase int
	// Progress hears of every batch.
	Progress func(Result)
	// Now is the clock for MaxTime. Defaults to time.Now.
	Now func() time.Time
}

// Run sweeps: first what has come due, then what is unreadable already and only takes room. Held elsewhere and nothing due are success.
func (s Sweeper) Run(ctx context.Context) (res Result, err error) {
	if s.Batch == 0 {
		s.Batch = 1000
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	began := s.Now()
	defer func() { res.Took = s.Now().Sub(began) }()
	mine, err := s.Work.Claim(ctx)
	if err != nil {
		return res, fmt.Errorf("claim: %w", err)
	}
	if !mine {
		res.Leased = true
		return res, nil
	}
	defer func() {
		if e := s.Work.Release(context.WithoutCancel(ctx)); e != nil && err == nil {
			err = fmt.Errorf("release: %w", e)
		}
	}()
	tally := Tally{}
	for {
		if s.bound(&res, began) {
			return res, nil
		}
		page, err := s.Work.Next(ctx, s.size(&res))
		if err != nil {
			return res, err
		}
		if len(page.Items) == 0 {
			return res, s.clear(ctx, &res, began)
		}
		going := 0
		for _, it := range page.Items {
			if it.Go {
				going++
			}
		}
		if s.MaxErase > 0 && res.Erased+going > s.MaxErase {
			return res, ErrHalted
		}
		step, err := s.Work.Carry(ctx, page)
		if err != nil {
			return res, err
		}
		tally.Add(page.Items...)
		res.Erased += step.Erased
		res.Dated += step.Dated
		res.Left += step.Left
		res.Persons += step.Persons
		res.Late += step.Late
		res.Batches++
		res.Lines = tally.Lines()
		if s.Progress != nil {
			s.Progress(res)
		}
	}
}

// clear goes on with the rows that nobody can read.
func (s Sweeper) clear(ctx context.Context, res *Result, began time.Time) error {
	for !s.bound(res, began) {
		n, err := s.Work.Clear(ctx, s.size(res))
		if err != nil || n == 0 {
			return err
		}
		res.Cleared += n
		res.Batches++
		if s.Progress != nil {
			s.Progress(*res)
		}
	}
	return nil
}

// bound reports whether a run has reached one of its bounds, and notes it.
func (s Sweeper) bound(res *Result, began time.Time) bool {
	res.More = s.MaxTime > 0 && s.Now().Sub(began) >= s.MaxTime || s.MaxItems > 0 && res.Erased+res.Cleared >= s.MaxItems
	return res.More
}

func (s Sweeper) size(res *Result) int {
	if s.MaxItems > 0 {
		return min(s.Batch, s.MaxItems-res.Erased-res.Cleared)
	}
	return s.Batch
}
