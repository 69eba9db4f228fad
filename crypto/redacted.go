package crypto

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is for types to embed: it makes them print as [redacted] in every way and refuse to marshal as JSON. All types of this
// package that hold keys embed it (Art. 32).
type Redacted struct{}

const redactedText = "[redacted]"

// String returns [redacted].
func (Redacted) String() string { return redactedText }

// GoString returns [redacted].
func (Redacted) GoString() string { return redactedText }

// Format writes [redacted] for every verb.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedText) }

// LogValue returns [redacted].
func (Redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON always fails.
func (Redacted) MarshalJSON() ([]byte, error) {
	return nil, errors.New("refused: holds what must not be written down")
}

// redacted is what types embed, so that no exported field appears in them.
type redacted = Redacted
