package subjectrights

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// execute carries out something that was granted: do acts on the engine and says what was done; then the case notes it, and the notices that follow from it wait in the
// outbox. After a crash between the two it is carried out again: every act of the engine that is used here can be.
func (d *Desk) execute(ctx context.Context, actor gdpr.Actor, c *Case, r Right, may string, do func(x *change, s *gdpr.Session) ([]Done, error)) error {
	switch {
	case c.open() == nil:
		return refuse("Case", "missing: take the request in with Receive")
	case !c.asks(r):
		return ErrNotAsked
	}
	return d.change(ctx, actor, c, ActExecute, may, func(x *change) error {
		if len(x.granted(r)) == 0 {
			return ErrNotGranted
		}
		if err := d.current(ctx, actor, &x.file); err != nil {
			return err
		}
		done, err := do(x, d.session(actor, x.file.Number))
		if err != nil {
			return err
		}
		for _, is := range done {
			is.Right, is.At, is.By = r, x.now.UTC(), actor.String()
			x.pub.Done = append(x.pub.Done, is)
		}
		return nil
	})
}

// Outcome is what came of an erasure: what went, what stays and why, and who else hears of it.
type Outcome struct {
	Case string
	// Erasures are those carried out, one for each ground: the records erased, the proof, and under Kept what a law or a hold keeps, with the reason that the
	// person is owed (Art. 12(4), 17(3)).
	Erasures []gdpr.Erasure
	// Tell are the recipients who may have what was erased; a notice to each waits (Art. 19).
	Tell []Recipient
}

// Erase erases what was granted of what we hold about the person as controller, on the grounds of Art. 17(1) that were decided on, record by record. What the register's floors
// demand and what is on hold is kept; Kept says so. A customer's data is not touched. It needs the ability to erase for all activities.
//
// What is wholly on hold is kept whole: it is restricted, and goes with the hold. It fails with ErrCopyFirst when the same request asks for a copy that is not sealed yet, ErrPersonDecides
// for a job, and gdpr.ErrOnHold when another request of the person waits for its copy. With an error and an Outcome both, it is erased, and only the case does not say so yet: try again.
func (d *Desk) Erase(ctx context.Context, actor gdpr.Actor, c *Case) (*Outcome, error) {
	var out *Outcome
	err := d.execute(ctx, actor, c, Erasure, "erase", func(x *change, s *gdpr.Session) ([]Done, error) {
		if !x.copied() {
			return nil, ErrCopyFirst
		}
		o := &Outcome{Case: x.file.Number}
		done, err := d.erase(ctx, s, x, o)
		if err != nil {
			return nil, err
		}
		out = o
		var gone []string
		for _, is := range done {
			gone = append(gone, is.Activities...)
		}
		o.Tell = recipients(d.reg, nil, gone...)
		d.tell(x, noticeErased, o.Tell)
		return done, nil
	})
	return out, wrap("erase", err)
}

func (d *Desk) erase(ctx context.Context, s *gdpr.Session, x *change, o *Outcome) ([]Done, error) {
	if x.pub.Person.IsZero() {
		return []Done{{}}, nil // nothing is held: the answer says so
	}
	var out []Done
	for _, dec := range x.granted(Erasure) {
		records := x.all(dec)
		got, err := s.Erase(ctx, gdpr.Subject(x.pub.Person), gdpr.Ground(dec.Ground), dec.Records...) // none named: all that there is by now
		switch {
		case errors.Is(err, gdpr.ErrNotFound): // it is gone: erased before, or by its own rules
			got = &gdpr.Erasure{}
		case errors.Is(err, gdpr.ErrOnHold) && got != nil: // all of it: kept, restricted, and gone with the hold
			if frozen, failed := d.frozenElsewhere(ctx, s, got.Kept); failed != nil || frozen {
				return nil, errors.Join(fmt.Errorf("another request of the person waits for its copy: %w", err), failed)
			}
		case err != nil:
			return nil, err
		}
		for _, k := range got.Kept {
			note := keptNote{Activity: k.Activity}
			if !k.Until.IsZero() {
				note.Until = k.Until.String()
			}
			x.sec.Kept = append(x.sec.Kept, note)
		}
		o.Erasures = append(o.Erasures, *got)
		if got.Parts == 0 && x.did(Erasure) { // and noted
			continue
		}
		records = slices.DeleteFunc(slices.Clone(records), func(id gdpr.ID) bool { // those that an earlier try has noted as erased
			return slices.ContainsFunc(x.pub.Done, func(is Done) bool {
				return is.Right == Erasure && slices.Contains(is.Records, id) && !slices.Contains(is.Kept, id)
			})
		})
		var kept []gdpr.ID
		gone := slices.DeleteFunc(slices.Clone(records), func(id gdpr.ID) bool {
			is := slices.ContainsFunc(got.Kept, func(k gdpr.Kept) bool { return k.Record == id })
			if is {
				kept = append(kept, id)
			}
			return is
		})
		out = append(out, Done{Records: records, Kept: kept, Proof: got.Proof, Activities: x.activities(gone), Ground: gdpr.Ground(dec.Ground)})
	}
	return out, nil
}

