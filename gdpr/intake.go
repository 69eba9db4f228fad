package gdpr

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
)

// intake turns records into one batch: checked, dated, their persons found or made, sealed.
type intake struct {
	e          *Engine
	a          *act
	l          *layout
	controller ID
	records    []*draft
	owners     map[ID]*owner
	opened     map[ID]*crypto.Subject
	fresh      map[string]ID   // token -> person, of the identifiers that this batch adds
	named      map[ID][][]byte // person -> tokens of the identifiers that the batch names
	ahead      *intake         // the batch before, on its way to the store
	dues       map[string]time.Time
	overdue    int // parts that are due already
}

// draft is a record on its way in.
type draft struct {
	id         ID
	persons    []person
	agreement  ID
	assignment ID
	owner      *owner
	facts      facts
	labels     map[string]string
	source     string
}

type person struct {
	identity []normalized
	given    ID // by gdpr.Subject
	subject  ID
	fields   Fields
	ended    []string // further purposes for which the person is suppressed
}

func (e *Engine) newIntake(a *act, l *layout) *intake {
	return &intake{e: e, a: a, l: l, controller: e.self, owners: map[ID]*owner{}, opened: map[ID]*crypto.Subject{}, fresh: map[string]ID{},
		named: map[ID][][]byte{}, dues: map[string]time.Time{}}
}

// add checks one record and takes it in.
func (in *intake) add(ctx context.Context, r *Record) error {
	d := &draft{source: r.Source, labels: r.Labels}
	if err := in.checkMeta(r, d); err != nil {
		return err
	}
	if len(r.Also) >= maxPersons {
		return refuse("Also", "more than %d persons in one record", maxPersons)
	}
	all := append([]Share{{r.Subject, r.Fields}}, r.Also...)
	for i, sh := range all {
		prefix := ""
		if i > 0 {
			prefix = fmt.Sprintf("Also[%d].", i)
		}
		p, err := in.person(sh, prefix)
		if err != nil {
			return err
		}
		d.persons = append(d.persons, p)
	}
	agreement, assignment := r.Agreement, r.Assignment
	if in.l.head.Processor() {
		if !agreement.IsZero() && agreement != in.a.s.agreement {
			return refuse("Agreement", "a processor's record is under the agreement of the session")
		}
		agreement = in.a.s.agreement
	}
	o, err := in.owner(ctx, agreement, assignment)
	if err != nil {
		return err
	}
	if o != nil {
		if err := o.open(d.facts.Collected); err != nil {
			return err
		}
		d.owner, d.agreement, d.assignment = o, o.agreement.ID, o.assignment
		if in.l.head.Processor() {
			in.controller = o.agreement.Party
		}
	}
	in.records = append(in.records, d)
	return nil
}

// maxPersons bounds the persons of one record: part numbers have two bytes.
const maxPersons = 1000

// checkMeta checks what is not a field of a person.
func (in *intake) checkMeta(r *Record, d *draft) error {
	e := in.e
	collected := in.a.now
	if !r.CollectedAt.IsZero() {
		collected = r.CollectedAt.UTC()
		if collected.Year() < 1900 {
			return refuse("CollectedAt", "before 1900")
		}
		if collected.After(in.a.now) {
			return refuse("CollectedAt", "in the future")
		}
	}
	d.facts.Collected = e.day(collected)
	for ev, day := range r.Events {
		if _, ok := e.reg.Events[ev]; !ok {
			return refuse("Events", "not one of the register's own events")
		}
		if err := checkDay("Events."+string(ev), day); err != nil {
			return err
		}
		d.facts.set(ev, day)
	}
	for name, v := range r.Labels {
		allowed, ok := in.l.head.Labels[name]
		if !ok {
			return refuse("Labels", "not a label of the activity")
		}
		if !slices.Contains(allowed, v) {
			return refuse("Labels."+name, "not one of the declared values")
		}
	}
	if r.Source != "" {
		if why := badLine(r.Source, 1000); why != "" {
			return refuse("Source", "%s", why)
		}
	}
	return nil
}

// person checks one person's identity and fields.
func (in *intake) person(sh Share, prefix string) (person, error) {
	if sh.Subject.IsZero() {
		return person{}, refuse(prefix+"Subject", "missing: whom is the record about")
	}
	ids, err := sh.Subject.normalize(prefix+"Subject", in.e.country())
	if err != nil {
		return person{}, err
	}
	p := person{identity: ids, given: sh.Subject.p.get().id, fields: make(Fields, len(sh.Fields)+1)}
	for name, v := range sh.Fields {
		if err := in.e.checkField(in.l, prefix, name, v); err != nil {
			return person{}, err
		}
		p.fields[name] = v
	}
	for _, id := range sh.Subject.p.get().ids {
		if field, ok := in.l.byKind[id.kind]; ok {
			if _, given := p.fields[field]; !given {
				p.fields[field] = strings.TrimSpace(id.value)
			}
		}
	}
	if len(p.fields) == 0 {
		return person{}, refuse(prefix+"Fields", "empty: a record holds at least one field")
	}
	return p, nil
}

// checkField checks one value against the register; the name is echoed only when the register knows it.
func (e *Engine) checkField(l *layout, prefix, name string, v any) error {
	category, ok := l.category[name]
	if !ok {
		return l.undeclared(prefix)
	}
	field := prefix + "Fields." + name
	if valueSize(v) > e.opt.MaxValue {
		return refuse(field, "larger than %d bytes", e.opt.MaxValue)
	}
	if _, err := appendValue(nil, v, field, 0); err != nil {
		return err
	}
	if l.findBy[name] {
		s, isText := v.(string)
		if !isText {
			return refuse(field, "a field to find by is text")
		}
		if _, why := normalize(category, s, e.country()); why != "" {
			return refuse(field, "%s", why)
		}
	}
	return nil
}

