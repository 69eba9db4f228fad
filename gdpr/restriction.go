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
)

// RestrictionGround is why data may only be stored for a while: a letter of Art. 18(1).
type RestrictionGround string

// The grounds.
const (
	AccuracyContested RestrictionGround = "A18-1-a" // while it is found out whether the data is right
	UnlawfulButKeep   RestrictionGround = "A18-1-b" // unlawful, and the person opposes the erasure
	NeededForClaim    RestrictionGround = "A18-1-c" // no longer needed, but the person needs it for a legal claim
	ObjectionPending  RestrictionGround = "A18-1-d" // while an objection by Art. 21(1) is weighed
)

// Valid reports whether the ground is one of the constants.
func (g RestrictionGround) Valid() bool {
	switch g {
	case AccuracyContested, UnlawfulButKeep, NeededForClaim, ObjectionPending:
		return true
	}
	return false
}

// keeps reports whether the person wants the data kept: then a hold goes with the restriction.
func (g RestrictionGround) keeps() bool { return g == UnlawfulButKeep || g == NeededForClaim }

// Restriction says that data about one person may only be stored (Art. 18): what the person has in one Record, or everything about Subject, what comes in later too.
type Restriction struct {
	// Record restricts what one person has in it. Of a record about several, Subject says whose.
	Record ID
	// Subject is the person. Without Record all their data in the session's role is restricted; of a processor, what is under the session's agreement.
	Subject Identity
	// Activity leaves alone what does not serve this purpose, such as for an objection to one purpose. Optional; not with a Record, nor with a ground of 18(1)(b), (c).
	Activity string
	Ground   RestrictionGround
	// ReviewBy is when somebody looks at the hold that comes with 18(1)(b) and (c): at most a year away. Needed with these, refused with the others.
	ReviewBy civil.Date
	// Note is kept sealed under the person's key.
	Note string
}

// String returns the ground; the rest may be personal.
func (r Restriction) String() string { return "restriction " + string(r.Ground) + " " + redacted }

// Format prints String for every verb.
func (r Restriction) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.String())) }

// LogValue is String.
func (r Restriction) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON fails.
func (Restriction) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// Lift ends a restriction.
type Lift struct {
	// Informed is the day on which the person was told that it would be lifted, which comes first (Art. 18(3)).
	Informed civil.Date
}

// RestrictionInfo is a restriction that was placed.
type RestrictionInfo struct {
	ID        ID
	Ground    RestrictionGround
	Record    ID     // zero: all that the person has
	Activity  string // "": whatever it serves
	Agreement ID     // of a processor's
	Hold      ID     // that came with it; zero without one
	Since     civil.Date
	Informed  civil.Date // of the lift
	Lifted    civil.Date // zero while it is in force

	note veiled[string]
}

// Note is what was noted, which may be personal.
func (r RestrictionInfo) Note() string { return *r.note.get() }

type restrictionBody struct {
	personalHead
	Ground     RestrictionGround `json:"ground"`
	Controller ID                `json:"controller"`
	Record     ID                `json:"record,omitzero"`
	Activity   string            `json:"activity,omitempty"`
	Agreement  ID                `json:"agreement,omitzero"`
	Hold       ID                `json:"hold,omitzero"`
	Since      civil.Date        `json:"since"`
	Informed   civil.Date        `json:"informed,omitzero"`
	Lifted     civil.Date        `json:"lifted,omitzero"`
	Sealed     []byte            `json:"sealed,omitempty"`
}

func (r *restrictionBody) info(id ID) RestrictionInfo {
	return RestrictionInfo{ID: id, Ground: r.Ground, Record: r.Record, Activity: r.Activity, Agreement: r.Agreement, Hold: r.Hold, Since: r.Since,
		Informed: r.Informed, Lifted: r.Lifted}
}

// covers reports whether a restriction in force is about a part of its person.
func (r *restrictionBody) covers(p *storage.Part) bool {
	switch {
	case !r.Lifted.IsZero(), !r.Record.IsZero() && p.Record != r.Record, r.Activity != "" && !slices.Contains(p.Purposes, r.Activity):
		return false
	case !r.Agreement.IsZero():
		return p.Agreement == r.Agreement && Role(p.Role).ForOther()
	}
	return !Role(p.Role).ForOther()
}

