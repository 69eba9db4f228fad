package invented

import (
	"fmt"
	"strings"
)

// BrokenLines is the number of lines of testdata/tickets/broken.csv, and BrokenLine the one on which a row has too many fields: somebody forgot
// the quotes around a message with commas. The lines are not the rows: some messages run over two.
const (
	BrokenLines = 4800
	BrokenLine  = 4711
)

func (w *world) brokenCSV() []byte {
	r := stream(6)
	f := newFile(ticketHeader...)
	for line := f.lines(); line < BrokenLines; {
		t := pick(r, w.tickets)
		t.number = fmt.Sprintf("B-%d", 10001+line)
		t.message = short(r)
		switch next := line + 1; {
		case next == BrokenLine:
			t.message = "Skrivaren på plan 2, den stora, svarar inte"
			f.raw(strings.Join(t.fields(), ","))
			line++
			continue
		case next < BrokenLine-1 && chance(r, 15):
			t.message += "\nMvh " + t.by.name
			line++
		}
		f.row(t.fields()...)
		line++
	}
	return f.bytes()
}
