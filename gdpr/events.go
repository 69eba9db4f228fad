package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// Event starts or ends something for one object: exactly one of Record, Subject, Agreement and Assignment is set.
// Events are append-only (REQUIREMENTS 3.1).
type Event struct {
	Kind retention.Event
	// Day is when it happened. Defaults to today; an event of the register's own may lie ahead.
	Day civil.Date

	Record     ID
	Subject    Identity // a person, for what ends a purpose or instructs to erase
	Agreement  ID
	Assignment ID

	// Purpose is the purpose that ended. Defaults to the session's.
	Purpose string
	// By is the controller's own date for an instruction to erase, when it is earlier than the terms' limit (EPM-8.1).
	By civil.Date
	// Approver is the second person who agrees that data lives longer: an event recorded again with a later day, or Reopened.
	Approver Actor
	// Note says what it rests on, sealed: it may name a person.
	Note string
}

// String returns the kind; the rest may be personal.
func (ev Event) String() string { return string(ev.Kind) + " " + redacted }

// Format prints String for every verb.
func (ev Event) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(ev.String())) }

// LogValue is String.
func (ev Event) LogValue() slog.Value { return slog.StringValue(ev.String()) }

// MarshalJSON fails.
func (ev Event) MarshalJSON() ([]byte, error) { return nil, errMarshal }

type eventBody struct {
	V        int             `json:"v"`
	Kind     retention.Event `json:"kind"`
	Day      civil.Date      `json:"day"`
	Purpose  string          `json:"purpose,omitempty"`
	By       civil.Date      `json:"by,omitzero"`
	Other    ID              `json:"other,omitzero"` // the agreement or assignment that was named
	Approver string          `json:"approver,omitempty"`
	Note     []byte          `json:"note,omitempty"`
}

// RecordEvent notes that something happened and dates what hangs on it. For an agreement or an assignment it costs the same
// whether 3 or 3 million records hang on it.
func (s *Session) RecordEvent(ctx context.Context, ev Event) error {
	err := again(ctx, func() error {
		a, err := s.begin("RecordEvent")
		if err != nil {
			return err
		}
		if ev.Day.IsZero() {
			ev.Day = s.e.day(a.now)
		}
		if err := s.e.checkEvent(&ev, a.now, s.purpose); err != nil {
			return err
		}
		switch {
		case !ev.Agreement.IsZero() && ev.Record.IsZero():
			return a.agreementEvent(ctx, ev)
		case !ev.Assignment.IsZero() && ev.Record.IsZero():
			return a.assignmentEvent(ctx, ev)
		}
		return a.partsEvent(ctx, ev)
	})
	if err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	return nil
}

func (e *Engine) checkEvent(ev *Event, now time.Time, purpose string) error {
	if err := checkDay("Event.Day", ev.Day); err != nil {
		return err
	}
	_, own := e.reg.Events[ev.Kind]
	if !own && ev.Day.After(e.day(now)) {
		return refuse("Event.Day", "in the future: only the register's own events may lie ahead")
	}
	if !ev.By.IsZero() {
		if ev.Kind != ErasureInstructed {
			return refuse("Event.By", "is for an instruction to erase")
		}
		if err := checkDay("Event.By", ev.By); err != nil {
			return err
		}
		if ev.By.Before(ev.Day) {
			return refuse("Event.By", "before the instruction")
		}
	}
	if err := e.checkNote("Event.Note", ev.Note); err != nil {
		return err
	}
	objects := 0
	for _, set := range []bool{!ev.Record.IsZero(), !ev.Subject.IsZero(), !ev.Agreement.IsZero() && ev.Kind != AgreementNamed, !ev.Assignment.IsZero() && ev.Kind != AgreementNamed} {
		if set {
			objects++
		}
	}
	if objects != 1 {
		return refuse("Event", "names exactly one of Record, Subject, Agreement and Assignment")
	}
	toParts := !ev.Record.IsZero() || !ev.Subject.IsZero()
	switch ev.Kind {
	case AssignmentEnded:
		if ev.Assignment.IsZero() {
			return refuse("Event.Assignment", "missing: which assignment ended")
		}
	case AgreementEnded:
		if ev.Agreement.IsZero() {
			return refuse("Event.Agreement", "missing: which agreement ended")
		}
	case ErasureInstructed:
		if !ev.Assignment.IsZero() {
			return refuse("Event.Assignment", "an instruction covers an agreement, a person or a record")
		}
	case PurposeEnded, ConsentWithdrawn, ObjectionUpheld:
		if !toParts {
			return refuse("Event.Record", "missing: a purpose ends for a record or a person")
		}
		if ev.Purpose == "" && purpose != SubjectRights && purpose != Retention {
			ev.Purpose = purpose
		}
		if _, ok := e.reg.Activity(ev.Purpose); !ok {
			return refuse("Event.Purpose", "not an activity of the register")
		}
	case Reopened:
		switch {
		case toParts:
			return refuse("Event", "names an Agreement or an Assignment: only these are reopened")
		case ev.Note == "":
			return refuse("Event.Note", "missing: why it goes on")
		}
	case AgreementNamed:
		if ev.Record.IsZero() || ev.Agreement.IsZero() && ev.Assignment.IsZero() {
			return refuse("Event", "names a Record, and the Agreement or Assignment it is under")
		}
	default:
		if !own {
			return refuse("Event.Kind", "neither built in nor declared under events")
		}
		if ev.Record.IsZero() {
			return refuse("Event.Record", "missing: an event of the register's own belongs to a record")
		}
	}
	return nil
}