// Restrict restricts at once: from then on no purpose but SubjectRights reads the data or changes it, in any process (ErrRestricted), and the application is handed
// none of it to anonymize. It is stored, still, and erased at its deadline; only with 18(1)(b) and (c) a hold keeps it. A record that comes in later about a Subject is
// stored and restricted, too. Restrictions add up: data is used again when the last was lifted.
//
// It needs the right to decide, for SubjectRights, and restricts in the controller role. In a processor's purpose, under the agreement of the data, it carries out the
// controller's instruction and needs the right to write. It fails with ErrNotFound when there is nothing to restrict.
func (s *Session) Restrict(ctx context.Context, r Restriction) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.beginRestriction(ctx, "Restrict", mayDecide, mayWrite)
		if err != nil {
			return err
		}
		if err := s.e.checkRestriction(&r, s.e.day(a.now)); err != nil {
			return err
		}
		return a.restrict(ctx, id, &r)
	})
	if err != nil {
		return ID{}, fmt.Errorf("restrict: %w", err)
	}
	return id, nil
}

// beginRestriction begins an act on restrictions: by right, or on a controller's instruction.
func (s *Session) beginRestriction(ctx context.Context, action, byRight, instructed string) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	if s.purpose == SubjectRights {
		return a, a.may(ctx, byRight, s.e.heads()...)
	}
	l := s.e.layouts[s.e.reg.Head(s.purpose)]
	if l == nil || !l.head.Processor() {
		return nil, refuse("Purpose", "restrictions are a matter of SubjectRights, or of a processor's activity")
	}
	if err := a.may(ctx, instructed, s.purpose); err != nil {
		return nil, err
	}
	_, err = a.covering(ctx, l)
	return a, err
}

func (e *Engine) checkRestriction(r *Restriction, today civil.Date) error {
	switch {
	case !r.Ground.Valid():
		return refuse("Restriction.Ground", "not a letter of Art. 18(1)")
	case r.Record.IsZero() && r.Subject.IsZero():
		return refuse("Restriction", "names a Record or a Subject")
	case r.Activity != "" && (!r.Record.IsZero() || r.Ground.keeps()):
		return refuse("Restriction.Activity", "not with a Record, nor with a ground by which the data is kept")
	case !r.Ground.keeps() && !r.ReviewBy.IsZero():
		return refuse("Restriction.ReviewBy", "is for the grounds by which the data is kept, A18-1-b and A18-1-c")
	}
	if _, ok := e.reg.Activity(r.Activity); r.Activity != "" && !ok {
		return refuse("Restriction.Activity", "not an activity of the register")
	}
	if r.Ground.keeps() {
		if why := badReview(r.ReviewBy, today); why != "" {
			return refuse("Restriction.ReviewBy", "%s", why)
		}
	}
	return e.checkNote("Restriction.Note", r.Note)
}

// badReview says why a day is none on which a hold is reviewed; "" if it is.
func badReview(day, today civil.Date) string {
	switch {
	case day.IsZero():
		return "missing: the data is on hold too, and there is no endless hold"
	case !day.Valid() || !day.After(today):
		return "not a day in the future"
	case day.After(civil.Period{Years: 1}.After(today)):
		return "more than a year away"
	}
	return ""
}

// restrict places a restriction in one batch.
func (a *act) restrict(ctx context.Context, id ID, r *Restriction) error {
	e := a.s.e
	row, all, err := a.restrictedPerson(ctx, r)
	if err != nil {
		return err
	}
	body := restrictionBody{personalHead: personalHead{1, ofRestriction}, Ground: r.Ground, Controller: row.Controller, Record: r.Record, Activity: r.Activity,
		Agreement: a.s.agreement, Since: e.day(a.now)}
	b := &storage.Batch{}
	hold := storage.File{Kind: fileHold, ID: storage.NewID(), Rev: 1, Parent: row.ID, State: stateActive}
	held := holdBody{V: 1, Subject: row.ID, Ground: "Art. 18(1), " + string(r.Ground), Owner: a.s.actor.String(), ReviewBy: r.ReviewBy, Placed: a.now}
	if !r.Record.IsZero() {
		hold.Parent, held.Record, held.Subject = r.Record, r.Record, ID{}
	}
	for i := range all {
		p := &all[i]
		if !body.covers(p) {
			continue
		}
		f, err := decodeFacts(p.Facts)
		if err != nil {
			return err
		}
		if p.Restricted && len(f.Restricted) == 0 {
			f.restrict(keptAside)
		}
		f.restrict(id.String())
		p.Facts, p.Restricted = f.encode(), true
		b.RetimeParts = append(b.RetimeParts, retimeOf(p))
		if !held.Record.IsZero() {
			held.Parts = append(held.Parts, p.PartRef)
		}
	}
	if len(b.RetimeParts) == 0 {
		return ErrNotFound
	}
	if r.Ground.keeps() {
		body.Hold, hold.Due = hold.ID, r.ReviewBy.Start(e.zone).UTC()
		if hold.Body, err = json.Marshal(held); err != nil {
			return errors.New("encode hold: not JSON")
		}
		b.PutFiles = append(b.PutFiles, hold)
		for _, ref := range held.Parts {
			b.HoldParts = append(b.HoldParts, storage.PartHold{PartRef: ref, N: 1})
		}
		if held.Record.IsZero() {
			b.HoldSubjects = []storage.Count{{ID: row.ID, N: 1}}
			if err := a.touchFreezes(ctx, b, row.ID); err != nil {
				return err
			}
		}
	}
	if r.Record.IsZero() {
		if err := e.wholePerson(ctx, b, row.ID, all); err != nil {
			return err
		}
	}
	if r.Note != "" {
		if body.Sealed, err = e.sealPersonal(ctx, row.Controller, row.ID, id, sealedText{r.Note}); err != nil {
			return err
		}
	}
	if err := putPersonal(b, storage.File{Kind: filePersonal, ID: id, Parent: row.ID, State: stateActive}, nil, body); err != nil {
		return err
	}
	entry := audit.Entry{Why: string(r.Ground), Count: len(b.RetimeParts), Objects: []string{audit.Object(ofRestriction, id), audit.Object("subject", row.ID)}}
	if !r.Record.IsZero() {
		entry.Objects = append(entry.Objects, audit.Object("record", r.Record))
	}
	return a.commit(ctx, b, entry)
}

