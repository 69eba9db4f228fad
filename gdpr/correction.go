package gdpr

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// An event is never changed: whoever learns better records it again, with the day on which it was in truth. To an earlier day that is free, and may make data
// overdue at once, which the next sweep erases. To a later day, or when what had ended goes on, data lives longer than was promised: a second person,
// who may decide, approves it (REQUIREMENTS 3.1, 4.18).

// approvedBy wants an approver other than whoever acts, with the right to decide.
func (a *act) approvedBy(ctx context.Context, approver Actor, activities ...string) error {
	switch {
	case approver == (Actor{}):
		return refuse("Event.Approver", "missing: data would live longer, and somebody else must approve that")
	case !approver.IsPerson():
		return refuse("Event.Approver", "not a person")
	case approver.kind == a.s.actor.kind && approver.name == a.s.actor.name:
		return refuse("Event.Approver", "is the one who acts: somebody else must approve")
	}
	if err := approver.check(); err != nil {
		return refuse("Event.Approver", "not one line of text")
	}
	other := &act{s: a.s.e.As(approver, a.s.purpose), now: a.now, action: a.action}
	if err := other.may(ctx, mayDecide, activities...); err != nil {
		return err
	}
	a.files = append(a.files, other.files...)
	return nil
}

// endOf is the day on which an agreement or assignment ended, by its events; zero while it goes on.
func (e *Engine) endOf(ctx context.Context, object ID, kind retention.Event) (civil.Date, error) {
	events, err := e.store.EventsOf(ctx, object)
	if err != nil {
		return civil.Date{}, err
	}
	var day civil.Date
	for _, row := range events {
		var body eventBody
		if json.Unmarshal(row.Body, &body) != nil {
			return civil.Date{}, errors.New("decode event: not of format 1")
		}
		switch body.Kind {
		case kind:
			day = body.Day
		case Reopened:
			day = civil.Date{}
		}
	}
	return day, nil
}

// mayCorrect checks an event about what has ended already, or goes on again: a later day needs an approver. It returns whether the event replaces what was known.
func (a *act) mayCorrect(ctx context.Context, ev Event, object ID, kind retention.Event, over bool, activities []string) (corrects bool, err error) {
	if len(activities) == 0 {
		activities = a.s.e.heads()
	}
	switch {
	case ev.Kind == Reopened && !over:
		return false, refuse("Event", "reopens what has not ended")
	case ev.Kind == Reopened:
		return true, a.approvedBy(ctx, ev.Approver, activities...)
	case ev.Kind != kind || !over:
		return false, nil
	}
	was, err := a.s.e.endOf(ctx, object, kind)
	switch {
	case err != nil:
		return false, err
	case was == ev.Day:
		return false, ErrConflict
	case was.IsZero() || ev.Day.After(was):
		return true, a.approvedBy(ctx, ev.Approver, activities...)
	}
	return true, nil
}

// later wants an approver when an event of a record that was recorded before, with another day, lets a part live longer.
func (a *act) later(ctx context.Context, p *storage.Part, ev Event) error {
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	if have, ok := f.Days[ev.Kind]; !ok || !ev.Day.After(have) {
		return nil
	}
	before, err := a.s.e.judge(ctx, p)
	if err != nil {
		return err
	}
	next := *p
	f.set(ev.Kind, ev.Day)
	next.Facts = f.encode()
	after, err := a.s.e.judge(ctx, &next)
	if err != nil || before.Wake.IsZero() || !after.Wake.IsZero() && !after.Wake.After(before.Wake) {
		return err
	}
	return a.approvedBy(ctx, ev.Approver, p.Family)
}
