package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
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
	fresh      map[string]ID // token -> person, of the identifiers that this batch adds
	ahead      *intake       // the batch before, on its way to the store
	dues       map[string]time.Time
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
}

// owner is the agreement or assignment that dates a record, with its clock.
type owner struct {
	agreement  *agreement
	assignment ID
	files      []storage.FileCond
	schedule   *storage.Schedule
}

func (e *Engine) newIntake(a *act, l *layout) *intake {
	return &intake{e: e, a: a, l: l, controller: e.self, owners: map[ID]*owner{}, opened: map[ID]*crypto.Subject{}, fresh: map[string]ID{}, dues: map[string]time.Time{}}
}

// add checks one record and takes it in.
func (in *intake) add(ctx context.Context, r *Record) error {
	d := &draft{source: r.Source, labels: r.Labels}
	if err := in.checkMeta(r, d); err != nil {
		return err
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
	p := person{identity: ids, given: sh.Subject.p.id, fields: make(Fields, len(sh.Fields)+1)}
	for name, v := range sh.Fields {
		if err := in.e.checkField(in.l, prefix, name, v); err != nil {
			return person{}, err
		}
		p.fields[name] = v
	}
	for _, id := range sh.Subject.p.ids {
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
		return refuse(prefix+"Fields", "has a field that the activity does not declare (Art. 5(1)(c))")
	}
	field := prefix + "Fields." + name
	encoded, err := appendValue(nil, v, field, 0)
	if err != nil {
		return err
	}
	if len(encoded) > e.opt.MaxValue {
		return refuse(field, "larger than %d bytes", e.opt.MaxValue)
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

// owner returns the agreement or assignment that dates a record, each asked for once a batch.
func (in *intake) owner(ctx context.Context, agreementID, assignment ID) (*owner, error) {
	key := assignment
	if key.IsZero() {
		key = agreementID
	}
	if key.IsZero() {
		return nil, nil
	}
	if o, ok := in.owners[key]; ok {
		if !agreementID.IsZero() && o.agreement.ID != agreementID {
			return nil, refuse("Assignment", "belongs to another agreement")
		}
		return o, nil
	}
	o, err := in.e.findOwner(ctx, in.l, agreementID, assignment)
	if err != nil {
		return nil, err
	}
	in.owners[key] = o
	return o, nil
}

func (e *Engine) findOwner(ctx context.Context, l *layout, agreementID, assignment ID) (*owner, error) {
	o := &owner{assignment: assignment}
	if !assignment.IsZero() {
		f, err := e.store.File(ctx, fileAssignment, assignment)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, refuse("Assignment", "no such assignment")
		}
		if err != nil {
			return nil, err
		}
		if !agreementID.IsZero() && f.Parent != agreementID {
			return nil, refuse("Assignment", "belongs to another agreement")
		}
		agreementID = f.Parent
	}
	g, err := e.agreementOf(ctx, agreementID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse("Agreement", "no such agreement")
	}
	if err != nil {
		return nil, err
	}
	o.agreement = g
	o.files = []storage.FileCond{g.cond()}
	if !l.head.Processor() && len(g.Activities) > 0 && g.Party == e.self {
		return nil, refuse("Agreement", "is for a processor's data")
	}
	schedules, err := e.store.SchedulesOf(ctx, o.id())
	if err != nil {
		return nil, err
	}
	for i := range schedules {
		if schedules[i].Family == l.head.ID {
			o.schedule = &schedules[i]
		}
	}
	if o.schedule == nil {
		o.schedule = &storage.Schedule{Owner: o.id(), Family: l.head.ID, Rev: 0, Facts: []byte("{}")}
	}
	return o, nil
}

// open refuses a record that was collected after its agreement or assignment had ended.
func (o *owner) open(collected civil.Date) error {
	f, err := decodeFacts(o.schedule.Facts)
	if err != nil {
		return err
	}
	for _, ev := range []retention.Event{retention.AssignmentEnded, retention.AgreementEnded} {
		if day, ended := f.Days[ev]; ended && collected.After(day) {
			return refuse("CollectedAt", "after the agreement or assignment had ended")
		}
	}
	return nil
}

// pin adds to a batch that the clock has not changed since it was read, or makes it.
func (o *owner) pin(b *storage.Batch) {
	if o.schedule.Rev > 0 {
		b.Schedules = append(b.Schedules, storage.ScheduleCond{Owner: o.schedule.Owner, Family: o.schedule.Family, Rev: o.schedule.Rev})
		return
	}
	fresh := *o.schedule
	fresh.Rev = 1
	b.PutSchedules = append(b.PutSchedules, fresh)
}

func (o *owner) id() ID {
	if !o.assignment.IsZero() {
		return o.assignment
	}
	return o.agreement.ID
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
	if err := in.resolve(ctx, b); err != nil {
		return nil, err
	}
	used := map[*owner]bool{}
	for _, d := range in.records {
		if err := in.seal(ctx, b, d); err != nil {
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
func (in *intake) seal(ctx context.Context, b *storage.Batch, d *draft) error {
	d.id = storage.NewRecordID(d.persons[0].subject, in.a.now)
	number := 0
	collected := d.facts.encode()
	for _, p := range d.persons {
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
			if err := in.date(ctx, &part); err != nil {
				return err
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
			b.PutIndex = append(b.PutIndex, rows...)
		}
	}
	return nil
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

// resolve finds the person behind every identity of the batch, or makes one. Identifiers that a known person did not have yet are added.
func (in *intake) resolve(ctx context.Context, b *storage.Batch) error {
	e := in.e
	tokens := map[string]ID{}          // every identifier that leads to somebody, stored or new in this batch
	kept := map[*normalized]([]byte){} // the token of each identifier
	var ask [][]byte
	for _, d := range in.records {
		for i := range d.persons {
			for j := range d.persons[i].identity {
				n := &d.persons[i].identity[j]
				all, err := e.ring.Tokens(in.controller, n.kind, n.value)
				if err != nil {
					return err
				}
				kept[n] = all[0]
				ask = append(ask, all...)
			}
		}
	}
	found, err := e.lookup(ctx, ask)
	if err != nil {
		return err
	}
	for _, row := range found {
		if row.Part == 0 {
			tokens[string(row.Token)] = row.Subject
		}
	}
	if in.ahead != nil {
		for token, id := range in.ahead.fresh {
			tokens[token] = id
		}
	}
	known, fresh := map[ID]bool{}, map[ID]bool{}
	for _, d := range in.records {
		for i := range d.persons {
			p := &d.persons[i]
			if p.subject, err = in.who(ctx, p, tokens, kept); err != nil {
				return err
			}
			if p.subject.IsZero() {
				p.subject = storage.NewID()
				fresh[p.subject] = true
				b.PutSubjects = append(b.PutSubjects, storage.Subject{ID: p.subject, Controller: in.controller, Rev: 1, Created: in.a.now})
			} else if !fresh[p.subject] {
				known[p.subject] = true
			}
			for j := range p.identity {
				n := &p.identity[j]
				if _, has := tokens[string(kept[n])]; has {
					continue
				}
				tokens[string(kept[n])] = p.subject
				in.fresh[string(kept[n])] = p.subject
				b.PutIndex = append(b.PutIndex, storage.IndexRow{Subject: p.subject, Kind: n.kind, Token: kept[n], Controller: in.controller, Sealed: []byte(n.value)})
			}
		}
	}
	for id := range known {
		b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id})
	}
	return in.keys(ctx, b, known, fresh)
}

// who is the stored person behind an identity; zero for a new one.
func (in *intake) who(ctx context.Context, p *person, tokens map[string]ID, kept map[*normalized][]byte) (ID, error) {
	who := p.given
	if !who.IsZero() {
		row, err := in.e.store.Subject(ctx, who)
		if errors.Is(err, storage.ErrNotFound) || (err == nil && row.Controller != in.controller) {
			return ID{}, refuse("Subject", "no such person of this controller")
		}
		if err != nil {
			return ID{}, err
		}
	}
	for j := range p.identity {
		got, ok := tokens[string(kept[&p.identity[j]])]
		switch {
		case !ok:
		case who.IsZero():
			who = got
		case who != got:
			return ID{}, fmt.Errorf("%w: Subject: the identifiers lead to two different persons", ErrConflict)
		}
	}
	return who, nil
}

// keys opens the keys of known persons, makes those of new ones, and seals the identifiers.
func (in *intake) keys(ctx context.Context, b *storage.Batch, known, fresh map[ID]bool) error {
	e := in.e
	ctl, err := e.controller(ctx, in.controller)
	if err != nil {
		return err
	}
	for id := range fresh {
		key, row, err := ctl.NewSubject(id)
		if err != nil {
			return err
		}
		in.opened[id] = key
		b.Keys.PutSubjects = append(b.Keys.PutSubjects, row)
	}
	var cold []ID
	for id := range known {
		if key, ok := e.ring.Subject(in.controller, id); ok {
			in.opened[id] = key
		} else if in.ahead != nil && in.ahead.opened[id] != nil {
			in.opened[id] = in.ahead.opened[id]
		} else {
			cold = append(cold, id)
		}
	}
	if len(cold) > 0 {
		rows, err := e.keys.SubjectKeys(ctx, cold)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if in.opened[row.ID], err = ctl.OpenSubject(row); err != nil {
				return err
			}
		}
	}
	for id := range known {
		if in.opened[id] == nil {
			return crypto.ErrDestroyed
		}
	}
	for i := range b.PutIndex {
		row := &b.PutIndex[i]
		if row.Sealed, err = in.opened[row.Subject].SealIdentifier(row.Kind, string(row.Sealed)); err != nil {
			return err
		}
	}
	return nil
}

const lookupChunk = 500

// lookup asks the blind index, in chunks.
func (e *Engine) lookup(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	var out []storage.IndexRow
	for chunk := range slices.Chunk(tokens, lookupChunk) {
		rows, err := e.store.Lookup(ctx, chunk)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}