// frozenElsewhere reports whether another open request keeps any of these records: then the erasure waits for that copy.
func (d *Desk) frozenElsewhere(ctx context.Context, s *gdpr.Session, kept []gdpr.Kept) (bool, error) {
	for _, k := range kept {
		why, err := s.Explain(ctx, k.Record)
		if err != nil {
			return false, err
		}
		for _, p := range why.Parts {
			if slices.ContainsFunc(p.Holds, func(h gdpr.HoldInfo) bool { return h.Freeze }) {
				return true, nil
			}
		}
	}
	return false, nil
}

// all are the records of a decision.
func (o *open) all(dec Decision) []gdpr.ID {
	if dec.Records != nil {
		return dec.Records
	}
	var out []gdpr.ID
	for _, h := range o.sec.Own {
		out = append(out, h.Records...)
	}
	return out
}

// Rectified is the outcome of a rectification.
type Rectified struct {
	Case   string
	Record gdpr.ID
	Fields []string // that were changed
	// Tell are the recipients who may have the old values; a notice to each waits (Art. 19).
	Tell []Recipient
}

// Rectify changes fields of one of the person's own records, or adds the person's statement to it (Art. 16). The old values open nowhere afterwards, and the trail names
// only the fields (REQUIREMENTS 4.20). Only fields of the person who asks are changed: Change.Subject may be left out. A person decides; it needs the ability to
// decide for all activities. It fails with ErrForward for a customer's record, and as Session.Update does.
func (d *Desk) Rectify(ctx context.Context, actor gdpr.Actor, c *Case, record gdpr.ID, to gdpr.Change) (*Rectified, error) {
	var out *Rectified
	var gone error
	err := d.execute(ctx, actor, c, Rectification, "decide", func(x *change, s *gdpr.Session) ([]Done, error) {
		var err error
		out, err = d.rectify(ctx, s, x, record, to)
		if errors.Is(err, gdpr.ErrErased) && x.grantedFor(Rectification, record) && x.activityOf(record) != "" { // noted, so that the case can be answered
			gone = err
			return []Done{{Records: []gdpr.ID{record}}}, nil
		}
		if err != nil {
			return nil, err
		}
		d.tell(x, noticeRectified, out.Tell)
		return []Done{{Records: []gdpr.ID{record}}}, nil
	})
	if err = errors.Join(err, gone); err != nil {
		return nil, wrap("rectify", err)
	}
	return out, nil
}

func (d *Desk) rectify(ctx context.Context, s *gdpr.Session, x *change, record gdpr.ID, to gdpr.Change) (*Rectified, error) {
	if x.forwarded(record) {
		return nil, ErrForward
	}
	why, err := s.Explain(ctx, record)
	switch {
	case err != nil:
		return nil, err
	case why.Role.ForOther():
		return nil, ErrForward
	case len(why.Parts) == 0:
		return nil, gdpr.ErrErased
	case !slices.ContainsFunc(why.Parts, func(p gdpr.PartExplanation) bool { return p.Subject == x.pub.Person }):
		return nil, refuse("Record", "not about the person who asks")
	case !to.Subject.IsZero() && to.Subject != x.pub.Person:
		return nil, refuse("Change.Subject", "not the person who asks")
	case !x.grantedFor(Rectification, record):
		return nil, ErrNotGranted
	}
	to.Subject = x.pub.Person
	if err := s.Update(ctx, record, to); err != nil {
		return nil, err
	}
	fields := to.Fields.Names()
	return &Rectified{Case: x.file.Number, Record: record, Fields: fields, Tell: recipients(d.reg, fields, why.Activity)}, nil
}

// grantedFor reports whether a right was granted for a record.
func (o *open) grantedFor(r Right, record gdpr.ID) bool {
	return slices.ContainsFunc(o.granted(r), func(dec Decision) bool { return dec.Records == nil || slices.Contains(dec.Records, record) })
}

