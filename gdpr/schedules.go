package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// agreementEvent ends an agreement or takes an instruction for all that is held under it.
func (a *act) agreementEvent(ctx context.Context, ev Event) error {
	e := a.s.e
	g, err := e.agreementOf(ctx, ev.Agreement)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse("Event.Agreement", "no such agreement")
	}
	if err != nil {
		return err
	}
	if err := a.administer(ctx, g.Activities...); err != nil {
		return err
	}
	over := g.state == stateEnded
	corrects, err := a.mayCorrect(ctx, ev, ev.Agreement, AgreementEnded, over, g.Activities)
	if errors.Is(err, ErrConflict) {
		return fmt.Errorf("%w: the agreement has already ended that day", ErrConflict)
	}
	if err != nil {
		return err
	}
	if ev.Kind == ErasureInstructed && g.Terms == "" {
		return refuse("Event.Agreement", "has no terms: only a processor's controller instructs to erase")
	}
	if ev.Day.Before(g.From) {
		return refuse("Event.Day", "before the agreement began")
	}
	b := &storage.Batch{Files: []storage.FileCond{g.cond()}}
	if ev.Kind == AgreementEnded || ev.Kind == Reopened {
		f := g.file
		f.Rev++
		f.State = stateEnded
		if ev.Kind == Reopened {
			f.State = stateActive
		}
		b.Files, b.PutFiles = nil, []storage.File{f}
	}
	return a.onSchedules(ctx, b, g, ev, corrects)
}

// instruct notes an instruction to erase everything under an agreement.
func (a *act) instruct(ctx context.Context, b *storage.Batch, g *agreement, ev Event) error {
	b.Files = append(b.Files, g.cond())
	return a.onSchedules(ctx, b, g, ev, false)
}

// onSchedules puts an event into the clocks of an agreement and of its assignments, and commits.
func (a *act) onSchedules(ctx context.Context, b *storage.Batch, g *agreement, ev Event, corrects bool) error {
	e := a.s.e
	owners := []ID{ev.Agreement}
	assignments, err := e.assignmentsOf(ctx, ev.Agreement)
	if err != nil {
		return err
	}
	owners = append(owners, assignments...)
	for i, owner := range owners {
		if err := a.reschedule(ctx, b, owner, g.ID, i > 0, ev, AgreementEnded, corrects); err != nil {
			return err
		}
	}
	if err := e.putEvent(ctx, b, g.Party, ev.Agreement, ev, ID{}, a.now); err != nil {
		return err
	}
	err = a.commit(ctx, b, audit.Entry{Agreement: ev.Agreement, Why: string(ev.Kind), Objects: []string{audit.Object(fileAgreement, ev.Agreement)}})
	e.cache.dropAgreement(ev.Agreement)
	return err
}

// assignmentsOf are the ids of an agreement's assignments.
func (e *Engine) assignmentsOf(ctx context.Context, agreement ID) ([]ID, error) {
	var out []ID
	q := storage.FileQuery{Kind: fileAssignment, Parents: []ID{agreement}, Limit: 1000}
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			out = append(out, f.ID)
		}
		if len(files) < q.Limit {
			return out, nil
		}
		q.After = files[len(files)-1].ID
	}
}

// reschedule puts an event into the clocks of one owner. One that corrects replaces the day of what ended; Reopened takes it away.
func (a *act) reschedule(ctx context.Context, b *storage.Batch, owner, agreement ID, isAssignment bool, ev Event, end retention.Event, corrects bool) error {
	e := a.s.e
	schedules, err := e.store.SchedulesOf(ctx, owner)
	if err != nil {
		return err
	}
	for _, sc := range schedules {
		l := e.layouts[sc.Family]
		if l != nil && ev.Kind == ErasureInstructed && !l.head.Processor() {
			continue
		}
		f, err := decodeFacts(sc.Facts)
		if err != nil {
			return err
		}
		have, ok := f.Days[ev.Kind]
		switch {
		case ev.Kind == Reopened:
			f.unset(end)
		case corrects:
			f.set(ev.Kind, ev.Day)
		case ok && ev.Kind == ErasureInstructed && ev.Day.After(have): // a later instruction covers more
			f.set(ev.Kind, ev.Day)
			f.By = civil.Date{}
		case !ok || ev.Kind != ErasureInstructed && ev.Day.Before(have):
			f.set(ev.Kind, ev.Day)
		}
		if !ev.By.IsZero() && (f.By.IsZero() || ev.By.Before(f.By)) {
			f.By = ev.By
		}
		sc.Facts, sc.Due = f.encode(), time.Time{}
		if l != nil { // an activity that has left the register may come back: then its parts are dated anew, by what is known
			if sc.Due, err = e.scheduleDue(ctx, l, agreement, isAssignment, f); err != nil {
				return err
			}
		}
		sc.Rev++
		b.PutSchedules = append(b.PutSchedules, sc)
	}
	return nil
}

