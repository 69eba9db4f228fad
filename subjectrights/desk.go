package subjectrights

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
	"github.com/gallra/gallra/subjectrights/report"
)

// Options change how a Desk works. The zero value and nil are safe.
type Options struct {
	// Now is the clock, read once an act. Defaults to time.Now.
	Now func() time.Time
	// Calendar has the public holidays over which the last day to answer rolls. Defaults to those of the organization's country; where
	// they are not known only weekends count, which is earlier and so always lawful.
	Calendar civil.Calendar
	// Transport delivers notices and answers; without one they wait, and Deliver fails.
	Transport Transport
	// Sources are where else the organization holds data as controller: access reports what is there, too.
	Sources []Source
	// Logger hears of notices that were not delivered: kinds and numbers, no addresses. Defaults to slog.Default.
	Logger *slog.Logger
}

// Source is a place outside the engine that holds data as controller: the application's own tables.
type Source interface {
	// Name must be what the person is told it is called.
	Name() string
	// Items must hand out what is held there about the person of a case, each time it is asked; who are the identifiers that the person gave. An error ends it, and the
	// report says that the rest follows.
	Items(ctx context.Context, c *Case, who gdpr.Identity) iter.Seq2[report.Item, error]
}

// Desk takes requests in and carries them out (Art. 12, 15 to 17). It is safe for concurrent use and holds no resources.
type Desk struct {
	eng       *gdpr.Engine
	reg       *gdpr.Register
	zone      *time.Location
	calendar  civil.Calendar
	now       func() time.Time
	transport Transport
	sources   []Source
	log       *slog.Logger
}

// New opens a desk on an engine. It fails only without one.
func New(eng *gdpr.Engine, opt *Options) (*Desk, error) {
	if eng == nil {
		return nil, fmt.Errorf("open desk: %w", refuse("Engine", "missing"))
	}
	if opt == nil {
		opt = &Options{}
	}
	d := &Desk{eng: eng, reg: eng.Register(), calendar: opt.Calendar, now: opt.Now, transport: opt.Transport, sources: opt.Sources, log: opt.Logger}
	var err error
	if d.zone, err = civil.LoadZone(d.reg.Organization.Zone); err != nil {
		return nil, fmt.Errorf("open desk: %w", err)
	}
	if d.calendar == nil {
		d.calendar, _ = holiday.ForCountry(string(d.reg.Organization.Country))
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	return d, nil
}

// session is a session of the case, so that the trail shows which request each act belongs to.
func (d *Desk) session(actor gdpr.Actor, caseID string) *gdpr.Session {
	return d.eng.As(actor, gdpr.SubjectRights).Case(caseID)
}

// sourcesOf are the sources, asked about the person of a case.
func (d *Desk) sourcesOf(ctx context.Context, c *Case) []report.Source {
	out := make([]report.Source, len(d.sources))
	for i, src := range d.sources {
		out[i] = report.Source{Name: src.Name(), Items: src.Items(ctx, c, c.open().file.Who)}
	}
	return out
}
