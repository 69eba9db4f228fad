package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// Note says what it rests on, sealed: it may name a person.
	Note string
}

// String returns the kind; the rest may be personal.
func (ev Event) String() string { return string(ev.Kind) + " " + redacted }

// Format prints String for every verb.
func (ev Event) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(ev.String())) }

// MarshalJSON fails.
func (ev Event) MarshalJSON() ([]byte, error) { return nil, errMarshal }

type eventBody struct {
	V       int             `json:"v"`
	Kind    retention.Event `json:"kind"`
	Day     civil.Date      `json:"day"`
	Purpose string          `json:"purpose,omitempty"`
	By      civil.Date      `json:"by,omitzero"`
	Other   ID              `json:"other,omitzero"` // the agreement or assignment that was named
	Note    []byte          `json:"note,omitempty"`
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
	if ev.Note != "" {
		if _, err := appendValue(nil, ev.Note, "Event.Note", 0); err != nil {
			return err
		}
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
	if ev.Kind == AgreementEnded && g.state == stateEnded {
		return fmt.Errorf("%w: the agreement has already ended", ErrConflict)
	}
	if ev.Kind == ErasureInstructed && g.Terms == "" {
		return refuse("Event.Agreement", "has no terms: only a processor's controller instructs to erase")
	}
	if ev.Day.Before(g.From) {
		return refuse("Event.Day", "before the agreement began")
	}
	b := &storage.Batch{Files: []storage.FileCond{g.cond()}}
	if ev.Kind == AgreementEnded {
		f := g.file
		f.Rev++
		f.State = stateEnded
		b.Files, b.PutFiles = nil, []storage.File{f}
	}
	owners := []ID{ev.Agreement}
	assignments, err := e.assignmentsOf(ctx, ev.Agreement)
	if err != nil {
		return err
	}
	owners = append(owners, assignments...)
	for i, owner := range owners {
		if err := a.reschedule(ctx, b, owner, g.ID, i > 0, ev); err != nil {
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

// reschedule puts an event into the clocks of one owner.
func (a *act) reschedule(ctx context.Context, b *storage.Batch, owner, agreement ID, isAssignment bool, ev Event) error {
	e := a.s.e
	schedules, err := e.store.SchedulesOf(ctx, owner)
	if err != nil {
		return err
	}
	for _, sc := range schedules {
		l := e.layouts[sc.Family]
		if l == nil {
			continue
		}
		if ev.Kind == ErasureInstructed && !l.head.Processor() {
			continue
		}
		f, err := decodeFacts(sc.Facts)
		if err != nil {
			return err
		}
		if have, ok := f.Days[ev.Kind]; !ok || ev.Day.Before(have) {
			f.set(ev.Kind, ev.Day)
		}
		if !ev.By.IsZero() && (f.By.IsZero() || ev.By.Before(f.By)) {
			f.By = ev.By
		}
		sc.Facts = f.encode()
		if sc.Due, err = e.scheduleDue(ctx, l, agreement, isAssignment, f); err != nil {
			return err
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
	if f.State == stateEnded {
		return fmt.Errorf("%w: the assignment has already ended", ErrConflict)
	}
	b := &storage.Batch{}
	if err := a.reschedule(ctx, b, ev.Assignment, f.Parent, true, ev); err != nil {
		return err
	}
	f.Rev++
	f.State = stateEnded
	b.PutFiles = []storage.File{f}
	if err := e.putEvent(ctx, b, g.Party, ev.Assignment, ev, ID{}, a.now); err != nil {
		return err
	}
	return a.commit(ctx, b, audit.Entry{Agreement: f.Parent, Why: string(ev.Kind), Objects: []string{audit.Object(fileAssignment, ev.Assignment)}})
}

// partsEvent is an event of a record or a person: it goes into the clocks of each part that it is about.
func (a *act) partsEvent(ctx context.Context, ev Event) error {
	e := a.s.e
	object, parts, err := a.partsOf(ctx, ev)
	if err != nil {
		return err
	}
	families := []string{}
	for _, p := range parts {
		if !slices.Contains(families, p.Family) {
			families = append(families, p.Family)
		}
	}
	ability := mayWrite
	if a.s.purpose == SubjectRights {
		ability = mayDecide
	}
	if err := a.may(ctx, ability, families...); err != nil {
		return err
	}
	var named *owner
	if ev.Kind == AgreementNamed {
		if named, err = e.findOwner(ctx, e.layouts[parts[0].Family], ev.Agreement, ev.Assignment); err != nil {
			return err
		}
	}
	b := &storage.Batch{}
	for i := range parts {
		if err := a.retime(ctx, b, &parts[i], ev, named); err != nil {
			return err
		}
	}
	if len(b.RetimeParts) == 0 {
		return refuse("Event", "concerns none of the data of that record or person")
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
		if object, err = a.oneSubject(ctx, ev.Subject); err != nil {
			return ID{}, nil, err
		}
		if parts, err = e.partsOfSubject(ctx, object); err != nil {
			return ID{}, nil, err
		}
		if len(parts) == 0 {
			return ID{}, nil, ErrNotFound
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

// oneSubject is the person that an identity leads to: exactly one of the session's controller.
func (a *act) oneSubject(ctx context.Context, who Identity) (ID, error) {
	e := a.s.e
	of := *a
	session := *a.s
	of.s = &session
	if session.purpose == SubjectRights {
		session.purpose = Retention // own controller only: SubjectRights executes in the controller role alone
	}
	subjects, _, err := of.locate(ctx, who)
	if err != nil {
		return ID{}, err
	}
	switch len(subjects) {
	case 0:
		return ID{}, ErrNotFound
	case 1:
		if _, err := e.store.Subject(ctx, subjects[0]); err != nil {
			if errors.Is(err, storage.ErrNotFound) {
				return ID{}, e.goneSubject(ctx, subjects[0])
			}
			return ID{}, err
		}
		return subjects[0], nil
	}
	return ID{}, fmt.Errorf("%w: the identifiers lead to several persons", ErrConflict)
}

// goneSubject is ErrErased for a person whose key has a tombstone, else ErrNotFound.
func (e *Engine) goneSubject(ctx context.Context, id ID) error {
	rows, err := e.keys.SubjectKeys(ctx, []ID{id})
	if err != nil {
		return err
	}
	if len(rows) == 1 && rows[0].Destroyed {
		return ErrErased
	}
	return ErrNotFound
}

// partsOfSubject are all parts of one person, without content.
func (e *Engine) partsOfSubject(ctx context.Context, subject ID) ([]storage.Part, error) {
	var out []storage.Part
	q := storage.PartQuery{Subjects: []ID{subject}, Light: true, Limit: 1000}
	for {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
		if len(parts) < q.Limit {
			return out, nil
		}
		q.After = parts[len(parts)-1].PartRef
	}
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
		f.set(ev.Kind, ev.Day)
		if !ev.By.IsZero() {
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