// Restrict restricts what was granted: it may only be stored from now on (Art. 18(2)), at every read and write, until gdpr.Session.Unrestrict, which comes after the person was told (Art. 18(3)). Recipients hear of it (Art. 19). review is the day on
// which somebody looks again at what the person wants kept, Art. 18(1)(b) and (c); else the zero Date. It needs the ability to decide for all activities.
func (d *Desk) Restrict(ctx context.Context, actor gdpr.Actor, c *Case, review civil.Date) ([]gdpr.ID, error) {
	var out []gdpr.ID
	err := d.execute(ctx, actor, c, Restriction, "decide", func(x *change, s *gdpr.Session) ([]Done, error) {
		if x.pub.Person.IsZero() {
			return []Done{{}}, nil
		}
		there, err := s.Restrictions(ctx, gdpr.Subject(x.pub.Person))
		if still(err) != nil {
			return nil, err
		}
		var done []Done
		var heads []string
		for _, dec := range x.granted(Restriction) {
			targets := dec.Records
			if targets == nil {
				targets = []gdpr.ID{{}}
			}
			for _, record := range targets {
				r := gdpr.Restriction{Record: record, Subject: gdpr.Subject(x.pub.Person), Ground: gdpr.RestrictionGround(dec.Ground)}
				if r.Ground == gdpr.UnlawfulButKeep || r.Ground == gdpr.NeededForClaim {
					r.ReviewBy = review
				}
				id, err := d.restrict(ctx, s, there, r)
				if errors.Is(err, gdpr.ErrErased) { // there is nothing to restrict any more
					continue
				}
				if err != nil {
					return nil, err
				}
				out = append(out, id)
			}
			done = append(done, Done{Records: dec.Records})
			heads = append(heads, x.activities(dec.Records)...)
		}
		d.tell(x, noticeRestricted, recipients(d.reg, nil, heads...))
		return done, nil
	})
	return out, wrap("restrict", err)
}

// restrict places a restriction, unless an earlier try has.
func (d *Desk) restrict(ctx context.Context, s *gdpr.Session, there []gdpr.RestrictionInfo, r gdpr.Restriction) (gdpr.ID, error) {
	for _, is := range there {
		if is.Lifted.IsZero() && is.Record == r.Record && is.Ground == r.Ground && is.Agreement.IsZero() {
			return is.ID, nil
		}
	}
	return s.Restrict(ctx, r)
}

// Object ends the purposes that were objected to, at once; one of direct marketing for ever (Art. 21). It needs the ability to decide for all activities.
func (d *Desk) Object(ctx context.Context, actor gdpr.Actor, c *Case) error {
	return wrap("object", d.execute(ctx, actor, c, Objection, "decide", func(x *change, s *gdpr.Session) ([]Done, error) {
		var done []Done
		for _, dec := range x.granted(Objection) {
			for _, head := range x.activities(dec.Records) {
				for _, purpose := range d.purposesWith(head, &dec) {
					if err := d.end(ctx, s, x, dec, head, purpose, gdpr.ObjectionUpheld); err != nil {
						return nil, err
					}
				}
			}
			if act, ok := d.reg.Activity(dec.Purpose); ok && act.DirectMarketing != nil { // also of somebody of whom nothing is held
				if err := s.Suppress(ctx, gdpr.Suppression{Subject: x.file.Who, Activity: dec.Purpose, Reason: "objection to direct marketing"}); err != nil {
					return nil, err
				}
			}
			done = append(done, Done{Records: dec.Records})
		}
		return done, nil
	}))
}

// end ends a purpose of the records of a decision.
func (d *Desk) end(ctx context.Context, s *gdpr.Session, x *change, dec Decision, head, purpose string, kind retention.Event) error {
	for _, h := range x.sec.Own {
		if h.Activity != head {
			continue
		}
		for _, id := range h.Records {
			if dec.Records != nil && !slices.Contains(dec.Records, id) {
				continue
			}
			err := s.RecordEvent(ctx, gdpr.Event{Kind: kind, Record: id, Purpose: purpose})
			if err != nil && !errors.Is(err, gdpr.ErrNotFound) { // gone: there is nothing to end
				return err
			}
		}
	}
	return nil
}

// WithdrawConsent withdraws the consents that the request is about; the purposes end at once (Art. 7(3)). It needs the ability to decide for all activities.
func (d *Desk) WithdrawConsent(ctx context.Context, actor gdpr.Actor, c *Case) error {
	return wrap("withdraw consent", d.execute(ctx, actor, c, ConsentWithdrawal, "decide", func(x *change, s *gdpr.Session) ([]Done, error) {
		var done []Done
		for _, dec := range x.granted(ConsentWithdrawal) {
			for _, head := range x.activities(dec.Records) {
				for _, purpose := range d.purposesWith(head, &dec) {
					err := s.WithdrawConsent(ctx, gdpr.Subject(x.pub.Person), purpose)
					if err != nil && !errors.Is(err, gdpr.ErrNotFound) {
						return nil, err
					}
					if err := d.end(ctx, s, x, dec, head, purpose, gdpr.ConsentWithdrawn); err != nil {
						return nil, err
					}
				}
			}
			done = append(done, Done{Records: dec.Records})
		}
		return done, nil
	}))
}

// ReviewDecision notes that a person has looked at an automated decision anew, as the person who asks has a right to (Art. 22(3)); outcome is one line that names nobody.
func (d *Desk) ReviewDecision(ctx context.Context, actor gdpr.Actor, c *Case, outcome string) error {
	return wrap("review decision", d.execute(ctx, actor, c, AutomatedDecisions, "decide", func(x *change, _ *gdpr.Session) ([]Done, error) {
		if outcome == "" {
			return nil, refuse("Outcome", "missing")
		}
		x.act.Why = outcome
		return []Done{{}}, nil
	}))
}

// String names the case.
func (o Outcome) String() string { return fmt.Sprintf("erasure in case %s", o.Case) }
