package register

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a register, or worth a warning. None
// of its texts repeats what stood in the file: it might be about a person.
type Problem struct {
	// File, Line and Column say where it stands. Lines and characters count
	// from 1. All three are empty for a register built in Go.
	File         string
	Line, Column int
	// Path names the place by valid ids and known keys, such as
	// activities.support-ticket.erase[1]; elements count from 1. It is empty
	// for the whole register.
	Path string
	// What is wrong: a few words, small letter, no full stop.
	What string
	// Why it is wrong: a sentence.
	Why string
	// Mend is how to mend it: a sentence.
	Mend string
}

// String returns FILE:LINE:COLUMN: PATH: what. Why. How to mend. Parts that are
// empty are left out.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
		}
		b.WriteString(" ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.What + ". " + p.Why)
	if p.Mend != "" {
		b.WriteString(" " + p.Mend)
	}
	return b.String()
}

// Problems is the error of Load, Parse and Check: everything that is wrong, at
// once and in order of position. Get at it with errors.As.
type Problems []Problem

// Error returns one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}
