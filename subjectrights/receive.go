package subjectrights

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// Receive takes a request in: it checks it, dates it, splits it by role, and opens a case for it. Nothing about the person being held is a case too: the person
// is owed that answer (Art. 15(1)). Whoever holds data about the person as customer gets a notice, and so does the person, where there is an address (EPM-D4).
//
// From here on nothing that we hold about the person goes while a copy of it is asked for (Access, Portability): see Case.SealBy. Open requests of the same person
// are linked, and each keeps its clock (REQUIREMENTS 4.12). It needs the ability to read for all activities.
//
// It fails with *gdpr.InputError for a request that is not complete or lies in the future, *AmbiguousError where it must
// be found out first who asked, and gdpr.ErrConflict for a number that is taken.
func (d *Desk) Receive(ctx context.Context, actor gdpr.Actor, r Request) (*Case, error) {
	c, err := d.receive(ctx, actor, r)
	return c, wrap("receive request", err)
}

func (d *Desk) receive(ctx context.Context, actor gdpr.Actor, r Request) (*Case, error) {
	now := d.now()
	if err := r.check(now); err != nil {
		return nil, err
	}
	o := &open{file: gdpr.CaseFile{Kind: kindRequest, ID: gdpr.NewID(), Number: r.Case, State: string(Received), Who: r.Subject}}
	o.pub = public{V: 1, Rights: r.Rights, Channel: r.Channel, Received: r.Received.UTC(), Day: civil.DateOf(r.Received, d.zone), Language: d.language(r.Language), Child: r.Child}
	o.sec = secret{Reply: savedAddress(r.Reply), Representative: (*savedRepresentative)(r.Representative), Text: r.Text}
	if o.file.Number == "" {
		o.file.Number = o.pub.Day.String() + "-" + rand.Text()[:8]
	}
	if _, err := d.Case(ctx, actor, o.file.Number); err == nil {
		return nil, gdpr.ErrConflict // also with a closed one
	} else if !errors.Is(err, gdpr.ErrNotFound) {
		return nil, err
	}
	s := d.session(actor, o.file.Number)
	found, err := d.find(ctx, s, r.Subject, r.Person)
	if err != nil {
		return nil, err
	}
	o.pub.Person = found.person
	o.sec.Own = found.holdings(d.reg)
	o.pub.Forward = found.forwards(d.reg, civil.RollForward(o.pub.Day.AddDays(1), d.calendar))
	x := &change{open: o, now: now, today: civil.DateOf(now, d.zone), actor: actor, act: gdpr.CaseAct{Action: ActReceive.action(), May: "read"}}
	if err := d.link(ctx, s, x); err != nil {
		return nil, err
	}
	c := &Case{&o}
	due, err := d.due(&o.pub, x.today)
	if err != nil {
		return nil, err
	}
	if (c.asks(Access) || c.asks(Portability)) && !found.person.IsZero() {
		x.act.Freeze = &gdpr.Freeze{Subject: found.person, Until: later(due, x.today)}
		if o.pub.SealBy, err = d.sealBy(ctx, s, found, due); err != nil {
			return nil, err
		}
	}
	d.acknowledge(x, due)
	for _, w := range o.pub.Forward {
		if err := d.passOn(ctx, x, w); err != nil {
			return nil, err
		}
	}
	if err := d.put(ctx, x); err != nil {
		return nil, err
	}
	return c, nil
}

// language is the one asked for, or that of the organization's country.
func (d *Desk) language(asked string) string {
	switch {
	case asked != "":
		return asked
	case d.reg.Organization.Country == "SE":
		return "sv"
	}
	return "en"
}

// link notes which open requests there are of the same person.
func (d *Desk) link(ctx context.Context, s *gdpr.Session, x *change) error {
	others, err := s.CaseFilesAbout(ctx, kindRequest, x.file.Who)
	if err != nil {
		return err
	}
	for _, f := range others {
		other, err := decodeCase(&f)
		if err != nil {
			return err
		}
		if !f.Closed && (&Case{&x.open}).maybeSame(other) {
			x.pub.Linked = append(x.pub.Linked, f.ID)
		}
	}
	return nil
}

// sealBy is the first last day among what is asked for, when it comes before the answer is due.
func (d *Desk) sealBy(ctx context.Context, s *gdpr.Session, f *found, due civil.Date) (civil.Date, error) {
	var by civil.Date
	for _, r := range f.own {
		why, err := s.Explain(ctx, r.ID)
		if err != nil {
			return by, err
		}
		for _, p := range why.Parts {
			if p.Subject == f.person && !p.Until.IsZero() && p.Until.Before(due) && (by.IsZero() || p.Until.Before(by)) {
				by = p.Until
			}
		}
	}
	return by, nil
}

// Line is an open case as a list shows it.
type Line struct {
	Number string
	State  State
	Due    time.Time // the end of the last day, in UTC; while a pause lasts, as if it ended on the day it was last looked at
	// Overdue: that day is over.
	Overdue bool
}

// OpenCases lists the open cases, what burns first comes first. It costs nothing for closed ones. It needs the ability to read all activities.
func (d *Desk) OpenCases(ctx context.Context, actor gdpr.Actor) ([]Line, error) {
	files, err := d.eng.As(actor, gdpr.SubjectRights).OpenCaseFiles(ctx, kindRequest, gdpr.ID{})
	if err != nil {
		return nil, wrap("list cases", err)
	}
	now := d.now()
	out := make([]Line, len(files))
	for i, f := range files {
		s := State(f.State)
		paused := s == AwaitingIdentity || s == AwaitingClarification
		out[i] = Line{f.Number, s, f.Due, s.waits() && !paused && !now.Before(f.Due)}
	}
	return out, nil
}

// MarkMissed marks each open case whose last day is over, and writes one deviation for it, however often it runs (REQUIREMENTS 3.2). It returns all that are overdue. A job
// may do it every morning. It needs the ability to read all activities.
func (d *Desk) MarkMissed(ctx context.Context, actor gdpr.Actor) ([]Line, error) {
	lines, err := d.OpenCases(ctx, actor)
	if err != nil {
		return nil, err
	}
	var late []Line
	for _, l := range lines {
		if !l.Overdue {
			continue
		}
		c, err := d.Case(ctx, actor, l.Number)
		if errors.Is(err, gdpr.ErrNotFound) {
			continue // closed meanwhile
		}
		if err != nil {
			return nil, err
		}
		late = append(late, l)
		if !c.open().pub.Overdue.IsZero() {
			continue
		}
		x := &change{open: c.open(), now: d.now(), actor: actor, act: gdpr.CaseAct{Action: "MarkMissed", May: "read"}}
		x.today = civil.DateOf(x.now, d.zone)
		if err := d.put(ctx, x); err != nil && !errors.Is(err, gdpr.ErrConflict) { // else somebody else was first
			return nil, wrap("mark missed cases", err)
		}
	}
	return late, nil
}
