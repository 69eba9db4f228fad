package audit

import (
	"bytes"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/strict"
)

// The kinds of actor.
const (
	Person = "person"
	Job    = "job"
)

// The outcomes of an act.
const (
	Done    = "done"
	Refused = "refused"
)

// Actor is who acted: a person or a named job, in clear (PRO-TRACE). The names are of staff, never of data subjects.
type Actor struct {
	Kind string `json:"kind"` // Person or Job
	Name string `json:"name"`
	Run  string `json:"run"` // release and run of a job; may be empty
}

// Entry is one act, done or refused: who, what, when, for which purpose, on which objects (PRO-TRACE, EPM-TRACE,
// GDPR Art. 5(2)). It names no data subject: ids, field names and counts only.
type Entry struct {
	At        time.Time // when; kept in UTC, to the microsecond; mandatory
	Actor     Actor     // who; mandatory
	Grant     string    // by which right: a role's id, "owner", "trusted" or "built-in"; empty if there was none
	Action    string    // what, such as "put"; mandatory
	Purpose   string    // for which purpose; mandatory
	Agreement storage.ID
	Case      string   // of a request or instruction
	Objects   []string // as [Object] writes them
	Fields    []string // names, such as "email" or "user.contact.email"
	Count     int      // how many things it was about
	Outcome   string   // Done or Refused; mandatory
	Why       string   // the reason, in words that name nobody
	Proof     string   // digest of the proof of erasure, 64 hexadecimal digits
}

// TakeOver is the action of an entry about Count proofs that a restored store took over from its ledger. It names the digest of the last, which
// those before it are chained to.
const TakeOver = "TakeOver"

// Object names an object of an entry: "record:01234567-89ab-cdef-0123-456789abcdef". A kind is letters of a to z and "-".
func Object(kind string, id storage.ID) string {
	b := make([]byte, 0, len(kind)+1+36)
	b = append(append(b, kind...), ':')
	return string(appendUUID(b, id))
}

// EntryError says which part of an entry or proof was refused, and why.
type EntryError struct {
	Field  string // such as "Actor.Name"
	Reason string
}

// Error returns "FIELD: REASON".
func (e *EntryError) Error() string { return e.Field + ": " + e.Reason }

// Check refuses an entry that does not say who, what, when, for which purpose and with which outcome, or that could
// name a data subject (PRO-TRACE). The error is an [*EntryError].
func (e *Entry) Check() error {
	if err := checkInstant("At", e.At); err != nil {
		return err
	}
	if err := e.Actor.check(); err != nil {
		return err
	}
	for _, w := range [...]struct {
		field, text string
		must        bool
	}{
		{"Grant", e.Grant, false},
		{"Action", e.Action, true},
		{"Purpose", e.Purpose, true},
	} {
		if err := checkWord(w.field, w.text, w.must); err != nil {
			return err
		}
	}
	if err := checkLine("Case", e.Case, false); err != nil {
		return err
	}
	if err := checkLine("Why", e.Why, false); err != nil {
		return err
	}
	for i, o := range e.Objects {
		if !isObject(o) {
			return &EntryError{fmt.Sprintf("Objects[%d]", i), "not of the form kind:id"}
		}
	}
	for i, f := range e.Fields {
		if !isFieldName(f) {
			return &EntryError{fmt.Sprintf("Fields[%d]", i), "not a field's name or a category"}
		}
	}
	if e.Count < 0 {
		return &EntryError{"Count", "below zero"}
	}
	if e.Outcome != Done && e.Outcome != Refused {
		return &EntryError{"Outcome", "neither done nor refused"}
	}
	if e.Proof != "" && !isDigest(e.Proof) {
		return &EntryError{"Proof", "not 64 lower-case hexadecimal digits"}
	}
	return nil
}

// EncodeEntry returns the body of an entry, docs/format.md part 5. It does not check it.
func EncodeEntry(e *Entry) []byte {
	size := 260 + len(e.Actor.Name) + len(e.Actor.Run) + len(e.Action) + len(e.Purpose) + len(e.Case) + len(e.Why) + len(e.Proof)
	for _, s := range e.Objects {
		size += len(s) + 3
	}
	for _, s := range e.Fields {
		size += len(s) + 3
	}
	return appendEntry(make([]byte, 0, size), e)
}

func appendEntry(b []byte, e *Entry) []byte {
	b = append(b, `{"v":1`...)
	b = appendInstant(b, `,"at":`, e.At)
	b = appendActor(b, e.Actor)
	b = appendField(b, `,"grant":`, e.Grant)
	b = appendField(b, `,"action":`, e.Action)
	b = appendField(b, `,"purpose":`, e.Purpose)
	b = appendID(b, `,"agreement":`, e.Agreement)
	b = appendField(b, `,"case":`, e.Case)
	b = appendTexts(b, `,"objects":`, e.Objects)
	b = appendTexts(b, `,"fields":`, e.Fields)
	b = appendNumber(b, `,"count":`, e.Count)
	b = appendField(b, `,"outcome":`, e.Outcome)
	b = appendField(b, `,"why":`, e.Why)
	b = appendField(b, `,"proof":`, e.Proof)
	return append(b, '}')
}

func appendActor(b []byte, a Actor) []byte {
	b = append(b, `,"actor":{"kind":`...)
	b = appendText(b, a.Kind)
	b = appendField(b, `,"name":`, a.Name)
	b = appendField(b, `,"run":`, a.Run)
	return append(b, '}')
}

// DecodeEntry reads what [EncodeEntry] wrote, and nothing else.
func DecodeEntry(body []byte) (Entry, error) {
	e, ok := readEntry(body)
	if !ok || !bytes.Equal(EncodeEntry(&e), body) { // one content, one form
		return Entry{}, fmt.Errorf("decode entry: %w", errForm)
	}
	return e, nil
}

func readEntry(body []byte) (e Entry, ok bool) {
	r := strict.New(body)
	r.Must(`{"v":1,"at":`)
	var err error
	if e.At, err = time.Parse(time.RFC3339Nano, r.Text()); err != nil {
		return e, false
	}
	readActor(r, &e.Actor)
	readField(r, `,"grant":`, &e.Grant)
	readField(r, `,"action":`, &e.Action)
	readField(r, `,"purpose":`, &e.Purpose)
	readID(r, `,"agreement":`, &e.Agreement)
	readField(r, `,"case":`, &e.Case)
	if r.Has(`,"objects":`) {
		e.Objects = r.Texts()
	}
	if r.Has(`,"fields":`) {
		e.Fields = r.Texts()
	}
	if r.Has(`,"count":`) {
		e.Count = r.Int()
	}
	readField(r, `,"outcome":`, &e.Outcome)
	readField(r, `,"why":`, &e.Why)
	readField(r, `,"proof":`, &e.Proof)
	r.Must(`}`)
	return e, r.Done()
}

// readActor reads what appendActor wrote.
func readActor(r *strict.Reader, into *Actor) {
	r.Must(`,"actor":{"kind":`)
	into.Kind = r.Text()
	readField(r, `,"name":`, &into.Name)
	readField(r, `,"run":`, &into.Run)
	r.Must(`}`)
}

// readField reads what appendField wrote.
func readField(r *strict.Reader, key string, into *string) {
	if r.Has(key) {
		*into = r.Text()
	}
}
