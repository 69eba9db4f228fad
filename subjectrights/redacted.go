package subjectrights

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

var errMarshal = errors.New("personal data is not marshaled by accident: take what is needed of it")

// String returns [redacted].
func (Address) String() string { return redacted }

// GoString returns [redacted].
func (Address) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Address) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Address) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Address) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// savedAddress is an address as a sealed file keeps it.
type savedAddress struct {
	Name    string `json:"name,omitempty"`
	Contact string `json:"contact"`
}

// String returns [redacted].
func (Representative) String() string { return redacted }

// GoString returns [redacted].
func (Representative) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Representative) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Representative) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Representative) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// savedRepresentative is a representative as a sealed file keeps it.
type savedRepresentative struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Evidence string `json:"evidence"`
	Until    string `json:"until,omitempty"`
}

// String names the rights and the channel.
func (r Request) String() string { return fmt.Sprintf("request by %s: %v", r.Channel, r.Rights) }

// GoString is String.
func (r Request) GoString() string { return r.String() }

// Format prints String for every verb.
func (r Request) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, r.String()) }

// LogValue is String.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON fails.
func (Request) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// String says what was decided, without the reasons.
func (d Decision) String() string {
	if d.Grant {
		return fmt.Sprintf("%s granted %s", d.Right, d.Ground)
	}
	return fmt.Sprintf("%s refused: %s", d.Right, d.Ground)
}

// GoString is String.
func (d Decision) GoString() string { return d.String() }

// Format prints String for every verb.
func (d Decision) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, d.String()) }

// LogValue is String.
func (d Decision) LogValue() slog.Value { return slog.StringValue(d.String()) }

// String names kind and case.
func (m Message) String() string { return m.Kind + " notice in case " + m.Case }

// GoString is String.
func (m Message) GoString() string { return m.String() }

// Format prints String for every verb.
func (m Message) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// LogValue is String.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalJSON fails.
func (Message) MarshalJSON() ([]byte, error) { return nil, errMarshal }
