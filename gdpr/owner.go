package gdpr

import (
	"context"
	"errors"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// owner is the agreement or assignment that dates a record, with its clock.
type owner struct {
	agreement  *agreement
	assignment ID
	files      []storage.FileCond
	schedule   *storage.Schedule
}

// owner returns the agreement or assignment that dates a record, each asked for once a batch.
func (in *intake) owner(ctx context.Context, agreementID, assignment ID) (*owner, error) {
	key := assignment
	if key.IsZero() {
		key = agreementID
	}
	if key.IsZero() {
		return nil, nil
	}
	if o, ok := in.owners[key]; ok {
		if !agreementID.IsZero() && o.agreement.ID != agreementID {
			return nil, refuse("Assignment", "belongs to another agreement")
		}
		return o, nil
	}
	o, err := in.e.findOwner(ctx, in.l, agreementID, assignment)
	if err != nil {
		return nil, err
	}
	in.owners[key] = o
	return o, nil
}

func (e *Engine) findOwner(ctx context.Context, l *layout, agreementID, assignment ID) (*owner, error) {
	o := &owner{assignment: assignment}
	if !assignment.IsZero() {
		f, err := e.store.File(ctx, fileAssignment, assignment)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, refuse("Assignment", "no such assignment")
		}
		if err != nil {
			return nil, err
		}
		if !agreementID.IsZero() && f.Parent != agreementID {
			return nil, refuse("Assignment", "belongs to another agreement")
		}
		agreementID = f.Parent
	}
	g, err := e.agreementOf(ctx, agreementID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse("Agreement", "no such agreement")
	}
	if err != nil {
		return nil, err
	}
	o.agreement = g
	o.files = []storage.FileCond{g.cond()}
	schedules, err := e.store.SchedulesOf(ctx, o.id())
	if err != nil {
		return nil, err
	}
	for i := range schedules {
		if schedules[i].Family == l.head.ID {
			o.schedule = &schedules[i]
		}
	}
	if o.schedule == nil {
		o.schedule, err = e.lateSchedule(ctx, l, o, schedules)
	}
	return o, err
}

// lateSchedule is the clock of a family that the register got after the agreement or assignment: the ends are those that its other clocks know.
func (e *Engine) lateSchedule(ctx context.Context, l *layout, o *owner, others []storage.Schedule) (*storage.Schedule, error) {
	var f facts
	for _, sc := range others {
		known, err := decodeFacts(sc.Facts)
		if err != nil {
			return nil, err
		}
		for _, ev := range []retention.Event{retention.AssignmentEnded, retention.AgreementEnded, retention.ErasureInstructed} {
			if day, has := known.Days[ev]; has && (ev != retention.ErasureInstructed || l.head.Processor()) {
				f.set(ev, day)
			}
		}
		if l.head.Processor() && !known.By.IsZero() {
			f.By = known.By
		}
	}
	due, err := e.scheduleDue(ctx, l, o.agreement.ID, !o.assignment.IsZero(), f)
	return &storage.Schedule{Owner: o.id(), Family: l.head.ID, Facts: f.encode(), Due: due}, err
}

// open refuses a record that was collected after its agreement or assignment had ended.
func (o *owner) open(collected civil.Date) error {
	f, err := decodeFacts(o.schedule.Facts)
	if err != nil {
		return err
	}
	for _, ev := range []retention.Event{retention.AssignmentEnded, retention.AgreementEnded} {
		if day, ended := f.Days[ev]; ended && collected.After(day) {
			return refuse("CollectedAt", "after the agreement or assignment had ended")
		}
	}
	return nil
}

// pin adds to a batch that the clock has not changed since it was read, or makes it.
func (o *owner) pin(b *storage.Batch) {
	if o.schedule.Rev > 0 {
		b.Schedules = append(b.Schedules, storage.ScheduleCond{Owner: o.schedule.Owner, Family: o.schedule.Family, Rev: o.schedule.Rev})
		return
	}
	fresh := *o.schedule
	fresh.Rev = 1
	b.PutSchedules = append(b.PutSchedules, fresh)
}

func (o *owner) id() ID {
	if !o.assignment.IsZero() {
		return o.assignment
	}
	return o.agreement.ID
}
