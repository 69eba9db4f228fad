package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gallra/gallra/gdpr"
)

// line is the last line of what a command writes: key=value, with one space between. Whoever greps for a key relies on it, so none is ever
// renamed; new ones come at the end.
type line struct{ pairs []string }

// add adds a pair. A value has no spaces; of two states one is written yes or no.
func (l *line) add(key string, value any) {
	if state, ok := value.(bool); ok {
		value = map[bool]string{true: "yes", false: "no"}[state]
	}
	l.pairs = append(l.pairs, fmt.Sprintf("%s=%v", key, value))
}

// end writes the line. The outcome comes second, after the command.
func (l *line) end(out io.Writer, outcome string) error {
	pairs := append([]string{l.pairs[0], "outcome=" + outcome}, l.pairs[1:]...)
	_, err := fmt.Fprintln(out, strings.Join(pairs, " "))
	return err
}

var (
	// errLeased: another process is sweeping. That is success.
	errLeased = errors.New("another process is sweeping")
	// errStopped: a signal came.
	errStopped = errors.New("stopped by a signal; the next run goes on from here")
)

// outcome is the word for how a command ended.
func outcome(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, errLeased):
		return "leased"
	case errors.Is(err, gdpr.ErrHalted):
		return "halted"
	case errors.Is(err, gdpr.ErrPlanChanged):
		return "changed"
	case errors.Is(err, gdpr.ErrRestored):
		return "restored"
	case errors.Is(err, errStopped), errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "failed"
}
