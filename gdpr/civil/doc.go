// Package civil is the arithmetic of time limits: days, periods, pauses,
// working days. It imports the standard library only and holds no state; every
// function gives the same answer for the same arguments on any machine.
//
// # Days, not hours
//
// A limit in law or in a policy is counted in days of the calendar where the
// controller is, so the first step is always the same: the instant at which
// something happened becomes a [Date] in a named zone ([DateOf], [LoadZone]).
// From there on there are no hours. The last step leads back: a limit runs to
// the end of its last day, and [Date.End] is that instant in UTC, exclusive,
// whether the day had 23, 24 or 25 hours.
//
// # Adding a period
//
// A [Period] is whole years, months, weeks and days. [Period.After] counts as
// Regulation (EEC, Euratom) No 1182/71 does: the day of the event is not
// counted, a month ends on the same date or, where that is missing, on the last
// day of the month, always seen from the day it began. So 31 January and one
// month is 28 February, and three months 30 April; 29 February and one year
// is 28 February. [Hours] are for notices of a breach only, and are not days.
//
// # Answering a request
//
// [Respond] is the time limit of GDPR Art. 12(3): one month from receipt, three
// if extended in time. Days in which the person was asked who they are, or what
// they want, are added ([Pause], [PausedDays]). Then, and only then, a last day
// on a Saturday, a Sunday or a public holiday becomes the next working day
// ([RollForward], [Calendar]; package holiday has calendars).
//
// Limits to erase are never rolled, nor are hours: they are upper bounds. See
// package retention.
//
// # The calendar's ends
//
// Days are those of the Gregorian calendar from 0001-01-01 to 9999-12-31. Texts
// outside are refused, the year 0 too. Arithmetic that would lead outside stops
// at the first or the last day: "P9999Y after 2026" is 9999-12-31, which is as
// good as never, and not a day that has passed. Instants stay between
// 0001-01-01T00:00:01Z and 9999-12-31T23:59:59Z.
//
// The zero [Date] means "no date". It, and any Date or Period that does not
// exist, gives the zero Date and the zero time wherever it is computed with,
// never a neighboring day: what is not known stays not known.
//
// # Errors
//
// What can be wrong has a sentinel: [ErrDate], [ErrPeriod], [ErrHours],
// [ErrPause], [ErrZone]. Messages say what is wanted and never what was given,
// which might be about a person. Nothing panics.
package civil
