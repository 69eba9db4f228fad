package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/strict"
)

// What a proof says was erased: the highest thing destroyed.
const (
	ErasedParts      = "parts"
	ErasedSubjects   = "subjects"
	ErasedController = "controller"
)

// Proof says what one batch erased, why, and by whom (GDPR Art. 5(2), 17; REQUIREMENTS 4.7). It names nobody: its ids
// lead nowhere once the rows are gone.
type Proof struct {
	N          uint64 // set by [NextProof]
	ID         storage.ID
	At         time.Time // UTC, to the microsecond
	Actor      Actor
	Case       string
	Kind       string // ErasedParts, ErasedSubjects or ErasedController
	Controller storage.ID
	Subjects   []storage.ID // of ErasedSubjects: those whose keys were destroyed
	Because    []Because
	Parts      []ErasedPart
	Method     []string   // "row erased", "key destroyed"
	Copies     civil.Date // day on which the last backup that may hold a copy ends; the zero Date is unknown
}

// Because is one reason that parts were erased for: which rule ran out, and when.
type Because struct {
	Family   string   `json:"family"`
	Role     string   `json:"role"`
	Purposes []string `json:"purposes"`
	Rule     string   `json:"rule"`
	Event    string   `json:"event"`
	// Start is the day of the event, Last the last day on which the data could be kept.
	Start    civil.Date `json:"start"`
	Last     civil.Date `json:"last"`
	Register int        `json:"register"` // version of the register
	Calendar string     `json:"calendar"` // version of the calendar
	Ground   string     `json:"ground"`
}

// ErasedPart is one part that was erased, by ids, with the version it had.
type ErasedPart struct {
	Record  storage.ID
	Part    int
	Version int
	Subject storage.ID
	Because int // index into [Proof.Because], from 0
}

// Check refuses a proof that does not say what was erased, when and by whom, or that could name a data subject. The
// error is an [*EntryError].
func (p *Proof) Check() error {
	if p.ID.IsZero() {
		return &EntryError{"ID", "missing"}
	}
	if err := checkInstant("At", p.At); err != nil {
		return err
	}
	if err := p.Actor.check(); err != nil {
		return err
	}
	if err := checkLine("Case", p.Case, false); err != nil {
		return err
	}
	if p.Controller.IsZero() && p.Kind != ErasedParts { // parts of several controllers may go in one batch
		return &EntryError{"Controller", "missing"}
	}
	switch p.Kind {
	case ErasedParts:
		if len(p.Parts) == 0 {
			return &EntryError{"Parts", "missing"}
		}
	case ErasedSubjects:
		if len(p.Subjects) == 0 || slices.Contains(p.Subjects, storage.ID{}) {
			return &EntryError{"Subjects", "missing"}
		}
	case ErasedController:
	default:
		return &EntryError{"Kind", "neither parts, subjects nor controller"}
	}
	for i := range p.Because {
		if err := p.Because[i].check(i); err != nil {
			return err
		}
	}
	for i, e := range p.Parts {
		if e.Record.IsZero() || e.Subject.IsZero() || e.Part < 1 || e.Version < 1 || e.Because < 0 || e.Because >= len(p.Because) {
			return &EntryError{fmt.Sprintf("Parts[%d]", i), "not a record, part, version, subject and index into Because"}
		}
	}
	for i, m := range p.Method {
		if err := checkLine(fmt.Sprintf("Method[%d]", i), m, true); err != nil {
			return err
		}
	}
	return checkDate("Copies", p.Copies)
}

func (b *Because) check(i int) error {
	at := func(field string) string { return fmt.Sprintf("Because[%d].%s", i, field) }
	for _, l := range [...]struct{ field, text string }{
		{"Family", b.Family}, {"Role", b.Role}, {"Rule", b.Rule}, {"Event", b.Event}, {"Calendar", b.Calendar}, {"Ground", b.Ground},
	} {
		if err := checkLine(at(l.field), l.text, false); err != nil {
			return err
		}
	}
	for j, p := range b.Purposes {
		if err := checkLine(fmt.Sprintf("Because[%d].Purposes[%d]", i, j), p, true); err != nil {
			return err
		}
	}
	if b.Register < 0 {
		return &EntryError{at("Register"), "below zero"}
	}
	if err := checkDate(at("Start"), b.Start); err != nil {
		return err
	}
	return checkDate(at("Last"), b.Last)
}

func checkDate(field string, d civil.Date) error {
	if !d.IsZero() && !d.Valid() {
		return &EntryError{field, "not a day of the calendar"}
	}
	return nil
}

// EncodeProof returns the body of a proof, docs/format.md part 6. It does not check it.
func EncodeProof(p *Proof) []byte {
	return appendProof(make([]byte, 0, 512+39*len(p.Subjects)+256*len(p.Because)+96*len(p.Parts)), p)
}

func appendProof(b []byte, p *Proof) []byte {
	b = strconv.AppendUint(append(b, `{"v":1,"n":`...), p.N, 10)
	b = appendID(b, `,"id":`, p.ID)
	b = appendInstant(b, `,"at":`, p.At)
	b = appendActor(b, p.Actor)
	b = appendField(b, `,"case":`, p.Case)
	b = appendField(b, `,"kind":`, p.Kind)
	b = appendID(b, `,"controller":`, p.Controller)
	if len(p.Subjects) > 0 {
		b = append(b, `,"subjects":[`...)
		for i, id := range p.Subjects {
			b = append(appendUUID(append(comma(b, i), '"'), id), '"')
		}
		b = append(b, ']')
	}
	if len(p.Because) > 0 {
		b = append(b, `,"because":[`...)
		for i := range p.Because {
			b = appendBecause(comma(b, i), &p.Because[i])
		}
		b = append(b, ']')
	}
	if len(p.Parts) > 0 {
		b = append(b, `,"parts":[`...)
		for i := range p.Parts {
			b = appendPart(comma(b, i), &p.Parts[i])
		}
		b = append(b, ']')
	}
	b = appendTexts(b, `,"method":`, p.Method)
	copies := unknown
	if !p.Copies.IsZero() {
		copies = p.Copies.String()
	}
	b = appendField(b, `,"copies":`, copies)
	return append(b, '}')
}

