package main

import (
	"fmt"
	"io"
	"os"

	"github.com/gallra/gallra/retention"
)

// progress shows a run on a terminal, on one line that it writes over. Elsewhere it is silent: in a log the line of counts is enough, and
// cron mails whatever is written.
type progress struct {
	to    io.Writer // nil: no terminal
	begun bool
}

func newProgress(to io.Writer) *progress {
	if !isTerminal(to) {
		to = nil
	}
	return &progress{to: to}
}

// isTerminal reports whether somebody may be watching. /dev/null passes too, and nobody minds.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const clearLine = "\r\x1b[K"

// batch shows how far it has come.
func (p *progress) batch(sofar retention.Result) {
	if p.to == nil {
		return
	}
	p.begun = true
	_, _ = fmt.Fprintf(p.to, clearLine+"%d erased, %d stay, %d batches", sofar.Erased, sofar.Dated+sofar.Left, sofar.Batches)
}

// end takes the line away, for the counts that follow.
func (p *progress) end() {
	if p.begun {
		_, _ = io.WriteString(p.to, clearLine)
	}
}
