package retention

import (
	"time"

	"github.com/gallra/gallra/gdpr/civil"
)

// Policy is what the register says about how long data serves one purpose.
type Policy struct {
	// Purpose is the id of the purpose.
	Purpose string
	// Erase are the ceilings. Of those that apply and have started, the one that
	// ends first decides.
	Erase []Rule
	// Keep is the floor, nil if there is none.
	Keep *Rule
	// Anonymize: at the end the data is anonymized instead of erased. It changes
	// only the words.
	Anonymize bool
	// Ref is the law or policy that the rules come from.
	Ref string
}

// Deadline is a clock that has started: the answer to "until when, and why".
// It is a pure function of the rule, the facts and the zone.
type Deadline struct {
	Purpose string
	Rule    Rule
	// Day is the day of the event.
	Day civil.Date
	// Start is the day from which the period runs and which is not counted
	// itself: Day, or 31 December of its year.
	Start civil.Date
	// Last is the last day of the period. It runs to its end.
	Last civil.Date
	// End is the instant, in UTC, at which Last is over.
	End time.Time
}

// Standing is how one purpose stands.
type Standing struct {
	Purpose string
	// Anonymize and Ref are those of the policy.
	Anonymize bool
	Ref       string
	// Ended is the end of the purpose, nil while it goes on.
	Ended *End
	// Ceiling is the started ceiling that ends first, nil while none has
	// started.
	Ceiling *Deadline
	// Floor is the floor, nil if there is none or if its clock has not started.
	Floor *Deadline
	// FloorWaits: there is a floor whose clock has not started. It counts as in
	// force.
	FloorWaits bool
	// Waits are the rules that apply and whose clock has not started, the floor
	// last.
	Waits []Rule
	// UseEnds is when the data may no longer be used for the purpose. Zero: no
	// end is known.
	UseEnds time.Time
	// Wake is when the eraser should act, as far as this purpose goes. Zero: not
	// known. It is the end of the ceiling, or the start of the day on which the
	// purpose ended or erasure was instructed, but never before the floor is
	// over.
	Wake time.Time
	// Limit is by when the data must be gone, as far as this purpose goes. Zero:
	// no rule that has started says so.
	Limit time.Time
}

// Verdict is how data stands that serves one or several purposes: the last
// valid reason decides (REQUIREMENTS 4.6).
type Verdict struct {
	// Standings are in the order of the policies.
	Standings []Standing
	// Wake is when the eraser should act: the latest Wake of the purposes. Zero
	// while the end of any of them is not known. No lead time is taken off.
	Wake time.Time
	// Limit is by when the data must be gone. Zero: not known, or it ended at
	// once and no rule sets an outer limit; then the next run is the time.
	Limit time.Time
	// Decides is the purpose that Wake comes from; while Wake is zero, one whose
	// end is not known.
	Decides string
	// Kept: Wake is the end of a floor. Then no lead time may be taken off.
	Kept bool
	// KeptUntil is the end of the last floor that is known, never after a known
	// Wake. Zero: no floor has started. A lead time must not reach behind it.
	KeptUntil time.Time
}

// Judge says when data must go that serves the purposes of the given policies.
// It is a pure function: the same facts give the same verdict on any day and on
// any machine. Days become instants in loc, the controller's zone; nil means
// UTC.
//
// The order of policies and of their rules plays no part, except that
// Standings keeps it.
func Judge(policies []Policy, f Facts, loc *time.Location) Verdict {
	v := Verdict{Standings: make([]Standing, len(policies))}
	for i, p := range policies {
		v.Standings[i] = judge(p, f, loc)
	}
	for i, s := range v.Standings {
		if i == 0 || s.outlasts(v) {
			v.Wake, v.Decides = s.Wake, s.Purpose
		}
		if s.Floor != nil {
			v.KeptUntil = later(v.KeptUntil, s.Floor.End)
		}
	}
	v.Kept = !v.Wake.IsZero() && v.Wake.Equal(v.KeptUntil)
	v.Limit = limit(v)
	return v
}