// restrictedPerson is the person whom a restriction is about, and those of their parts that it may be on.
func (a *act) restrictedPerson(ctx context.Context, r *Restriction) (row storage.Subject, parts []storage.Part, err error) {
	e := a.s.e
	if r.Record.IsZero() {
		if row, err = a.oneSubject(ctx, r.Subject); err == nil {
			parts, err = e.partsOfSubject(ctx, row.ID)
		}
		return row, parts, err
	}
	if parts, err = e.store.Record(ctx, r.Record); err != nil {
		return row, nil, err
	}
	if len(parts) == 0 {
		return row, nil, e.gone(ctx, r.Record, a.s.agreement)
	}
	for i := range parts {
		p := &parts[i]
		if Role(p.Role).ForOther() && (a.s.agreement.IsZero() || p.Agreement != a.s.agreement) || !Role(p.Role).ForOther() && !a.s.agreement.IsZero() {
			return row, nil, a.refused(ctx, fmt.Errorf("%w: a processor acts under the agreement of the data", ErrNotAllowed), []string{audit.Object("record", r.Record)})
		}
	}
	subject := parts[0].Subject
	if !r.Subject.IsZero() {
		if row, err = a.oneSubject(ctx, r.Subject); err != nil {
			return row, nil, err
		}
		subject = row.ID
	} else if slices.ContainsFunc(parts, func(p storage.Part) bool { return p.Subject != subject }) {
		return row, nil, refuse("Restriction.Subject", "missing: the record is about several persons")
	}
	parts = slices.DeleteFunc(parts, func(p storage.Part) bool { return p.Subject != subject })
	if len(parts) == 0 {
		return row, nil, refuse("Restriction.Subject", "no such person in the record")
	}
	return storage.Subject{ID: subject, Controller: parts[0].Controller}, parts, nil
}

// Unrestrict lifts a restriction, once the person was told (Art. 18(3)), and ends the hold that came with it. Other restrictions on the same data stay, and so does what the engine
// itself keeps aside for a duty. What came due meanwhile is erased by the next sweep. For SubjectRights a person lifts, with the right to decide; a processor
// carries out an instruction. To lift what is lifted does nothing.
func (s *Session) Unrestrict(ctx context.Context, restriction ID, l Lift) error {
	err := again(ctx, func() error {
		a, err := s.beginRestriction(ctx, "Unrestrict", mayDecide, mayWrite)
		if err != nil {
			return err
		}
		if s.purpose == SubjectRights && !s.actor.IsPerson() {
			return a.refused(ctx, fmt.Errorf("%w: to lift a restriction is a person's decision", ErrNotAllowed), nil)
		}
		f, err := s.e.store.File(ctx, filePersonal, restriction)
		if err != nil {
			return err
		}
		var body restrictionBody
		switch ok, err := decodePersonal(&f, ofRestriction, &body); {
		case err != nil:
			return err
		case !ok:
			return ErrNotFound
		case body.Agreement != s.agreement:
			return a.refused(ctx, fmt.Errorf("%w: the restriction is under another agreement", ErrNotAllowed), []string{audit.Object(ofRestriction, restriction)})
		case !body.Lifted.IsZero():
			return nil
		}
		today := s.e.day(a.now)
		switch {
		case l.Informed.IsZero():
			return refuse("Lift.Informed", "missing: the person is told before a restriction is lifted, Art. 18(3)")
		case !l.Informed.Valid() || l.Informed.After(today):
			return refuse("Lift.Informed", "in the future, or not a day")
		case l.Informed.Before(body.Since):
			return refuse("Lift.Informed", "before the restriction")
		}
		body.Informed, body.Lifted = l.Informed, today
		return a.lift(ctx, f, body)
	})
	if err != nil {
		return fmt.Errorf("unrestrict: %w", err)
	}
	return nil
}