// assignmentEvent ends an assignment.
func (a *act) assignmentEvent(ctx context.Context, ev Event) error {
	e := a.s.e
	f, err := e.store.File(ctx, fileAssignment, ev.Assignment)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse("Event.Assignment", "no such assignment")
	}
	if err != nil {
		return err
	}
	g, err := e.agreementOf(ctx, f.Parent)
	if err != nil {
		return err
	}
	if err := a.administer(ctx, g.Activities...); err != nil {
		return err
	}
	corrects, err := a.mayCorrect(ctx, ev, ev.Assignment, AssignmentEnded, f.State == stateEnded, g.Activities)
	if errors.Is(err, ErrConflict) {
		return fmt.Errorf("%w: the assignment has already ended that day", ErrConflict)
	}
	if err != nil {
		return err
	}
	if ev.Day.Before(g.From) {
		return refuse("Event.Day", "before the agreement began")
	}
	b := &storage.Batch{}
	if err := a.reschedule(ctx, b, ev.Assignment, f.Parent, true, ev, AssignmentEnded, corrects); err != nil {
		return err
	}
	f.Rev++
	f.State = stateEnded
	if ev.Kind == Reopened {
		if g.state != stateActive {
			return refuse("Event.Assignment", "is of an agreement that has ended: reopen that first")
		}
		f.State, b.Files = stateActive, []storage.FileCond{g.cond()}
	}
	b.PutFiles = []storage.File{f}
	if err := e.putEvent(ctx, b, g.Party, ev.Assignment, ev, ID{}, a.now); err != nil {
		return err
	}
	return a.commit(ctx, b, audit.Entry{Agreement: f.Parent, Why: string(ev.Kind), Objects: []string{audit.Object(fileAssignment, ev.Assignment)}})
}

// newSchedules are the clocks of a new agreement or assignment: one line for each family whose records may name it.
func (e *Engine) newSchedules(owner ID, activities []string) []storage.Schedule {
	var out []storage.Schedule
	for head, l := range e.layouts {
		if l.head.Processor() && !slices.ContainsFunc(l.purposes, func(p string) bool { return slices.Contains(activities, p) }) {
			continue
		}
		out = append(out, storage.Schedule{Owner: owner, Family: head, Rev: 1, Facts: []byte("{}")})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Family < out[j].Family })
	return out
}

// ofSchedule reports whether an event happens to an agreement or assignment, not to a record.
func ofSchedule(ev retention.Event) bool {
	return ev == retention.AssignmentEnded || ev == retention.AgreementEnded || ev == retention.ErasureInstructed
}

// scheduleDue is the first instant at which a schedule's events let a part of the family go; zero while none has happened.
func (e *Engine) scheduleDue(ctx context.Context, l *layout, agreement ID, isAssignment bool, f facts) (time.Time, error) {
	pol, err := e.policies(ctx, l.purposes, agreement)
	if err != nil {
		return time.Time{}, err
	}
	var first time.Time
	rf := retention.Facts{Agreement: !agreement.IsZero(), Assignment: isAssignment, InstructedBy: f.By, Days: f.Days}
	for _, p := range pol {
		// Each rule by itself, without floors: it wakes the parts, and their own clocks decide.
		rules := p.Erase
		if p.Keep != nil { // what only a floor still keeps goes at its end
			rules = append(slices.Clone(rules), *p.Keep)
		}
		for _, r := range rules {
			if !ofSchedule(r.Event) {
				continue
			}
			v := retention.Judge([]retention.Policy{{Purpose: p.Purpose, Erase: []retention.Rule{r}}}, rf, e.zone)
			if !v.Wake.IsZero() && (first.IsZero() || v.Wake.Before(first)) {
				first = v.Wake
			}
		}
	}
	return first, nil
}

// inherit gives the clocks of a new assignment what its agreement's clocks already know, such as an instruction to erase.
func (e *Engine) inherit(ctx context.Context, clocks []storage.Schedule, agreement ID) ([]storage.Schedule, error) {
	known, err := e.store.SchedulesOf(ctx, agreement)
	if err != nil {
		return nil, err
	}
	for i := range clocks {
		for _, sc := range known {
			if sc.Family != clocks[i].Family {
				continue
			}
			f, err := decodeFacts(sc.Facts)
			if err != nil {
				return nil, err
			}
			clocks[i].Facts = f.encode()
			if clocks[i].Due, err = e.scheduleDue(ctx, e.layouts[sc.Family], agreement, true, f); err != nil {
				return nil, err
			}
		}
	}
	return clocks, nil
}