// partsEvent is an event of a record or a person: it goes into the clocks of each part that it is about.
func (a *act) partsEvent(ctx context.Context, ev Event) error {
	e := a.s.e
	ability := mayWrite
	if a.s.purpose == SubjectRights {
		ability = mayDecide
	}
	object, parts, err := a.partsOf(ctx, ev)
	if !ev.Subject.IsZero() && errors.Is(err, ErrNotFound) { // who may not act does not learn whether the person is known
		if refusal := a.may(ctx, ability, e.heads()...); refusal != nil {
			return refusal
		}
	}
	if err != nil {
		return err
	}
	if ev.Kind == ObjectionUpheld && !ev.Record.IsZero() {
		if parts, err = a.allMarketed(ctx, parts, ev.Purpose); err != nil {
			return err
		}
	}
	families := []string{}
	for _, p := range parts {
		if !slices.Contains(families, p.Family) {
			families = append(families, p.Family)
		}
	}
	if err := a.may(ctx, ability, families...); err != nil {
		return err
	}
	var named *owner
	if ev.Kind == AgreementNamed {
		l := e.layouts[parts[0].Family]
		if l == nil {
			return refuse("Event.Record", "its activity is not in the register any more")
		}
		if named, err = e.findOwner(ctx, l, ev.Agreement, ev.Assignment); err != nil {
			return err
		}
		f, err := decodeFacts(parts[0].Facts)
		if err != nil {
			return err
		}
		if err := named.open(f.Collected); err != nil {
			return refuse("Event", "names an agreement or assignment that had ended before the record was collected")
		}
	}
	b := &storage.Batch{}
	for i := range parts {
		if err := a.mayMoveBack(ctx, &parts[i], ev); err != nil {
			return err
		}
		if err := a.later(ctx, &parts[i], ev); err != nil {
			return err
		}
		if err := a.retime(ctx, b, &parts[i], ev, named); err != nil {
			return err
		}
	}
	if len(b.RetimeParts) == 0 {
		return refuse("Event", "concerns none of the data of that record or person")
	}
	if act, ok := e.reg.Activity(ev.Purpose); ok && ev.Kind == ObjectionUpheld && act.DirectMarketing != nil {
		if err := a.neverAgain(ctx, b, parts, ev.Purpose); err != nil {
			return err
		}
	}
	var other ID
	if named != nil {
		other = named.id()
		b.Files = append(b.Files, named.files...)
		named.pin(b)
	}
	if err := e.putEvent(ctx, b, parts[0].Controller, object, ev, other, a.now); err != nil {
		return err
	}
	kind := "record"
	if ev.Record.IsZero() {
		kind = "subject"
	}
	return a.commit(ctx, b, audit.Entry{Why: string(ev.Kind), Count: len(b.RetimeParts), Objects: []string{audit.Object(kind, object)}})
}

// partsOf are the parts that an event of a record or person is about.
func (a *act) partsOf(ctx context.Context, ev Event) (object ID, parts []storage.Part, err error) {
	e := a.s.e
	if !ev.Record.IsZero() {
		if parts, err = e.store.Record(ctx, ev.Record); err != nil {
			return ID{}, nil, err
		}
		if len(parts) == 0 {
			return ID{}, nil, e.gone(ctx, ev.Record, a.s.agreement)
		}
		object = ev.Record
	} else {
		row, err := a.oneSubject(ctx, ev.Subject)
		if err != nil {
			return ID{}, nil, err
		}
		object = row.ID
		if parts, err = e.partsOfSubject(ctx, object); err != nil {
			return ID{}, nil, err
		}
		if len(parts) == 0 {
			return ID{}, nil, ErrNotFound
		}
		// Of a person whose data is under several agreements it is about that of the session.
		mine := slices.DeleteFunc(slices.Clone(parts), func(p storage.Part) bool { return Role(p.Role).ForOther() && p.Agreement != a.s.agreement })
		if len(mine) > 0 {
			parts = mine
		}
	}
	for _, p := range parts {
		processor := Role(p.Role).ForOther()
		if processor && (a.s.agreement.IsZero() || p.Agreement != a.s.agreement) {
			return ID{}, nil, a.refused(ctx, fmt.Errorf("%w: a processor acts under the agreement of the data", ErrNotAllowed), nil)
		}
		if ev.Kind == ErasureInstructed && !processor {
			return ID{}, nil, refuse("Event.Kind", "only a processor's controller instructs to erase")
		}
	}
	return object, parts, nil
}

