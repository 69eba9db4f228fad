package subjectrights

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights/report"
)

// inMemory is how many records a report holds in memory at most; more are read anew for each file that is written.
const inMemory = 1000

// Access makes the report of Art. 15: a copy of all that we hold about the person as controller, and all that must be said about it. A
// customer's data is not in it. What is held now is reported, not what was held at receipt; what was erased at an earlier request is said to be gone. It must have been
// granted, so it is established who asks.
//
// Its package is for the person alone: report.Package seals it. SealedCopy then notes that it is there. It needs the ability to read for all activities. Each record
// that is read stands in the trail.
func (d *Desk) Access(ctx context.Context, actor gdpr.Actor, c *Case) (*report.Report, error) {
	if err := c.mayHandOut(Access); err != nil {
		return nil, wrap("access", err)
	}
	r, err := d.report(ctx, actor, c)
	return r, wrap("access", err)
}

func (d *Desk) report(ctx context.Context, actor gdpr.Actor, c *Case) (*report.Report, error) {
	if err := d.current(ctx, actor, &c.open().file); err != nil {
		return nil, err
	}
	s, p := d.session(actor, c.ID()), &c.open().pub
	in := report.Input{Register: d.reg, Case: c.ID(), Received: p.Day, Due: d.Due(c), Made: d.now(), Person: p.Person, Sources: d.sourcesOf(ctx, c)}
	records := 0
	for _, h := range c.open().sec.Own {
		records += len(h.Records)
	}
	var err error
	if records > inMemory {
		in.Stream = d.stream(ctx, s, c)
	} else if in.Records, err = d.records(ctx, s, c, ""); err != nil {
		return nil, err
	}
	if err := d.besides(ctx, s, c, &in); err != nil {
		return nil, err
	}
	for _, w := range p.Forward {
		if !w.MayName {
			in.PassedOn.Unnamed = true
			continue
		}
		party, err := d.eng.Party(ctx, w.Controller)
		if err != nil {
			return nil, err
		}
		in.PassedOn.To = append(in.PassedOn.To, party.Name)
	}
	return report.New(in)
}

// mayHandOut reports whether a copy may be made now: for somebody who is identified, of what was granted.
func (c *Case) mayHandOut(r Right) error {
	switch {
	case c.open() == nil:
		return refuse("Case", "missing: take the request in with Receive")
	case !c.asks(r):
		return ErrNotAsked
	case c.open().pub.Identity == nil:
		return ErrNotIdentified
	case len(c.open().granted(r)) == 0:
		return ErrNotGranted
	}
	if s := c.State(); s != Approved && s != PartlyApproved && s != Executing {
		return &StateError{From: s, Act: ActExecute}
	}
	return nil
}

