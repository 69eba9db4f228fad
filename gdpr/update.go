package gdpr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

const mayDecide = "decide"

// Change is a new state of some fields of a record.
type Change struct {
	// Subject is the person whose fields they are. Defaults to the record's first.
	Subject ID
	// Fields are the new values; a nil value takes the field away.
	Fields Fields
	// Version is the one that was read ([Stored.VersionOf]): if the person's data has another by now the change fails with ErrConflict. Defaults to any.
	Version int
	// Statement is what the person adds to the record, without anything in it being wrong (Art. 16, second sentence). It stands with the Fields that are changed, or else with all
	// that the session's purpose may use of the person's data in the record, is seen by whoever reads that, stays through later changes, and ends with it.
	// Another statement replaces it. At most as large as a field.
	Statement string
}

// String returns [redacted].
func (Change) String() string { return redacted }

// Format prints [redacted] for every verb.
func (Change) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Change) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Change) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// Update changes fields of a record (Art. 16). The new version has a new key and the old one's key is destroyed: the old value opens nowhere.
// An identifier that the changed field carried moves along. The trail names the fields, never a value (REQUIREMENTS 4.20).
func (s *Session) Update(ctx context.Context, id ID, c Change) error {
	try, held := 0, false
	err := again(ctx, func() error {
		try++
		a, err := s.beginUpdate(ctx)
		if err != nil {
			return err
		}
		parts, err := s.e.store.Record(ctx, id)
		if err != nil {
			return err
		}
		if len(parts) == 0 {
			return s.e.gone(ctx, id, s.agreement)
		}
		usable, why, err := a.usable(ctx, parts)
		if err != nil {
			return err
		}
		if len(usable) == 0 {
			return a.refused(ctx, why, []string{audit.Object("record", id)})
		}
		u := &update{a: a, l: s.e.layouts[parts[0].Family], all: parts, b: &storage.Batch{}, try: try, moved: map[string]moved{}}
		if u.l == nil {
			return refuse("Record", "its activity is not in the register any more")
		}
		u.held = held
		err = u.run(ctx, id, c, usable)
		var cond *storage.ConditionError
		held = errors.As(err, &cond) && cond.Has(storage.KindSubject, storage.Held)
		return err
	})
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

func (s *Session) beginUpdate(ctx context.Context) (*act, error) {
	a, err := s.begin("Update")
	if err != nil {
		return nil, err
	}
	switch s.purpose {
	case Retention:
		return nil, a.refused(ctx, fmt.Errorf("%w: Retention opens no personal data", ErrNotAllowed), nil)
	case SubjectRights:
		return a, a.may(ctx, mayDecide, s.e.heads()...)
	}
	if err := a.may(ctx, mayWrite, s.purpose); err != nil {
		return nil, err
	}
	return a, a.needAgreement(ctx, s.e.layouts[s.e.reg.Head(s.purpose)])
}

// update is one change on its way to the store.
type update struct {
	held    bool // somebody who is held was met by the try before
	a       *act
	l       *layout
	all     []storage.Part
	b       *storage.Batch
	subject ID
	key     *crypto.Subject
	moved   map[string]moved  // by field
	ended   []string          // further purposes for which the person is suppressed
	left    []storage.PartRef // all that the person has then, if an identifier goes because none of it carries it
	// try counts from 1. A version that was tried before may have left its key behind, where keys live apart: each try takes another.
	try  int
	says string // the person's statement
	only bool   // and nothing else
}

func (u *update) run(ctx context.Context, id ID, c Change, usable []storage.Part) error {
	e := u.a.s.e
	if len(c.Fields) == 0 && c.Statement == "" {
		return refuse("Fields", "empty: nothing to change")
	}
	if err := e.checkNote("Statement", c.Statement); err != nil {
		return err
	}
	u.says, u.only = c.Statement, len(c.Fields) == 0
	u.subject = c.Subject
	if u.subject.IsZero() {
		u.subject = u.all[0].Subject
	}
	version := 0
	for _, p := range usable {
		if p.Subject == u.subject {
			version += p.Version
		}
	}
	if version == 0 {
		return refuse("Subject", "no such person in the record")
	}
	if c.Version != 0 && c.Version != version {
		return ErrConflict
	}
	set := Fields{}
	for name, v := range c.Fields {
		if v == nil {
			if _, ok := u.l.category[name]; !ok {
				return u.l.undeclared("")
			}
			set[name] = v
			continue
		}
		if err := e.checkField(u.l, "", name, v); err != nil {
			return err
		}
		set[name] = v
	}
	if why := u.allowed(set); why != nil {
		return u.a.refused(ctx, why, []string{audit.Object("record", id)})
	}
	if err := u.suppressed(ctx, set); err != nil {
		return err
	}
	if err := e.withKeys(ctx, u.all); err != nil {
		return err
	}
	var err error
	first := u.all[slices.IndexFunc(u.all, func(p storage.Part) bool { return p.Subject == u.subject })]
	if u.key, err = e.subject(ctx, first.Controller, u.subject, first.SubjectKey); err != nil {
		return err
	}
	why, err := u.parts(ctx, set)
	if err != nil {
		return err
	}
	if why != nil {
		return u.a.refused(ctx, why, []string{audit.Object("record", id)})
	}
	if err := u.identifiers(ctx); err != nil {
		return err
	}
	if len(u.b.PutParts) > 0 { // what a new part was made from must still be so
		for i := range u.all {
			q := &u.all[i]
			if q.Subject == u.subject && !slices.ContainsFunc(u.b.RevisePart, func(r storage.Part) bool { return r.PartRef == q.PartRef }) {
				u.b.RetimeParts = append(u.b.RetimeParts, retimeOf(q))
			}
		}
	}
	frozen := false
	if u.held { // by no more than an open request?
		if frozen, err = u.a.onlyFrozen(ctx, u.b, u.subject); err != nil {
			return err
		}
		for _, v := range set { // to put right is no erasure, to take away is
			frozen = frozen && v != nil
		}
	}
	u.b.Subjects = append(u.b.Subjects, storage.SubjectCond{ID: u.subject, NotHeld: !frozen, Exclusive: len(u.left) > 0, Left: u.left})
	entry := audit.Entry{Objects: []string{audit.Object("record", id)}, Fields: set.Names()}
	if c.Statement != "" {
		entry.Why = "supplementary statement"
	}
	return u.a.commit(ctx, u.b, entry)
}

// allowed refuses what the session's purpose may not touch.
func (u *update) allowed(set Fields) error {
	if u.a.s.purpose == SubjectRights {
		if u.all[0].Controller != u.a.s.e.self {
			return fmt.Errorf("%w: a processor rectifies on the controller's instruction, under its agreement", ErrNotAllowed)
		}
		return nil
	}
	act, _ := u.a.s.e.reg.Activity(u.a.s.purpose)
	for name := range set {
		if !slices.Contains(act.FieldNames(), name) {
			return fmt.Errorf("%w: Fields.%s: not a field of this purpose", ErrNotAllowed, name)
		}
	}
	return nil
}

// parts changes each of the person's parts that the fields belong to, and begins those that are not there yet; why says that the purpose may not
// use one. From the others the fields are taken away: an earlier register may have laid them out otherwise, and the old value must stay nowhere.
func (u *update) parts(ctx context.Context, set Fields) (why, err error) {
	there := map[string]bool{}
	for _, p := range u.all {
		if p.Subject != u.subject {
			continue
		}
		there[joined(p.Purposes)] = true
		mine, rest := Fields{}, Fields{}
		for name, v := range set {
			if u.l.group[name] == joined(p.Purposes) {
				mine[name] = v
			} else {
				rest[name] = nil
			}
		}
		says := ""
		if len(mine) > 0 || u.only {
			why, err := u.a.mayNotUse(ctx, &p)
			if err != nil || why != nil && !u.only {
				return why, err
			}
			if why == nil {
				says = u.says
			}
		}
		if err := u.mayChange(ctx, &p, len(mine) > 0 || says != "", mine); err != nil {
			return nil, err
		}
		if err := u.revise(ctx, p, mine, rest, says); err != nil {
			return nil, err
		}
	}
	for _, pf := range u.l.split(set) {
		if !there[joined(pf.purposes)] {
			if err := u.newPart(ctx, pf); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// revise gives a part a new version with the changed fields and what the person says, and without the fields of the rest. One that none of it concerns stays as it is.
func (u *update) revise(ctx context.Context, p storage.Part, changed, rest Fields, says string) error {
	old, err := u.a.s.e.openPart(ctx, &p)
	if len(changed) == 0 && says == "" && errors.Is(err, crypto.ErrDestroyed) {
		return nil // erased meanwhile, and nothing of it was asked for
	}
	if err != nil {
		return err
	}
	next := content{fields: Fields{}, source: old.source, statement: cmp.Or(says, old.statement)}
	touched := len(changed) > 0 || says != ""
	for k, v := range old.fields {
		if _, drop := rest[k]; drop {
			touched = true
			continue
		}
		next.fields[k] = v
	}
	if !touched {
		return nil
	}
	for k, v := range changed {
		if v == nil {
			delete(next.fields, k)
		} else {
			next.fields[k] = v
		}
	}
	for range u.try { // this version's key, and those of versions that were tried and not stored
		u.b.Keys.DestroyParts = append(u.b.Keys.DestroyParts, storage.PartKeyRef{PartRef: p.PartRef, Version: p.Version})
		p.Version++
	}
	p.Rev++
	if err := u.endSuppressed(ctx, &p); err != nil {
		return err
	}
	if err := u.seal(&p, next); err != nil {
		return err
	}
	u.b.RevisePart = append(u.b.RevisePart, p)
	return u.reindex(&p, old.fields, next.fields)
}

// newPart begins a part for fields that the person had none of in this record. Its number was never used: not even by a part that is erased.
func (u *update) newPart(ctx context.Context, pf partFields) error {
	e := u.a.s.e
	fields := Fields{}
	for k, v := range pf.fields {
		if v != nil {
			fields[k] = v
		}
	}
	if len(fields) == 0 {
		return nil
	}
	used := 0
	for _, p := range u.all {
		used = max(used, p.PartRef.Part)
	}
	for _, p := range u.b.PutParts {
		used = max(used, p.PartRef.Part)
	}
	proofs, err := e.store.ProofOf(ctx, u.all[0].Record)
	if err != nil {
		return err
	}
	for _, row := range proofs {
		proof, err := audit.DecodeProof(row.Body)
		if err != nil {
			return err
		}
		for _, gone := range proof.Parts {
			if gone.Record == u.all[0].Record {
				used = max(used, gone.Part)
			}
		}
	}
	p := u.all[slices.IndexFunc(u.all, func(p storage.Part) bool { return p.Subject == u.subject })]
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	restricted := false
	for _, q := range u.all {
		if q.Held > 0 {
			return ErrOnHold
		}
		if q.Subject != u.subject {
			continue
		}
		of, err := decodeFacts(q.Facts)
		if err != nil {
			return err
		}
		if aside, err := isKeptAside(&q); err != nil || aside || q.Restricted && u.a.s.purpose != SubjectRights {
			return cmp.Or(err, ErrRestricted)
		}
		restricted = restricted || q.Restricted
		for purpose, how := range of.Ended {
			f.end(purpose, how)
		}
	}
	for _, object := range []ID{p.Record, p.Subject} { // also what was said of parts that have gone
		if err := e.endedBy(ctx, object, registered(p.Record), &f); err != nil {
			return err
		}
	}
	for _, purpose := range u.ended {
		f.end(purpose, ended{Day: e.day(u.a.now), AtOnce: true})
	}
	on, err := e.onPersons(ctx, u.b, []ID{p.Subject})
	if err != nil {
		return err
	}
	all := on[p.Subject]
	if restricted { // perhaps by one of the record alone
		if all, err = e.restrictionsAbout(ctx, []ID{p.Subject}); err != nil {
			return err
		}
	}
	p.Purposes, p.Restricted, f.Restricted = pf.purposes, false, nil
	applyRestrictions(&p, &f, all)
	p.Facts = f.encode()
	p.PartRef.Part, p.Rev, p.Version, p.Due, p.Held = used+1, 1, u.try, time.Time{}, 0
	for v := 1; v < u.try; v++ { // keys of tries that were not stored
		u.b.Keys.DestroyParts = append(u.b.Keys.DestroyParts, storage.PartKeyRef{PartRef: p.PartRef, Version: v})
	}
	if err := e.date(ctx, &p); err != nil {
		return err
	}
	if err := u.seal(&p, content{fields: fields, statement: u.says}); err != nil {
		return err
	}
	p.Schedule = nil
	u.b.PutParts = append(u.b.PutParts, p)
	return u.reindex(&p, nil, fields)
}

func (u *update) seal(p *storage.Part, c content) error {
	plain, err := c.encode()
	if err != nil {
		return err
	}
	sealed, wrapped, err := u.key.SealPart(place(p), plain)
	if err != nil {
		return err
	}
	p.Sealed, p.Key, p.SubjectKey = sealed, nil, nil
	u.b.Keys.PutParts = append(u.b.Keys.PutParts, storage.PartKey{
		PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: p.Version}, Wrapped: wrapped})
	return nil
}

// mayChange refuses to change what a hold keeps, and to take away what a floor keeps: that would be an erasure by another name.
func (u *update) mayChange(ctx context.Context, p *storage.Part, touched bool, set Fields) error {
	if !touched {
		return nil
	}
	if p.Held > 0 {
		return ErrOnHold
	}
	if !p.Agreement.IsZero() {
		u.b.Files = append(u.b.Files, storage.FileCond{Kind: fileAgreement, ID: p.Agreement, NotHeld: true})
	}
	v, err := u.a.s.e.judge(ctx, p)
	if err != nil {
		return err
	}
	_, floor := floorOf(v, u.a.now)
	for name, value := range set {
		if value == nil && floor != "" {
			return refuse("Fields."+name, "may not be taken away: %s", floor)
		}
	}
	return nil
}
