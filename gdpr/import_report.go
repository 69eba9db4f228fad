package gdpr

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Report writes a line for each record that was left out (its place, the field and the reason, never the value), and a last line of counts.
// An error that the sequence itself reported is named by its type alone, because its text may quote a value; one that is an *InputError is
// written like the others.
func (i Imported) Report(w io.Writer) error {
	out := bufio.NewWriter(w) // it keeps the first error for Flush
	for _, r := range i.Refused {
		_, _ = fmt.Fprintln(out, oneLine(r.place()+": "+r.reason()))
	}
	if more := i.LeftOut - len(i.Refused); more > 0 {
		_, _ = fmt.Fprintf(out, "and %d more\n", more)
	}
	_, _ = fmt.Fprintf(out, "%d read, %d stored, %d left out; overdue parts: %d\n", i.Read, i.Stored, i.LeftOut, i.Overdue)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// reason is the field and the reason, in words that quote nothing.
func (r Refusal) reason() string {
	var in *InputError
	switch {
	case errors.As(r.Err, &in):
		return in.Error()
	case r.told:
		return fmt.Sprintf("an error in the sequence (%T)", r.Err)
	}
	return r.Err.Error()
}

// oneLine takes out what would break a line.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, s)
}