// records are what we hold about the person now, of one activity or of all.
func (d *Desk) records(ctx context.Context, s *gdpr.Session, c *Case, activity string) ([]report.Record, error) {
	var out []report.Record
	for r, err := range d.each(ctx, s, c, activity) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// stream hands out the records of one activity after the other.
func (d *Desk) stream(ctx context.Context, s *gdpr.Session, c *Case) iter.Seq2[report.Record, error] {
	return func(yield func(report.Record, error) bool) {
		activities := slices.DeleteFunc(d.reg.ActivityIDs(), func(id string) bool { return d.reg.Head(id) != id })
		for _, h := range c.open().sec.Own {
			if !slices.Contains(activities, h.Activity) { // the register no longer has it
				activities = append(activities, h.Activity)
			}
		}
		for _, activity := range activities {
			for r, err := range d.each(ctx, s, c, activity) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// each reads what we hold about the person of a case. Once it is known who that is, the person's own id leads there: an identifier may have been rectified
// since, and after an erasure there is nothing.
func (d *Desk) each(ctx context.Context, s *gdpr.Session, c *Case, activity string) iter.Seq2[report.Record, error] {
	return func(yield func(report.Record, error) bool) {
		person := c.open().pub.Person
		if person.IsZero() {
			return
		}
		for r, err := range s.FindExplained(ctx, gdpr.Subject(person), activity) {
			if err != nil {
				yield(report.Record{}, err)
				return
			}
			mine := func(p gdpr.PartExplanation) bool { return p.Subject == person }
			if !slices.ContainsFunc(r.Why.Parts, mine) { // it was erased between the two reads
				continue
			}
			out := report.Record{Stored: r.Stored, Why: r.Why}
			if text := r.Stored.StatementOf(person); text != "" {
				out.Supplement = &text
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// besides adds what else there is to say about the person: consents, objections, restrictions, when the data was read, and what was erased before.
func (d *Desk) besides(ctx context.Context, s *gdpr.Session, c *Case, in *report.Input) error {
	who := c.open().file.Who
	suppressions, err := s.Suppressions(ctx, who)
	if err != nil {
		return err
	}
	for _, p := range suppressions {
		in.Suppressions = append(in.Suppressions, report.Suppression{Activity: p.Activity, Since: p.Since})
	}
	if err := d.erasedBefore(ctx, s, c, in); err != nil || c.Person().IsZero() {
		return err
	}
	person := gdpr.Subject(c.Person())
	consents, err := s.Consents(ctx, person)
	if err != nil {
		return still(err)
	}
	for _, p := range consents {
		in.Consents = append(in.Consents, report.Consent{Activity: p.Activity, Given: p.Given, Withdrawn: p.Withdrawn, Version: p.Text(), How: p.How()})
	}
	restrictions, err := s.Restrictions(ctx, person)
	if err != nil {
		return still(err)
	}
	for _, r := range restrictions {
		if r.Lifted.IsZero() && r.Agreement.IsZero() {
			in.Restrictions = append(in.Restrictions, report.Restriction{Ground: string(r.Ground), Since: r.Since, Record: r.Record})
		}
	}
	reads := map[report.Read]int{}
	for r, err := range s.Reads(ctx, person) {
		if err != nil {
			return still(err)
		}
		reads[report.Read{Day: civil.DateOf(r.At, d.zone), Purpose: r.Purpose}] += r.Records
	}
	for r, n := range reads {
		r.Count = n
		in.Reads = append(in.Reads, r)
	}
	slices.SortFunc(in.Reads, func(x, y report.Read) int {
		if n := x.Day.DaysSince(y.Day); n != 0 {
			return n
		}
		if x.Purpose < y.Purpose {
			return -1
		}
		return 1
	})
	return nil
}

// still is nil for a person who is gone: then there is nothing to say.
func still(err error) error {
	if errors.Is(err, gdpr.ErrNotFound) {
		return nil
	}
	return err
}

// erasedBefore adds what earlier requests of the same person, and this one, have erased.
func (d *Desk) erasedBefore(ctx context.Context, s *gdpr.Session, c *Case, in *report.Input) error {
	others, err := s.CaseFilesAbout(ctx, kindRequest, c.open().file.Who)
	if err != nil {
		return err
	}
	for i := range others {
		other, err := decodeCase(&others[i])
		if err != nil {
			return err
		}
		if other.open().file.ID == c.open().file.ID || !c.maybeSame(other) {
			continue
		}
		addErased(d, other, in)
	}
	addErased(d, c, in)
	return nil
}

// maybeSame reports whether two cases that one identifier leads to can be of one person: two persons may have one address. One of whom nothing is held has no id.
func (c *Case) maybeSame(other *Case) bool {
	return c.Person() == other.Person() || c.Person().IsZero() || other.Person().IsZero()
}

func addErased(d *Desk, c *Case, in *report.Input) {
	for _, done := range c.open().pub.Done {
		if done.Right != Erasure {
			continue
		}
		for _, activity := range done.Activities {
			n := 0
			for _, id := range done.Records {
				if c.open().activityOf(id) == activity && !slices.Contains(done.Kept, id) {
					n++
				}
			}
			in.Erased = append(in.Erased, report.Erased{Day: civil.DateOf(done.At, d.zone), Activity: activity, Records: n, Ground: done.Ground})
		}
	}
}

// Portable makes the report that report.Portable writes what the person takes along of (Art. 20). It must have been granted. As with Access, SealedCopy notes that the copy is sealed.
func (d *Desk) Portable(ctx context.Context, actor gdpr.Actor, c *Case) (*report.Report, error) {
	if err := c.mayHandOut(Portability); err != nil {
		return nil, wrap("portable", err)
	}
	r, err := d.report(ctx, actor, c)
	return r, wrap("portable", err)
}
