package subjectrights

import (
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
)

// Options change how a Desk counts time. The zero value and nil are safe.
type Options struct {
	// Now is the clock, read once an act. Defaults to time.Now.
	Now func() time.Time
	// Calendar has the public holidays over which the last day to answer rolls. Defaults to those of the organization's country; where
	// they are not known only weekends count, which is earlier and so always lawful.
	Calendar civil.Calendar
}

// Desk takes requests in and carries them out (Art. 12, 15 to 17). It is safe for concurrent use and holds no resources.
type Desk struct {
	eng      *gdpr.Engine
	reg      *gdpr.Register
	zone     *time.Location
	calendar civil.Calendar
	now      func() time.Time
}

// New opens a desk on an engine. It fails only without one.
func New(eng *gdpr.Engine, opt *Options) (*Desk, error) {
	if eng == nil {
		return nil, fmt.Errorf("open desk: %w", refuse("Engine", "missing"))
	}
	if opt == nil {
		opt = &Options{}
	}
	d := &Desk{eng: eng, reg: eng.Register(), calendar: opt.Calendar, now: opt.Now}
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
	return d, nil
}

// session is a session of the case, so that the trail shows which request each act belongs to.
func (d *Desk) session(actor gdpr.Actor, caseID string) *gdpr.Session {
	return d.eng.As(actor, gdpr.SubjectRights).Case(caseID)
}

// month is the time to answer of Art. 12(3).
var month = civil.Period{Months: 1}

// dates are the last day to answer and the day by which the controllers' parts are passed on.
func (d *Desk) dates(received civil.Date) (due, forward civil.Date, err error) {
	if due, err = civil.Respond(received, month, nil, d.calendar); err != nil {
		return civil.Date{}, civil.Date{}, err
	}
	return due, civil.RollForward(received.AddDays(1), d.calendar), nil
}
