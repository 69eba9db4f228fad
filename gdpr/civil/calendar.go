package civil

import "time"

// Calendar knows the public holidays of a place. It must give the same answer
// for the same day every time and be safe for use by several goroutines.
// Package holiday has some.
type Calendar interface {
	// Holiday reports whether d is a public holiday. Saturdays and Sundays
	// without one are not the calendar's business: see Working.
	Holiday(d Date) bool
}

// Working reports whether d is a working day: no Saturday, no Sunday and no
// public holiday (Regulation 1182/71 Art. 2(2)). A nil calendar has no public
// holidays.
func Working(d Date, cal Calendar) bool {
	if day := d.Weekday(); day == time.Saturday || day == time.Sunday {
		return false
	}
	return cal == nil || !cal.Holiday(d)
}

// RollForward returns d, or the next working day if d is none (Regulation
// 1182/71 Art. 3(4)). It stops at 9999-12-31, working day or not. A date that
// is not valid gives the zero Date.
func RollForward(d Date, cal Calendar) Date { return roll(d, cal, 1, lastDate) }

// RollBack returns d, or the working day before it if d is none. It stops at
// 0001-01-01, working day or not. A date that is not valid gives the zero Date.
func RollBack(d Date, cal Calendar) Date { return roll(d, cal, -1, firstDate) }

func roll(d Date, cal Calendar, step int, stop Date) Date {
	if !d.Valid() {
		return Date{}
	}
	for d != stop && !Working(d, cal) {
		d = d.AddDays(step)
	}
	return d
}
