package retention

import "github.com/gallra/gallra/gdpr/civil"

// Facts are what is known about one record when its clocks are judged. Days may
// lie ahead: a financial year's last day is known before it comes. A day that
// is not valid counts as not known.
type Facts struct {
	// Agreement: the record names an agreement. It picks between the rules with
	// agreement and those without.
	Agreement bool
	// Assignment: the record names an assignment.
	Assignment bool
	// Days are the days of the events so far. Collected is always among them.
	Days map[Event]civil.Date
	// InstructedBy is the day by which the controller itself wants the data gone,
	// the zero Date if it named none (EPM-8.1). Only an earlier day than the
	// rule's counts, and only with an instruction.
	InstructedBy civil.Date
	// Ended are the ends of purposes, by purpose.
	Ended map[string]End
}

// End is the end of a purpose: from that day on the data is not used for it.
type End struct {
	// Day is the day it was said, or the marketing gate closed.
	Day civil.Date
	// AtOnce: consent was withdrawn (GDPR Art. 7(3)), an objection was upheld
	// (Art. 21(1)) or marketing was objected to (Art. 21(3)). The law leaves no
	// time then, whatever the rule says.
	AtOnce bool
}

// Day returns the day of an event, the zero Date while it is not known. For
// AssignmentEnded that is the end of the agreement if the record names no
// assignment, and the earlier of both ends if it names one. PurposeEnded has no
// day of its own: see Ended.
func (f Facts) Day(e Event) civil.Date {
	if e != AssignmentEnded {
		return f.known(e)
	}
	agreement := f.known(AgreementEnded)
	if !f.Assignment {
		return agreement
	}
	assignment := f.known(AssignmentEnded)
	if assignment.IsZero() || !agreement.IsZero() && agreement.Before(assignment) {
		return agreement
	}
	return assignment
}

func (f Facts) known(e Event) civil.Date {
	if day := f.Days[e]; day.Valid() && e != PurposeEnded {
		return day
	}
	return civil.Date{}
}

// day is the day that starts a clock of one purpose.
func (f Facts) day(e Event, purpose string) civil.Date {
	if e != PurposeEnded {
		return f.Day(e)
	}
	if day := f.Ended[purpose].Day; day.Valid() {
		return day
	}
	return civil.Date{}
}
