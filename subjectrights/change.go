package subjectrights

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// change is one act on a case: what it makes of the file, and what goes with it in the same batch.
type change struct {
	*open
	was     State // before the act; "" for a new case
	now     time.Time
	today   civil.Date
	act     gdpr.CaseAct
	actor   gdpr.Actor
	notices []*gdpr.CaseFile
	ofOrder bool // its notices are of an instruction

	answered civil.Date // by other means, on that day; zero for today
}

// change does an act: it checks that the state allows it and who does it, lets do change the case, and stores it. On success c is the case as it is now.
// ErrConflict from the engine says that somebody else has changed it since it was read.
func (d *Desk) change(ctx context.Context, actor gdpr.Actor, c *Case, act Act, may string, do func(x *change) error) error {
	if c.open() == nil {
		return refuse("Case", "missing: take the request in with Receive, or read it with Case")
	}
	t, err := step(c.State(), act)
	if err != nil {
		return err
	}
	if t.By == Decider && !actor.IsPerson() {
		return ErrPersonDecides
	}
	o, err := c.open().clone()
	if err != nil {
		return err
	}
	x := d.begin(o, actor)
	x.act = gdpr.CaseAct{Action: act.action(), May: may}
	if err := do(x); err != nil {
		return err
	}
	x.file.State = string(t.To)
	if err := d.put(ctx, x); err != nil {
		return err
	}
	*c = Case{&x.open}
	return nil
}

func (d *Desk) begin(o *open, actor gdpr.Actor) *change {
	x := &change{open: o, was: State(o.file.State), now: d.now(), actor: actor}
	x.today = civil.DateOf(x.now, d.zone)
	return x
}

// put stores what a change has made.
func (d *Desk) put(ctx context.Context, x *change) error {
	state := State(x.file.State)
	due, err := d.due(&x.pub, x.today)
	if err != nil {
		return err
	}
	on := x.today
	if !x.answered.IsZero() {
		on = x.answered
	}
	if (x.was.waits() || state.waits()) && x.pub.Overdue.IsZero() && on.After(due) && !x.restsSince(due) {
		x.pub.Overdue, x.act.Missed = due, due
	}
	moves := !x.file.Due.Equal(due.End(d.zone).UTC()) || x.pausedNow() || x.was == AwaitingIdentity || x.was == AwaitingClarification || x.was == NotIdentified
	if x.frozen() && !x.act.Thaw && x.act.Freeze == nil && moves {
		x.act.Freeze = &gdpr.Freeze{Subject: x.pub.Person, Until: later(due, x.today)}
		if x.pausedNow() { // the last day moves with each day
			x.act.Freeze.Until = civil.Period{Months: 6}.After(x.act.Freeze.Until)
		}
	}
	x.file.Due = due.End(d.zone).UTC()
	if state.ended() {
		x.file.Closed = true
		x.file.Due = d.reg.Accountability.CaseFiles.After(x.today).End(d.zone).UTC()
	}
	if err := x.encode(); err != nil {
		return err
	}
	x.act.Put = append([]*gdpr.CaseFile{&x.file}, append(x.notices, x.act.Put...)...)
	return d.session(x.actor, x.file.Number).PutCase(ctx, x.act)
}

// frozen reports whether what a case is about must not go: a copy was asked for and is not sealed.
func (x *change) frozen() bool {
	asks := slices.Contains(x.pub.Rights, Access) || slices.Contains(x.pub.Rights, Portability)
	if len(x.pub.Decisions) > 0 && len(x.granted(Access))+len(x.granted(Portability)) == 0 {
		return false // refused: there will be no copy
	}
	return asks && !x.pub.Person.IsZero() && (len(x.pub.Decisions) == 0 || !x.copied()) && x.pub.Overdue.IsZero() && State(x.file.State).waits()
}

// pausedNow reports whether the clock stands still.
func (x *change) pausedNow() bool {
	return slices.ContainsFunc(x.pub.Pauses, func(p pause) bool { return p.To.IsZero() })
}

// restsSince reports whether the clock stands still, and was stopped before the last day was over.
func (x *change) restsSince(due civil.Date) bool {
	return slices.ContainsFunc(x.pub.Pauses, func(p pause) bool { return p.To.IsZero() && !p.From.After(due) })
}

// pause stops the clock from today.
func (x *change) pause() {
	if !x.pausedNow() {
		x.pub.Pauses = append(x.pub.Pauses, pause{From: x.today})
	}
}

// resume lets the clock go on: the answer has come.
func (x *change) resume() {
	for i := range x.pub.Pauses {
		if x.pub.Pauses[i].To.IsZero() {
			x.pub.Pauses[i].To = x.today
		}
	}
}

// current fails with ErrConflict when a case was changed since it was read: somebody may have withdrawn it, and what the engine does then cannot be undone.
func (d *Desk) current(ctx context.Context, actor gdpr.Actor, c *gdpr.CaseFile) error {
	now, err := d.session(actor, c.Number).CaseFile(ctx, c.Kind, c.ID)
	if err == nil && (now.Rev != c.Rev || now.Closed != c.Closed) {
		err = gdpr.ErrConflict
	}
	return err
}

func wrap(act string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	return nil
}
