package gdpr

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// page is how many parts one read opens: one trail entry names its records.
const page = 200

// Get returns one record as the session's purpose may see it. The trail entry is durable before anything is returned;
// if it cannot be written, the read fails (EPM-6).
func (s *Session) Get(ctx context.Context, id ID) (*Stored, error) {
	var out *Stored
	err := again(ctx, func() error {
		a, err := s.beginRead(ctx, "Get")
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
		usable, why := a.usable(ctx, parts)
		if len(usable) == 0 {
			return a.refused(ctx, why, []string{audit.Object("record", id)})
		}
		got, err := a.open(ctx, usable)
		if err != nil {
			return err
		}
		out = got[0]
		return a.commit(ctx, &storage.Batch{}, readEntry(got))
	})
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	return out, nil
}

// gone is ErrErased when a proof names the record, or when the customer of the session's agreement was off-boarded, else ErrNotFound.
func (e *Engine) gone(ctx context.Context, record, under ID) error {
	proofs, err := e.store.ProofOf(ctx, record)
	if err != nil {
		return err
	}
	if len(proofs) > 0 {
		return ErrErased
	}
	if under.IsZero() {
		return ErrNotFound
	}
	// The proof of a whole customer names no records.
	g, err := e.agreementOf(ctx, under)
	if err != nil {
		return err
	}
	key, err := e.keys.ControllerKey(ctx, g.Party)
	if err == nil && key.Destroyed {
		return ErrErased
	}
	return ErrNotFound
}