// checkNote checks a text that is kept sealed beside an event or a hold.
func (e *Engine) checkNote(field, text string) error {
	if len(text) > e.opt.MaxValue {
		return refuse(field, "larger than %d bytes", e.opt.MaxValue)
	}
	_, err := appendValue(nil, text, field, 0)
	return err
}

// store applies the batch. It returns the id of the first record.
func (in *intake) store(ctx context.Context) (ID, error) {
	b, err := in.batch(ctx)
	if err != nil {
		return ID{}, err
	}
	if err := in.a.commit(ctx, b, in.entry()); err != nil {
		return ID{}, err
	}
	return in.records[0].id, nil
}

// batch finds the persons and seals the parts.
func (in *intake) batch(ctx context.Context) (*storage.Batch, error) {
	b := &storage.Batch{}
	if err := in.suppress(ctx, b); err != nil {
		return nil, err
	}
	if err := in.resolve(ctx, b); err != nil {
		return nil, err
	}
	known := make([]ID, len(b.Subjects))
	for i := range b.Subjects {
		known[i] = b.Subjects[i].ID
	}
	restricted, err := in.e.onPersons(ctx, b, known)
	if err != nil {
		return nil, err
	}
	used := map[*owner]bool{}
	for _, d := range in.records {
		if err := in.seal(ctx, b, d, restricted); err != nil {
			return nil, err
		}
		if o := d.owner; o != nil && !used[o] {
			used[o] = true
			b.Files = append(b.Files, o.files...)
			o.pin(b)
		}
	}
	return b, nil
}

// seal adds the parts of one record to the batch.
func (in *intake) seal(ctx context.Context, b *storage.Batch, d *draft, restricted map[ID][]storedRestriction) error {
	d.id = storage.NewRecordID(d.persons[0].subject, in.a.now)
	number := 0
	for _, p := range d.persons {
		known := d.facts
		for _, purpose := range p.ended {
			known.end(purpose, ended{Day: in.e.day(in.a.now), AtOnce: true})
		}
		collected := known.encode()
		key := in.opened[p.subject]
		for _, pf := range in.l.split(p.fields) {
			number++
			part := storage.Part{
				PartRef: storage.PartRef{Bucket: p.subject.Bucket(), Record: d.id, Part: number},
				Rev:     1, Version: 1, Controller: in.controller, Subject: p.subject, Family: in.l.head.ID, Purposes: pf.purposes,
				Role: string(in.l.head.Role), Class: string(in.l.head.Class), Agreement: d.agreement, Assignment: d.assignment,
				Labels: d.labels, Facts: collected,
			}
			if d.owner != nil {
				part.Owner, part.Hangs, part.Schedule = d.owner.id(), true, d.owner.schedule
			}
			if on := restricted[p.subject]; len(on) > 0 {
				f := known
				applyRestrictions(&part, &f, on)
				part.Facts = f.encode()
			}
			if err := in.date(ctx, &part); err != nil {
				return err
			}
			if !part.Due.IsZero() && !part.Due.After(in.a.now.Add(in.e.lead())) {
				in.overdue++
			}
			plain, err := content{fields: pf.fields, source: d.source}.encode()
			if err != nil {
				return err
			}
			sealed, wrapped, err := key.SealPart(place(&part), plain)
			if err != nil {
				return err
			}
			part.Sealed, part.Schedule = sealed, nil
			b.PutParts = append(b.PutParts, part)
			b.Keys.PutParts = append(b.Keys.PutParts, storage.PartKey{
				PartKeyRef: storage.PartKeyRef{PartRef: part.PartRef, Version: 1}, Wrapped: wrapped})
			rows, err := in.e.findRows(in.l, &part, pf.fields)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if !in.leads(&p, row.Token) {
					b.PutIndex = append(b.PutIndex, row)
				}
			}
		}
	}
	return nil
}

// leads reports whether a token is of an identifier that the person is named by. The batch makes sure that it stands, and whoever finds the person by it
// finds all records: no row of the record's own is needed.
func (in *intake) leads(p *person, token []byte) bool {
	return slices.ContainsFunc(in.named[p.subject], func(t []byte) bool { return bytes.Equal(t, token) })
}

// date sets a part's own due; parts of one batch with the same facts share it.
func (in *intake) date(ctx context.Context, p *storage.Part) error {
	key := joined(p.Purposes) + string(p.Facts) + string(p.Owner[:])
	due, ok := in.dues[key]
	if !ok {
		if err := in.e.date(ctx, p); err != nil {
			return err
		}
		in.dues[key] = p.Due
		return nil
	}
	p.Due = due
	return nil
}

// findRows are the index rows of a part's find-by fields.
func (e *Engine) findRows(l *layout, p *storage.Part, f Fields) ([]storage.IndexRow, error) {
	var out []storage.IndexRow
	for name, v := range f {
		if !l.findBy[name] {
			continue
		}
		kind := l.category[name]
		s, _ := v.(string)
		form, why := normalize(kind, s, e.country())
		if why != "" {
			return nil, refuse("Fields."+name, "%s", why)
		}
		token, err := e.ring.Token(p.Controller, kind, form)
		if err != nil {
			return nil, err
		}
		out = append(out, storage.IndexRow{Subject: p.Subject, Record: p.Record, Part: p.PartRef.Part, Kind: kind, Token: token, Controller: p.Controller})
	}
	return out, nil
}