// judge lets the clocks of one purpose speak.
func judge(p Policy, f Facts, loc *time.Location) Standing {
	s := Standing{Purpose: p.Purpose, Anonymize: p.Anonymize, Ref: p.Ref}
	end := f.Ended[p.Purpose]
	ended := end.Day.Valid()

	for _, r := range p.Erase {
		if !r.Applies(f.Agreement) {
			continue
		}
		d, started := r.deadline(p.Purpose, f, loc)
		if !started {
			s.Waits = append(s.Waits, r)
			continue
		}
		if s.Ceiling == nil || d.End.Before(s.Ceiling.End) {
			s.Ceiling = &d
		}
		wake := d.End
		if r.Event == ErasureInstructed || r.Event == PurposeEnded {
			wake = d.Day.Start(loc) // in the next run; the period is the outer limit
		}
		s.Wake = sooner(s.Wake, wake)
	}
	if s.Ceiling != nil {
		s.UseEnds, s.Limit = s.Ceiling.End, s.Ceiling.End
	}
	if ended {
		s.Ended = &end
		s.UseEnds = sooner(s.UseEnds, end.Day.Start(loc))
		s.Wake = sooner(s.Wake, end.Day.Start(loc)) // EPM-8.0: in the next run, with or without a rule
	}
	s.keep(p.Keep, f, loc)
	return s
}

// keep lets the floor speak: nothing wakes the eraser before it is over.
func (s *Standing) keep(r *Rule, f Facts, loc *time.Location) {
	if r == nil || !r.Applies(f.Agreement) {
		return
	}
	d, started := r.deadline(s.Purpose, f, loc)
	if !started {
		s.FloorWaits = true
		s.Waits = append(s.Waits, *r)
		s.Wake, s.Limit = time.Time{}, time.Time{}
		return
	}
	s.Floor = &d
	if !s.Wake.IsZero() {
		s.Wake = later(s.Wake, d.End)
	}
	if !s.Limit.IsZero() {
		s.Limit = later(s.Limit, d.End)
	}
}

// outlasts reports whether s, rather than what v has so far, is the reason that
// ends last. What has no known end outlasts everything; among equals the name
// decides, so that the order does not.
func (s Standing) outlasts(v Verdict) bool {
	switch {
	case s.Wake.Equal(v.Wake):
		return s.Purpose < v.Decides
	case s.Wake.IsZero() || v.Wake.IsZero():
		return s.Wake.IsZero()
	}
	return s.Wake.After(v.Wake)
}

// limit is the latest of the purposes' limits. A purpose that ended at once
// without a rule sets none; it only must not outlast the others'.
func limit(v Verdict) time.Time {
	if v.Wake.IsZero() {
		return time.Time{}
	}
	var last time.Time
	for _, s := range v.Standings {
		last = later(last, s.Limit)
	}
	for _, s := range v.Standings {
		if s.Limit.IsZero() && s.Wake.After(last) {
			return time.Time{}
		}
	}
	return last
}

// deadline starts the rule's clock, if what it waits for has a day and it has a
// period.
func (r Rule) deadline(purpose string, f Facts, loc *time.Location) (Deadline, bool) {
	day := f.day(r.Event, purpose)
	if r.EachAgreement || day.IsZero() || !r.Period.Valid() {
		return Deadline{}, false
	}
	start := day
	if r.YearEnd {
		start = day.YearEnd()
	}
	last := r.Period.After(start)
	if own := f.InstructedBy; r.Event == ErasureInstructed && own.Valid() && own.Before(last) {
		last = own
	}
	return Deadline{Purpose: purpose, Rule: r, Day: day, Start: start, Last: last, End: last.End(loc)}, true
}

// sooner is the earlier instant, where zero is not known.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later is the later instant, where zero is not known.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