// retime puts an event into the clocks of one part.
func (a *act) retime(ctx context.Context, b *storage.Batch, p *storage.Part, ev Event, named *owner) error {
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	switch ev.Kind {
	case PurposeEnded, ConsentWithdrawn, ObjectionUpheld:
		if !slices.Contains(p.Purposes, ev.Purpose) {
			return nil
		}
		f.end(ev.Purpose, ended{Day: ev.Day, AtOnce: ev.Kind != PurposeEnded})
	case AgreementNamed:
		if !p.Agreement.IsZero() {
			return fmt.Errorf("%w: the record is already under an agreement", ErrConflict)
		}
		p.Agreement, p.Assignment, p.Owner = named.agreement.ID, named.assignment, named.id()
		p.Schedule, p.Hangs = named.schedule, true
	case ErasureInstructed:
		if have, ok := f.Days[ev.Kind]; !ok || ev.Day.Before(have) { // a second instruction gives no new period
			f.set(ev.Kind, ev.Day)
		}
		if !ev.By.IsZero() && (f.By.IsZero() || ev.By.Before(f.By)) {
			f.By = ev.By
		}
	default:
		f.set(ev.Kind, ev.Day)
	}
	p.Facts = f.encode()
	if err := a.s.e.date(ctx, p); err != nil {
		return err
	}
	b.RetimeParts = append(b.RetimeParts, retimeOf(p))
	return nil
}

// retimeOf stores what a part's row says now, on condition that nobody changed it since it was read.
func retimeOf(p *storage.Part) storage.Retime {
	return storage.Retime{PartRef: p.PartRef, Rev: p.Rev, Agreement: p.Agreement, Assignment: p.Assignment, Owner: p.Owner, Hangs: p.Hangs,
		Due: p.Due, Restricted: p.Restricted, Purposes: p.Purposes, Facts: p.Facts}
}

// end notes that a purpose ended; what law ends at once stays so.
func (f *facts) end(purpose string, how ended) {
	all := make(map[string]ended, len(f.Ended)+1)
	for k, v := range f.Ended {
		all[k] = v
	}
	if was, ok := all[purpose]; ok {
		how.AtOnce = how.AtOnce || was.AtOnce
		if was.Day.Before(how.Day) {
			how.Day = was.Day
		}
	}
	all[purpose] = how
	f.Ended = all
}

// putEvent appends the event's row; its note is sealed under the controller's keyset.
func (e *Engine) putEvent(ctx context.Context, b *storage.Batch, controller, object ID, ev Event, other ID, now time.Time) error {
	id := storage.NewID()
	body := eventBody{V: 1, Kind: ev.Kind, Day: ev.Day, Purpose: ev.Purpose, By: ev.By, Other: other}
	if ev.Approver != (Actor{}) {
		body.Approver = ev.Approver.String()
	}
	if ev.Note != "" {
		var err error
		if body.Note, err = e.sealBody(ctx, controller, "event", id, 1, sealedText{ev.Note}); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return errors.New("encode event: not JSON")
	}
	b.PutEvents = append(b.PutEvents, storage.Event{ID: id, Object: object, At: now, Body: encoded})
	return nil
}

// endedBy adds the purposes that events of a record or person have ended since a record was stored: what was said before was of what there was then.
func (e *Engine) endedBy(ctx context.Context, object ID, since time.Time, f *facts) error {
	events, err := e.store.EventsOf(ctx, object)
	if err != nil {
		return err
	}
	for _, row := range events {
		if row.At.Before(since) {
			continue
		}
		var body eventBody
		if json.Unmarshal(row.Body, &body) != nil {
			return errors.New("decode event: not of format 1")
		}
		switch body.Kind {
		case PurposeEnded, ConsentWithdrawn, ObjectionUpheld:
			f.end(body.Purpose, ended{Day: body.Day, AtOnce: body.Kind != PurposeEnded})
		}
	}
	return nil
}

// mayMoveBack lets only those decide who may, when a correction moves the start of a duty to keep something to an earlier day (REQUIREMENTS 4.18).
func (a *act) mayMoveBack(ctx context.Context, p *storage.Part, ev Event) error {
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	if have, ok := f.Days[ev.Kind]; ok && ev.Day.Before(have) && a.s.e.floorCounts(p.Purposes, ev.Kind) {
		return a.may(ctx, mayDecide, p.Family)
	}
	return nil
}

// floorCounts reports whether a floor of any of the purposes counts from an event.
func (e *Engine) floorCounts(purposes []string, ev retention.Event) bool {
	for _, p := range purposes {
		if act, ok := e.reg.Activity(p); ok && act.Keep != nil && act.Keep.Event == ev {
			return true
		}
	}
	return false
}
