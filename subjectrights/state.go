package subjectrights

import (
	"slices"
	"strings"
)

// State is where a request stands (REQUIREMENTS 3.2).
type State string

// The states. Withdrawn and Closed are the last: such a file goes when the period of the register's case files is over.
const (
	Received              State = "received"
	AwaitingIdentity      State = "awaiting-identity"
	AwaitingClarification State = "awaiting-clarification"
	NotIdentified         State = "not-identified"
	Assessing             State = "assessing"
	Approved              State = "approved"
	PartlyApproved        State = "partly-approved"
	Refused               State = "refused"
	FeeProposed           State = "fee-proposed"
	Executing             State = "executing"
	Answered              State = "answered"
	Withdrawn             State = "withdrawn"
	Closed                State = "closed"
)

// States are all states, in the order of a request's life.
func States() []State {
	return []State{Received, AwaitingIdentity, AwaitingClarification, NotIdentified, Assessing, Approved, PartlyApproved, Refused, FeeProposed, Executing, Answered,
		Withdrawn, Closed}
}

// Act is what is done to a request.
type Act string

// The acts.
const (
	ActReceive          Act = "receive"
	ActAskIdentity      Act = "ask-identity"
	ActAskClarification Act = "ask-clarification"
	ActIdentify         Act = "identify"
	ActClarify          Act = "clarify"
	ActGiveUp           Act = "give-up"
	ActExtend           Act = "extend"
	ActApprove          Act = "approve"
	ActPartlyApprove    Act = "partly-approve"
	ActRefuse           Act = "refuse"
	ActProposeFee       Act = "propose-fee"
	ActFeePaid          Act = "fee-paid"
	ActExecute          Act = "execute"
	ActAnswer           Act = "answer"
	ActClose            Act = "close"
	ActWithdraw         Act = "withdraw"
)

// Acts are all acts.
func Acts() []Act {
	return []Act{ActReceive, ActAskIdentity, ActAskClarification, ActIdentify, ActClarify, ActGiveUp, ActExtend, ActApprove, ActPartlyApprove, ActRefuse, ActProposeFee,
		ActFeePaid, ActExecute, ActAnswer, ActClose, ActWithdraw}
}

// action is what the trail calls an act: AskIdentity.
func (a Act) action() string {
	var b strings.Builder
	for _, word := range strings.Split(string(a), "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Who is who does an act.
type Who string

// Handler is anybody with the right, also a job; Decider a named person with the right to decide, never a job (REQUIREMENTS 0.10).
const (
	Handler Who = "handler"
	Decider Who = "person with the right to decide"
)

// Transition is one step that is allowed. From is "" for a new request.
type Transition struct {
	From State
	Act  Act
	To   State
	By   Who
}

// transitions are all that is allowed; whatever is not here is refused with a StateError.
var transitions = []Transition{
	{"", ActReceive, Received, Handler},

	{Received, ActAskIdentity, AwaitingIdentity, Handler},
	{Assessing, ActAskIdentity, AwaitingIdentity, Handler},
	{Received, ActAskClarification, AwaitingClarification, Handler},
	{Assessing, ActAskClarification, AwaitingClarification, Handler},

	{Received, ActIdentify, Assessing, Handler},
	{AwaitingIdentity, ActIdentify, Assessing, Handler},
	{AwaitingClarification, ActIdentify, AwaitingClarification, Handler}, // both were asked for: the scope is still open
	{NotIdentified, ActIdentify, Assessing, Handler},                     // proof came later: it is opened again
	{AwaitingClarification, ActClarify, Assessing, Handler},              // of a person who is identified
	{AwaitingIdentity, ActGiveUp, NotIdentified, Decider},
	{AwaitingClarification, ActGiveUp, NotIdentified, Decider},

	{Assessing, ActExtend, Assessing, Handler},
	{Assessing, ActApprove, Approved, Decider},
	{Assessing, ActPartlyApprove, PartlyApproved, Decider},
	{Assessing, ActRefuse, Refused, Decider},
	{Assessing, ActProposeFee, FeeProposed, Decider},
	{FeeProposed, ActFeePaid, Assessing, Handler},
	{FeeProposed, ActRefuse, Refused, Decider},

	{Approved, ActExecute, Executing, Decider},
	{PartlyApproved, ActExecute, Executing, Decider},
	{Executing, ActExecute, Executing, Decider},
	{Executing, ActAnswer, Answered, Handler},

	{Answered, ActClose, Closed, Handler},
	{Refused, ActClose, Closed, Handler},
	{NotIdentified, ActClose, Closed, Handler},

	{Received, ActWithdraw, Withdrawn, Handler},
	{AwaitingIdentity, ActWithdraw, Withdrawn, Handler},
	{AwaitingClarification, ActWithdraw, Withdrawn, Handler},
	{NotIdentified, ActWithdraw, Withdrawn, Handler},
	{Assessing, ActWithdraw, Withdrawn, Handler},
	{Approved, ActWithdraw, Withdrawn, Handler},
	{PartlyApproved, ActWithdraw, Withdrawn, Handler},
	{FeeProposed, ActWithdraw, Withdrawn, Handler},
}

// Transitions is the table of all that is allowed.
func Transitions() []Transition { return slices.Clone(transitions) }

// step is the transition of an act, if the state allows it.
func step(from State, act Act) (Transition, error) {
	for _, t := range transitions {
		if t.From == from && t.Act == act {
			return t, nil
		}
	}
	return Transition{}, &StateError{From: from, Act: act}
}

// ended reports whether a state is one of the last.
func (s State) ended() bool { return s == Withdrawn || s == Closed }

// waits reports whether the time to answer still runs: nobody has answered on the substance.
func (s State) waits() bool {
	return s != Answered && s != Refused && s != NotIdentified && !s.ended()
}
