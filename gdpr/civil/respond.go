package civil

import "fmt"

// Respond returns the last day on which a request that was received on a given
// day can be answered: P1M, or P3M when it was extended in time (Art. 12(3)).
//
// The period is counted from the day of receipt (Period.After), the days of the
// pauses are added (PausedDays), and then the day rolls forward to a working day
// (RollForward). A pause that begins when the time is already over adds
// nothing: what has run out does not start again. A period of two days or more
// includes at least two working days (Regulation 1182/71 Art. 3(5)). With a nil
// calendar only weekends move the day, which is earlier and so always lawful.
//
// A date or a period that is not valid is ErrDate or ErrPeriod; a pause that is
// not valid, or that begins before the receipt, is ErrPause.
func Respond(received Date, p Period, pauses []Pause, cal Calendar) (due Date, err error) {
	if !received.Valid() {
		return Date{}, fmt.Errorf("compute answer: received: %w", ErrDate)
	}
	if !p.Valid() {
		return Date{}, fmt.Errorf("compute answer: %w", ErrPeriod)
	}
	merged, err := merge(pauses)
	if err != nil {
		return Date{}, fmt.Errorf("compute answer: %w", err)
	}
	last := p.After(received)
	short := last.DaysSince(received) >= 2
	for _, pause := range merged {
		if pause.From.Before(received) {
			return Date{}, fmt.Errorf("compute answer: %w: it begins before the request was received", ErrPause)
		}
		if !pause.From.After(RollForward(last, cal)) {
			last = last.AddDays(pause.To.DaysSince(pause.From))
		}
	}
	due = RollForward(last, cal)
	if short {
		due = twoWorkingDays(received, due, cal)
	}
	return due, nil
}

// twoWorkingDays moves due until two working days lie after received.
func twoWorkingDays(received, due Date, cal Calendar) Date {
	first := RollForward(received.AddDays(1), cal)
	second := RollForward(first.AddDays(1), cal)
	if due.Before(second) {
		return second
	}
	return due
}
