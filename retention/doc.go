// Package retention turns rules and events into deadlines: it says until when
// data may be used, when it must be erased, and why (GDPR Art. 5(1)(e), 17). It
// also holds the [Sweeper], which carries out what has come due.
//
// # Rules
//
// A [Rule] is a period that begins with an event, and reads as it stands:
//
//	P1Y after assignment-ended with agreement
//	P1Y after collected without agreement
//	P3M after erasure-instructed
//	each-agreement after agreement-ended
//	P7Y after year-end of financial-year-closed
//
// [ParseRule] reads one and [Rule.String] writes it. The day of the event is not
// counted and the last day runs to its end (package civil). Nothing is ever
// rolled over weekends or holidays: a limit to erase is an upper bound, and
// machines work on Sundays.
//
// A rule is used in one of two ways. As a ceiling (erase, anonymize in the
// register) it says when data must be gone at the latest. As a floor (keep) it
// says until when a law wants it kept. A ceiling never cuts a floor, and a floor
// never allows use: it only keeps.
//
// # Events
//
// [Collected], [AssignmentEnded] and [AgreementEnded] date the ceiling: the
// eraser acts at its end. [ErasureInstructed] wakes the eraser at once, and the
// period is the outer limit, or the controller's own earlier day if it named one
// (EPM-8.1). [PurposeEnded] stops the use at once and wakes the eraser at once
// (EPM-8.0); a rule for it is the outer limit. Consent withdrawn, an objection
// upheld and any objection to marketing end a purpose in the same way whatever
// the register says ([End].AtOnce): that is law. Any other event is one of the
// register's own.
//
// A clock that has not started never means "keep for ever". It is listed
// ([Standing].Waits), and someone reviews it.
//
// # Judging
//
// [Judge] takes the policies of all purposes that some data serves, and the
// [Facts] about it:
//
//   - Of the ceilings of one purpose that apply and have started, the one that
//     ends first decides. When it is reached, or when the purpose ends, the use
//     for that purpose stops ([Standing].UseEnds), swept or not.
//   - The data itself goes when its last purpose has ended ([Verdict].Wake). While
//     the end of any purpose is not known, that is not known.
//   - Nothing wakes the eraser before a floor is over. A floor whose clock has not
//     started counts as in force.
//
// [Verdict].Words says all this in sentences.
//
// Wake is exact. An eraser that must be done by then takes its lead time off
// ceilings itself, and none off floors: not when [Verdict].Kept is set, and never
// so much that it acts before [Verdict].KeptUntil.
//
// Judge and all it uses are pure functions of stored inputs. The same inputs
// give the same answer in ten years, so an old deadline can be explained.
package retention
