package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// Action is what a controller instructs its processor to do.
type Action string

// The actions.
const (
	Erase    Action = "erase"
	Return   Action = "return"
	Rectify  Action = "rectify"
	Restrict Action = "restrict"
)

// Instruction is what a controller instructs its processor to do with data under an agreement (Art. 28(3)(a)). It prints its action and id.
//
// A Receiver has verified who sent it, and its form. Whether the agreement is that party's, and whether it covers what is asked for, is for whoever carries it
// out.
type Instruction struct {
	// ID is the same in every try: who gets it twice carries it out once.
	ID     gdpr.ID
	Action Action
	// Agreement is the processor's id of the agreement.
	Agreement gdpr.ID
	// Subject is whom it is about, Records what: the ids of a forwarded request. One of them is given, or both; to return or to erase without either is
	// everything under the agreement.
	Subject Subject
	Records []gdpr.ID
	// Fields are the new values, for Rectify alone.
	Fields map[string]string
	// Received is when the controller got the request behind it, or gave the instruction.
	Received time.Time
}

// Subject names a person by identifiers; those that are empty are not used. It prints as [redacted].
type Subject struct {
	Email          string
	Phone          string
	NationalNumber string
	Ref            string // the controller's own key of the person
}

// Identity is the subject as the engine finds it; zero for none.
func (s Subject) Identity() gdpr.Identity {
	var id gdpr.Identity
	for _, by := range []struct {
		value string
		of    func(string) gdpr.Identity
	}{{s.Email, gdpr.Email}, {s.Phone, gdpr.Phone}, {s.NationalNumber, gdpr.NationalNumber}, {s.Ref, gdpr.Ref}} {
		switch {
		case by.value == "":
		case id.IsZero():
			id = by.of(by.value)
		default:
			id = id.And(by.of(by.value))
		}
	}
	return id
}

func (in *Instruction) check() error {
	switch {
	case in.Action != Erase && in.Action != Return && in.Action != Rectify && in.Action != Restrict:
		return errors.New("instruction.action: not erase, return, rectify or restrict")
	case in.Agreement.IsZero():
		return errors.New("instruction.agreement: missing")
	case in.Received.IsZero():
		return errors.New("instruction.received: missing")
	case (in.Action == Rectify || in.Action == Restrict) && in.Subject == (Subject{}) && len(in.Records) == 0:
		return errors.New("instruction: neither subject nor records say what it is about")
	case (in.Action == Rectify) != (len(in.Fields) > 0):
		return errors.New("instruction.fields: for rectify, and for nothing else")
	}
	for _, id := range in.Records {
		if id.IsZero() {
			return errors.New("instruction.records: a zero id")
		}
	}
	return nil
}

func bodyOfInstruction(in *Instruction) body {
	sent := &sentInstruction{Action: in.Action, Agreement: in.Agreement, Records: in.Records, Fields: in.Fields, Received: in.Received.UTC()}
	if in.Subject != (Subject{}) {
		s := sentSubject(in.Subject)
		sent.Subject = &s
	}
	return body{Type: typeInstruction, V: 1, ID: in.ID, Instruction: sent}
}

func (s *sentInstruction) instruction(id gdpr.ID) *Instruction {
	in := &Instruction{ID: id, Action: s.Action, Agreement: s.Agreement, Records: s.Records, Fields: s.Fields, Received: s.Received}
	if s.Subject != nil {
		in.Subject = Subject(*s.Subject)
	}
	return in
}

var errMarshal = errors.New("personal data is not marshaled by accident: take what is needed of it")

const redacted = "[redacted]"

// String names action and id.
func (in Instruction) String() string { return fmt.Sprintf("instruction %s: %s", in.ID, in.Action) }

// GoString is String.
func (in Instruction) GoString() string { return in.String() }

// Format prints String for every verb.
func (in Instruction) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, in.String()) }

// LogValue is String.
func (in Instruction) LogValue() slog.Value { return slog.StringValue(in.String()) }

// MarshalJSON fails.
func (Instruction) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// String returns [redacted].
func (Subject) String() string { return redacted }

// GoString returns [redacted].
func (Subject) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Subject) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Subject) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Subject) MarshalJSON() ([]byte, error) { return nil, errMarshal }
