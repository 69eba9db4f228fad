package crashtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// line is what the journal says of an act: a line before it, one after it, and for some a line of what was seen then.
type line struct {
	Act string // its name, by which the trail and the proofs know it too

	// Before it.
	Do   string   `json:",omitempty"`
	Who  []string `json:",omitempty"` // whom each record is about, or whom the act is about
	Two  bool     `json:",omitempty"` // one record about two persons
	Age  int      `json:",omitempty"` // of the records, in days
	On   string   `json:",omitempty"` // the name of the record that it changes
	Hold gdpr.ID  `json:",omitzero"`  // the hold that it releases
	Text string   `json:",omitempty"` // the new question

	// After it.
	End    string  `json:",omitempty"`
	Err    string  `json:",omitempty"`
	ID     gdpr.ID `json:",omitzero"` // of the record or hold that came of it
	Stored int     `json:",omitempty"`

	Held  []storage.PartRef `json:",omitempty"` // what a hold found
	Wrong string            `json:",omitempty"` // a promise that was broken before the eyes of the actor
}

// What an act can do.
const (
	doPut     = "put"
	doPutAll  = "put all"
	doHost    = "host"
	doUpdate  = "update"
	doObject  = "object"
	doErase   = "erase"
	doHold    = "hold"
	doRelease = "release"
)

// How an act can end.
const (
	done    = "done"
	failed  = "failed"
	unknown = "unknown" // acknowledged neither way
)

// journal is a file to which all processes append. What was written survives the death of its writer, and the order of the lines is
// that of time.
type journal struct{ file *os.File }

func (o *office) journal() (*journal, error) {
	file, err := os.OpenFile(filepath.Join(o.Dir, "journal"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	return &journal{file}, err
}

// write appends a line, whole. A process that cannot has no business to go on.
func (j *journal) write(l line) {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

// read hands on the lines from an offset on, and returns the offset of what comes next.
func (j *journal) read(from int64, each func(line)) (int64, error) {
	r := bufio.NewReader(io.NewSectionReader(j.file, from, 1<<62))
	for {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return from, err
		}
		from += int64(len(text))
		each(l)
	}
}