// unknown stands for an end of copies that nobody knows.
const unknown = "unknown"

func appendBecause(b []byte, c *Because) []byte {
	start := len(b)
	b = appendField(b, `,"family":`, c.Family)
	b = appendField(b, `,"role":`, c.Role)
	b = appendTexts(b, `,"purposes":`, c.Purposes)
	b = appendField(b, `,"rule":`, c.Rule)
	b = appendField(b, `,"event":`, c.Event)
	b = appendField(b, `,"start":`, c.Start.String())
	b = appendField(b, `,"last":`, c.Last.String())
	b = appendNumber(b, `,"register":`, c.Register)
	b = appendField(b, `,"calendar":`, c.Calendar)
	b = appendField(b, `,"ground":`, c.Ground)
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{' // instead of the first comma
	return append(b, '}')
}

func appendPart(b []byte, p *ErasedPart) []byte {
	b = append(appendUUID(append(b, `["`...), p.Record), `",`...)
	b = append(strconv.AppendInt(b, int64(p.Part), 10), ',')
	b = append(strconv.AppendInt(b, int64(p.Version), 10), ',', '"')
	b = append(appendUUID(b, p.Subject), `",`...)
	return append(strconv.AppendInt(b, int64(p.Because), 10), ']')
}

// DecodeProof reads what [EncodeProof] wrote, and nothing else.
func DecodeProof(body []byte) (Proof, error) {
	p, ok := readProof(body)
	if !ok || !bytes.Equal(EncodeProof(&p), body) { // one content, one form
		return Proof{}, fmt.Errorf("decode proof: %w", errForm)
	}
	return p, nil
}

func readProof(body []byte) (p Proof, ok bool) {
	r := strict.New(body)
	r.Must(`{"v":1,"n":`)
	var err error
	if p.N, err = strconv.ParseUint(r.Number(), 10, 64); err != nil {
		return p, false
	}
	readID(r, `,"id":`, &p.ID)
	r.Must(`,"at":`)
	if p.At, err = time.Parse(time.RFC3339Nano, r.Text()); err != nil {
		return p, false
	}
	readActor(r, &p.Actor)
	readField(r, `,"case":`, &p.Case)
	readField(r, `,"kind":`, &p.Kind)
	readID(r, `,"controller":`, &p.Controller)
	if r.Has(`,"subjects":`) {
		readList(r, func() {
			var id storage.ID
			readID(r, ``, &id)
			p.Subjects = append(p.Subjects, id)
		})
	}
	if r.Has(`,"because":`) {
		readList(r, func() { p.Because = append(p.Because, readBecause(r)) })
	}
	if r.Has(`,"parts":`) {
		readList(r, func() { p.Parts = append(p.Parts, readPart(r)) })
	}
	if r.Has(`,"method":`) {
		p.Method = r.Texts()
	}
	r.Must(`,"copies":`)
	if day := r.Text(); day != unknown {
		p.Copies, err = civil.ParseDate(day)
	}
	r.Must(`}`)
	return p, err == nil && r.Done()
}

// readList reads [item,...], which is not empty.
func readList(r *strict.Reader, item func()) {
	r.Must(`[`)
	for !r.Failed() {
		item()
		if r.Has(`]`) {
			return
		}
		r.Must(`,`)
	}
}

// readID reads what appendID wrote.
func readID(r *strict.Reader, key string, into *storage.ID) {
	if r.Has(key) && into.UnmarshalText([]byte(r.Text())) != nil {
		r.Fail()
	}
}

// readBecause reads what appendBecause wrote, whose first key has no comma before it.
func readBecause(r *strict.Reader) (c Because) {
	r.Must(`{`)
	first := true
	has := func(key string) bool {
		there := !first && r.Has(`,"`+key+`":`) || first && r.Has(`"`+key+`":`)
		first = first && !there
		return there
	}
	text := func(key string, into *string) {
		if has(key) {
			*into = r.Text()
		}
	}
	day := func(key string, into *civil.Date) {
		if !has(key) {
			return
		}
		var err error
		if *into, err = civil.ParseDate(r.Text()); err != nil {
			r.Fail()
		}
	}
	text("family", &c.Family)
	text("role", &c.Role)
	if has("purposes") {
		c.Purposes = r.Texts()
	}
	text("rule", &c.Rule)
	text("event", &c.Event)
	day("start", &c.Start)
	day("last", &c.Last)
	if has("register") {
		c.Register = r.Int()
	}
	text("calendar", &c.Calendar)
	text("ground", &c.Ground)
	r.Must(`}`)
	return c
}

// readPart reads ["RECORD",PART,VERSION,"SUBJECT",BECAUSE].
func readPart(r *strict.Reader) (p ErasedPart) {
	r.Must(`[`)
	readID(r, ``, &p.Record)
	r.Must(`,`)
	p.Part = r.Int()
	r.Must(`,`)
	p.Version = r.Int()
	r.Must(`,`)
	readID(r, ``, &p.Subject)
	r.Must(`,`)
	p.Because = r.Int()
	r.Must(`]`)
	return p
}
