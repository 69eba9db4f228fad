package subjectrights

import (
	"github.com/gallra/gallra/gdpr/civil"
)

// The times to answer of Art. 12(3): a month, and with an extension two further ones, all from receipt.
var (
	month    = civil.Period{Months: 1}
	extended = civil.Period{Months: 3}
)

// first is the last day to answer or to tell of an extension: a month from receipt, with the pauses, rolled to a working day. While a pause lasts
// it moves with each day.
func (d *Desk) first(p *public, today civil.Date) (civil.Date, error) { return d.last(p, month, today) }

// due is the last day to answer. An extension counts once the person was told of it in time.
func (d *Desk) due(p *public, today civil.Date) (civil.Date, error) {
	last, err := d.first(p, today)
	if err != nil || p.Extension == nil || p.Extension.Told.IsZero() {
		return last, err
	}
	return d.last(p, extended, today)
}

func (d *Desk) last(p *public, period civil.Period, today civil.Date) (civil.Date, error) {
	pauses := make([]civil.Pause, 0, len(p.Pauses))
	for _, q := range p.Pauses {
		to := q.To
		if to.IsZero() {
			to = later(today, q.From)
		}
		pauses = append(pauses, civil.Pause{From: q.From, To: to})
	}
	return civil.Respond(p.Day, period, pauses, d.calendar)
}

func later(a, b civil.Date) civil.Date {
	if a.After(b) {
		return a
	}
	return b
}

// Due is the last day to answer a case (Art. 12(3)): a month from the day of receipt, or three after an extension of which the person was told inside the first; the days
// of pauses are added, and then it rolls to a working day. It runs to its end. While a pause lasts it moves on with each day.
func (d *Desk) Due(c *Case) civil.Date {
	due, err := d.due(&c.open().pub, civil.DateOf(d.now(), d.zone))
	if err != nil { // what is stored was checked
		return civil.Date{}
	}
	return due
}

// Target is the day by which to aim to answer: that of Due before it rolls (REQUIREMENTS 4.2).
func (d *Desk) Target(c *Case) civil.Date {
	p, today := &c.open().pub, civil.DateOf(d.now(), d.zone)
	period := month
	if p.Extension != nil && !p.Extension.Told.IsZero() {
		period = extended
	}
	var pauses []civil.Pause
	for _, q := range p.Pauses {
		to := q.To
		if to.IsZero() {
			to = later(today, q.From)
		}
		pauses = append(pauses, civil.Pause{From: q.From, To: to})
	}
	days, err := civil.PausedDays(pauses)
	if err != nil {
		return civil.Date{}
	}
	return period.After(p.Day).AddDays(days)
}