// lift takes a restriction off its parts in one batch.
func (a *act) lift(ctx context.Context, f storage.File, body restrictionBody) error {
	e := a.s.e
	b := &storage.Batch{}
	if !body.Hold.IsZero() {
		if err := a.endHoldWith(ctx, b, body.Hold); err != nil {
			return err
		}
	}
	all, err := e.partsOfSubject(ctx, f.Parent)
	if err != nil {
		return err
	}
	lifted := 0
	for i := range all {
		p := &all[i]
		facts, err := decodeFacts(p.Facts)
		if err != nil {
			return err
		}
		if !facts.unrestrict(f.ID.String()) {
			continue
		}
		p.Facts, p.Restricted = facts.encode(), len(facts.Restricted) > 0
		lifted++
		at := slices.IndexFunc(b.RetimeParts, func(r storage.Retime) bool { return r.PartRef == p.PartRef })
		if at < 0 {
			b.RetimeParts = append(b.RetimeParts, retimeOf(p))
			continue
		}
		b.RetimeParts[at].Facts, b.RetimeParts[at].Restricted = p.Facts, p.Restricted // with the date that the hold's end gives it
	}
	if body.Record.IsZero() {
		if err := e.wholePerson(ctx, b, f.Parent, all); err != nil {
			return err
		}
	}
	e.over(&f, body.Lifted)
	f.State = stateEnded
	if err := putPersonal(b, f, nil, body); err != nil {
		return err
	}
	return a.commit(ctx, b, audit.Entry{Why: string(body.Ground), Count: lifted, Objects: []string{audit.Object(ofRestriction, f.ID), audit.Object("subject", f.Parent)}})
}

// endHoldWith ends a hold in the batch of what it came with; one that was released already has ended.
func (a *act) endHoldWith(ctx context.Context, b *storage.Batch, hold ID) error {
	f, err := a.s.e.store.File(ctx, fileHold, hold)
	if err != nil || f.State != stateActive {
		return err
	}
	var body holdBody
	if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
		return errors.New("decode hold: not of format 1")
	}
	f.Rev++
	f.State, f.Due, body.Ended = stateEnded, time.Time{}, a.now
	if f.Body, err = json.Marshal(body); err != nil {
		return errors.New("encode hold: not JSON")
	}
	b.PutFiles = append(b.PutFiles, f)
	return a.release(ctx, b, body)
}

// Restrictions returns the restrictions on a person's data, those that were lifted too while they are kept, the oldest first (Art. 15, 18). It needs the right to read: everything, for
// SubjectRights; of a processor, what is under the session's agreement.
func (s *Session) Restrictions(ctx context.Context, who Identity) ([]RestrictionInfo, error) {
	var out []RestrictionInfo
	err := again(ctx, func() error {
		a, err := s.beginRestriction(ctx, "Restrictions", mayRead, mayRead)
		if err != nil {
			return err
		}
		row, err := a.oneSubject(ctx, who)
		if err != nil {
			return err
		}
		if out, err = s.e.restrictionsOf(ctx, row, s.agreement); err != nil {
			return err
		}
		return a.trace(ctx, audit.Entry{Count: len(out), Objects: []string{audit.Object("subject", row.ID)}})
	})
	if err != nil {
		return nil, fmt.Errorf("restrictions: %w", err)
	}
	return out, nil
}

// restrictionsOf are the restrictions of a person under an agreement, or of our own, the oldest first.
func (e *Engine) restrictionsOf(ctx context.Context, row storage.Subject, agreement ID) (out []RestrictionInfo, err error) {
	all, err := e.restrictionsAbout(ctx, []ID{row.ID})
	if err != nil {
		return nil, err
	}
	for i := range all {
		r := &all[i]
		if r.body.Agreement != agreement {
			continue
		}
		x := r.body.info(r.id)
		var note sealedText
		if err := e.openPersonal(ctx, r.body.Controller, row.ID, r.id, r.body.Sealed, &note); err != nil {
			return nil, err
		}
		x.note = veil(&note.Text)
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(x, y RestrictionInfo) int { return x.Since.Compare(y.Since) })
	return out, nil
}
