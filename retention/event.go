package retention

// Event is what starts a clock: one of the built-in events below, or an id that
// the register declares under events.
type Event string

// The built-in events. They are words of the register's language (package
// register).
const (
	// Collected is the day the record was registered, or the earlier day that
	// the record states. Its day is always known (EPM-T4).
	Collected Event = "collected"
	// AssignmentEnded is the day the record's assignment ended. A record that
	// names no assignment takes the end of its agreement (EPM-T3).
	AssignmentEnded Event = "assignment-ended"
	// AgreementEnded is the day the record's agreement ended (EPM-8.2, GDPR
	// Art. 28(3)(g)).
	AgreementEnded Event = "agreement-ended"
	// ErasureInstructed is the day the controller's instruction to erase
	// arrived (EPM-8.1, GDPR Art. 28(3)(a)).
	ErasureInstructed Event = "erasure-instructed"
	// PurposeEnded is the day from which a purpose no longer holds (EPM-8.0,
	// GDPR Art. 17(1)(a)). It belongs to one purpose: see Facts.Ended.
	PurposeEnded Event = "purpose-ended"
)

// BuiltIn reports whether e is one of the events of this package, which a
// register must not declare again.
func (e Event) BuiltIn() bool {
	switch e {
	case Collected, AssignmentEnded, AgreementEnded, ErasureInstructed, PurposeEnded:
		return true
	}
	return false
}

// maxEvent is the longest id of the register's language, in characters.
const maxEvent = 40

// wellFormed reports whether e is an id that can stand in a rule. The words of
// the grammar itself cannot.
func (e Event) wellFormed() bool {
	switch e {
	case "", wordAfter, wordYearEnd, wordOf, wordWith, wordWithout:
		return false
	}
	if len(e) > maxEvent {
		return false
	}
	for i, c := range []byte(e) {
		letter := c >= 'a' && c <= 'z'
		later := c >= '0' && c <= '9' || c == '-'
		if !letter && (i == 0 || !later) {
			return false
		}
	}
	return true
}