// Find returns every record of the session's purpose that the identity leads to: those of the person it identifies, and those with a
// find-by field of that value. With SubjectRights it looks across activities and controllers; a processor's records come unopened ([Stored.Sealed]).
func (s *Session) Find(ctx context.Context, who Identity) iter.Seq2[*Stored, error] {
	return s.stream(ctx, "Find", func(a *act, yield func([]storage.Part) (bool, error)) error {
		subjects, records, err := a.locate(ctx, who)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(subjects, lookupChunk) {
			q := storage.PartQuery{Subjects: chunk}
			if more, err := a.pages(ctx, q, yield); err != nil || !more {
				return err
			}
		}
		for _, id := range records {
			parts, err := s.e.store.Record(ctx, id)
			if err != nil {
				return err
			}
			if more, err := yield(parts); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

// Query selects records of the session's purpose; fields that are set must all match.
type Query struct {
	Labels    map[string]string
	Agreement ID // agreement or assignment
}

// Records returns the records of the session's activity, in the order of their ids, in pages that are each one trail entry.
func (s *Session) Records(ctx context.Context, q Query) iter.Seq2[*Stored, error] {
	return s.stream(ctx, "Records", func(a *act, yield func([]storage.Part) (bool, error)) error {
		head := s.e.reg.Head(s.purpose)
		if head == "" {
			return refuse("Purpose", "Records lists one activity")
		}
		pq := storage.PartQuery{Controller: s.e.self, Family: head, Labels: q.Labels, Owner: q.Agreement}
		if g := s.e.cache.agreement(s.agreement); g != nil && s.e.layouts[head].head.Processor() {
			pq.Controller = g.Party
		}
		_, err := a.pages(ctx, pq, yield)
		return err
	})
}

// pages hands on the parts of a query page by page; a record is never cut in two.
func (a *act) pages(ctx context.Context, q storage.PartQuery, yield func([]storage.Part) (bool, error)) (more bool, err error) {
	q.Limit = page
	var rest []storage.Part
	for {
		parts, err := a.s.e.store.Parts(ctx, q)
		if err != nil {
			return false, err
		}
		last := len(parts) < q.Limit
		if len(parts) > 0 {
			q.After = parts[len(parts)-1].PartRef
		}
		parts = append(rest, parts...)
		rest = nil
		if !last {
			cut := len(parts) - 1
			for cut > 0 && parts[cut-1].Record == parts[len(parts)-1].Record {
				cut--
			}
			if cut > 0 {
				rest, parts = slices.Clone(parts[cut:]), parts[:cut]
			}
		}
		if len(parts) > 0 {
			if more, err := yield(parts); err != nil || !more {
				return false, err
			}
		}
		if last {
			return true, nil
		}
	}
}

// stream runs a read that returns many records: each page is opened, written to the trail, and only then handed out.
func (s *Session) stream(ctx context.Context, action string, read func(*act, func([]storage.Part) (bool, error)) error) iter.Seq2[*Stored, error] {
	return func(yield func(*Stored, error) bool) {
		a, err := s.beginRead(ctx, action)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", action, translate(err)))
			return
		}
		stopped, traced := false, false
		err = read(a, func(parts []storage.Part) (bool, error) {
			usable, _ := a.usable(ctx, parts)
			if len(usable) == 0 {
				return true, nil
			}
			got, err := a.open(ctx, usable)
			if err != nil {
				return false, err
			}
			if len(got) == 0 {
				return true, nil
			}
			if err := a.commit(ctx, &storage.Batch{}, readEntry(got)); err != nil {
				return false, err
			}
			traced = true
			for _, r := range got {
				if !yield(r, nil) {
					stopped = true
					return false, nil
				}
			}
			return true, nil
		})
		if err == nil && !traced {
			err = a.commit(ctx, &storage.Batch{}, audit.Entry{})
		}
		if err != nil && !stopped {
			yield(nil, fmt.Errorf("%s: %w", action, translate(err)))
		}
	}
}

func readEntry(got []*Stored) audit.Entry {
	e := audit.Entry{Count: len(got)}
	names := map[string]bool{}
	for _, r := range got {
		e.Objects = append(e.Objects, audit.Object("record", r.ID))
		for _, f := range r.p.fields {
			for name := range f {
				names[name] = true
			}
		}
	}
	for name := range names {
		e.Fields = append(e.Fields, name)
	}
	slices.Sort(e.Fields)
	return e
}

// beginRead begins an act that opens records.
func (s *Session) beginRead(ctx context.Context, action string) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	switch s.purpose {
	case Retention:
		return nil, a.refused(ctx, fmt.Errorf("%w: Retention opens no personal data", ErrNotAllowed), nil)
	case SubjectRights:
		return a, a.may(ctx, mayRead, s.e.heads()...)
	}
	if err := a.may(ctx, mayRead, s.purpose); err != nil {
		return nil, err
	}
	return a, a.needAgreement(ctx, s.e.layouts[s.e.reg.Head(s.purpose)])
}

// heads are all activities: SubjectRights needs them all.
func (e *Engine) heads() []string { return e.reg.ActivityIDs() }

// locate finds the persons and single records that an identity leads to.
func (a *act) locate(ctx context.Context, who Identity) (subjects, records []ID, err error) {
	e := a.s.e
	if who.IsZero() {
		return nil, nil, refuse("Subject", "missing: whom to look for")
	}
	ids, err := who.normalize("Subject", e.country())
	if err != nil {
		return nil, nil, err
	}
	controllers := []ID{e.self}
	switch {
	case a.s.purpose == SubjectRights:
		others, err := e.partyIDs(ctx)
		if err != nil {
			return nil, nil, err
		}
		controllers = append(controllers, others...)
	case !a.s.agreement.IsZero():
		g, err := e.agreementOf(ctx, a.s.agreement)
		if err != nil {
			return nil, nil, err
		}
		controllers = []ID{g.Party}
	}
	var tokens [][]byte
	for _, c := range controllers {
		for _, n := range ids {
			t, err := e.ring.Tokens(c, n.kind, n.value)
			if err != nil {
				return nil, nil, err
			}
			tokens = append(tokens, t...)
		}
	}
	rows, err := e.lookup(ctx, tokens)
	if err != nil {
		return nil, nil, err
	}
	if !who.p.id.IsZero() {
		subjects = append(subjects, who.p.id)
	}
	for _, r := range rows {
		if r.Part == 0 && !slices.Contains(subjects, r.Subject) {
			subjects = append(subjects, r.Subject)
		}
	}
	for _, r := range rows {
		if r.Part != 0 && !slices.Contains(subjects, r.Subject) && !slices.Contains(records, r.Record) {
			records = append(records, r.Record)
		}
	}
	return subjects, records, nil
}

// usable are the parts that the session's purpose may use now, and why the others may not be.
func (a *act) usable(ctx context.Context, parts []storage.Part) (out []storage.Part, why error) {
	s := a.s
	for i := range parts {
		if err := a.mayUse(ctx, &parts[i]); err != nil {
			if why == nil || errors.Is(why, ErrNotAllowed) {
				why = err
			}
			continue
		}
		out = append(out, parts[i])
	}
	_ = s
	return out, why
}

// mayUse says why the session's purpose may not use a part; nil if it may.
func (a *act) mayUse(ctx context.Context, p *storage.Part) error {
	e, s := a.s.e, a.s
	if s.purpose == SubjectRights {
		return nil
	}
	switch {
	case !slices.Contains(p.Purposes, s.purpose):
		return fmt.Errorf("%w: the purpose does not use this data", ErrNotAllowed)
	case e.layouts[p.Family] != nil && e.layouts[p.Family].head.Processor() && p.Agreement != s.agreement:
		return fmt.Errorf("%w: the data is under another agreement", ErrNotAllowed)
	}
	v, err := e.judge(ctx, p)
	if err != nil {
		return err
	}
	for _, st := range v.Standings {
		if st.Purpose == s.purpose && !st.UseEnds.IsZero() && !a.now.Before(st.UseEnds) {
			return ErrPurposeEnded
		}
	}
	if p.Restricted {
		return ErrRestricted
	}
	return nil
}

// open decrypts parts and joins them to records. A processor's parts stay sealed for SubjectRights.
func (a *act) open(ctx context.Context, parts []storage.Part) ([]*Stored, error) {
	e := a.s.e
	if err := e.withKeys(ctx, parts); err != nil {
		return nil, err
	}
	var out []*Stored
	at := map[ID]*Stored{}
	for i := range parts {
		p := &parts[i]
		r := at[p.Record]
		if r == nil {
			f, err := decodeFacts(p.Facts)
			if err != nil {
				return nil, err
			}
			r = &Stored{ID: p.Record, Activity: p.Family, Role: Role(p.Role), Controller: p.Controller, Agreement: p.Agreement,
				Assignment: p.Assignment, Class: p.Class, Collected: f.Collected, Labels: p.Labels, Version: 1,
				p: &shares{fields: map[ID]Fields{}}}
			at[p.Record] = r
			out = append(out, r)
		}
		r.Version += p.Version - 1
		r.Restricted = r.Restricted || p.Restricted
		for _, purpose := range p.Purposes {
			if !slices.Contains(r.Purposes, purpose) {
				r.Purposes = append(r.Purposes, purpose)
			}
		}
		if !slices.Contains(r.p.subjects, p.Subject) {
			r.p.subjects = append(r.p.subjects, p.Subject)
			r.p.fields[p.Subject] = Fields{}
		}
		if a.s.purpose == SubjectRights && r.Controller != e.self {
			r.p.sealed = true
			continue
		}
		c, err := e.openPart(ctx, p)
		if err != nil {
			return nil, err
		}
		if r.p.source == "" {
			r.p.source = c.source
		}
		for name, v := range c.fields {
			if a.mayField(p, name) {
				r.p.fields[p.Subject][name] = v
			}
		}
	}
	return out, nil
}

// mayField reports whether the session's purpose may use a field of a part.
func (a *act) mayField(p *storage.Part, field string) bool {
	if a.s.purpose == SubjectRights {
		return true
	}
	act, ok := a.s.e.reg.Activity(a.s.purpose)
	return ok && slices.Contains(act.FieldNames(), field) && slices.Contains(p.Purposes, a.s.purpose)
}
