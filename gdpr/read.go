package gdpr

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gallra/gallra/crypto"
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
		usable, why, err := a.usable(ctx, parts)
		if err != nil {
			return err
		}
		if len(usable) == 0 {
			return a.refused(ctx, why, []string{audit.Object("record", id)})
		}
		got, err := a.open(ctx, usable, false)
		if err != nil {
			return err
		}
		if len(got) == 0 {
			return ErrErased
		}
		out = got[0]
		return a.trace(ctx, readEntry(got))
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
	key, err := e.keys.ControllerKey(e.ofKeys(ctx), g.Party)
	if err == nil && key.Destroyed {
		return ErrErased
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return ErrNotFound
}

// Find returns every record of the session's purpose that the identity leads to: those of the person it identifies, and those with a
// find-by field of that value. Of a record about several persons it returns what is that person's; Get shows the whole. With SubjectRights
// it looks across activities and controllers; a processor's records come unopened ([Stored.Sealed]).
func (s *Session) Find(ctx context.Context, who Identity) iter.Seq2[*Stored, error] {
	return s.find(ctx, "Find", who, "")
}

// find is Find, of one family's records if it is named.
func (s *Session) find(ctx context.Context, action string, who Identity, family string) iter.Seq2[*Stored, error] {
	return s.stream(ctx, action, func(a *act, yield func([]storage.Part) (bool, error)) error {
		subjects, hits, err := a.locate(ctx, who)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(subjects, lookupChunk) {
			q := storage.PartQuery{Subjects: chunk, Family: family}
			if more, err := a.pages(ctx, q, yield); err != nil || !more {
				return err
			}
		}
		for _, hit := range hits {
			parts, err := s.e.store.Record(ctx, hit.Record)
			if err != nil {
				return err
			}
			parts = inFamily(slices.DeleteFunc(parts, func(p storage.Part) bool { return p.Subject != hit.Subject }), family)
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
	Agreement ID // an assignment, or an agreement without its assignments
}

// Records returns the records of the session's activity, in the order of their ids, in pages that are each one trail entry. A record about several
// persons comes once for each of them, with what is that person's; Get shows the whole.
func (s *Session) Records(ctx context.Context, q Query) iter.Seq2[*Stored, error] {
	return s.stream(ctx, "Records", func(a *act, yield func([]storage.Part) (bool, error)) error {
		head := s.e.reg.Head(s.purpose)
		if head == "" {
			return refuse("Purpose", "Records lists one activity")
		}
		pq := storage.PartQuery{Family: head, Labels: q.Labels, Owner: q.Agreement}
		var err error
		if pq.Controller, err = a.controller(ctx); err != nil {
			return err
		}
		_, err = a.pages(ctx, pq, yield)
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
			if len(parts) == 0 {
				return true, nil
			}
			got, err := s.openPage(ctx, action, parts)
			if err != nil {
				return false, err
			}
			traced = traced || len(got) > 0
			for _, r := range got {
				if !yield(r, nil) {
					stopped = true
					return false, nil
				}
			}
			return true, nil
		})
		if err == nil && !traced {
			_, err = s.openPage(ctx, action, nil)
		}
		if err != nil && !stopped {
			yield(nil, fmt.Errorf("%s: %w", action, translate(err)))
		}
	}
}

// openPage opens what the session may use of some parts and writes it to the trail; without any it notes the search itself. What allowed the
// read may have changed since it began: then it is asked again.
func (s *Session) openPage(ctx context.Context, action string, parts []storage.Part) (got []*Stored, err error) {
	err = again(ctx, func() error {
		a, err := s.beginRead(ctx, action)
		if err != nil {
			return err
		}
		usable, _, err := a.usable(ctx, parts)
		if err != nil {
			return err
		}
		if got, err = a.open(ctx, usable, true); err != nil || len(got) == 0 && parts != nil {
			return err
		}
		return a.trace(ctx, readEntry(got))
	})
	return got, err
}

func readEntry(got []*Stored) audit.Entry {
	e := audit.Entry{Count: len(got)}
	names := map[string]bool{}
	for _, r := range got {
		if object := audit.Object("record", r.ID); !slices.Contains(e.Objects, object) {
			e.Objects = append(e.Objects, object)
		}
		for _, f := range r.p.get().fields {
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
	err = a.needAgreement(ctx, s.e.layouts[s.e.reg.Head(s.purpose)])
	if errors.Is(err, ErrPurposeEnded) {
		party, failed := a.controller(ctx)
		if failed == nil {
			failed = s.e.notLeft(ctx, party)
		}
		if failed != nil {
			return nil, failed
		}
	}
	return a, err
}

// heads are all activities: SubjectRights needs them all.
func (e *Engine) heads() []string { return e.reg.ActivityIDs() }

// locate finds the persons that an identity leads to, and the single records of others with a find-by field of that value.
func (a *act) locate(ctx context.Context, who Identity) (subjects []ID, hits []storage.IndexRow, err error) {
	e := a.s.e
	if who.IsZero() {
		return nil, nil, refuse("Subject", "missing: whom to look for")
	}
	ids, err := who.normalize("Subject", e.country())
	if err != nil {
		return nil, nil, err
	}
	controllers := []ID{e.self}
	if a.s.purpose == SubjectRights {
		others, err := e.partiesIn(ctx, stateActive)
		if err != nil {
			return nil, nil, err
		}
		controllers = append(controllers, others...)
	} else if controllers[0], err = a.controller(ctx); err != nil {
		return nil, nil, err
	}
	tokens, err := e.tokens(controllers, ids)
	if err != nil {
		return nil, nil, err
	}
	rows, err := e.lookup(ctx, tokens, e.store.Lookup)
	if err != nil {
		return nil, nil, err
	}
	if id := who.p.get().id; !id.IsZero() {
		subjects = append(subjects, id)
	}
	for _, r := range rows {
		if r.Part == 0 && !slices.Contains(subjects, r.Subject) {
			subjects = append(subjects, r.Subject)
		}
	}
	for _, r := range rows {
		same := func(h storage.IndexRow) bool { return h.Record == r.Record && h.Subject == r.Subject }
		if r.Part != 0 && !slices.Contains(subjects, r.Subject) && !slices.ContainsFunc(hits, same) {
			hits = append(hits, r)
		}
	}
	return subjects, hits, nil
}

// tokens are the keyed hashes of identifiers with any of some controllers.
func (e *Engine) tokens(controllers []ID, ids []normalized) ([][]byte, error) {
	var out [][]byte
	for _, c := range controllers {
		for _, n := range ids {
			t, err := e.ring.Tokens(c, n.kind, n.value)
			if err != nil {
				return nil, err
			}
			out = append(out, t...)
		}
	}
	return out, nil
}

// usable are the parts that the session's purpose may use now, and why the others may not be.
func (a *act) usable(ctx context.Context, parts []storage.Part) (out []storage.Part, why, err error) {
	for i := range parts {
		no, err := a.mayNotUse(ctx, &parts[i])
		if err != nil {
			return nil, nil, err
		}
		if no == nil {
			out = append(out, parts[i])
		} else if why == nil || errors.Is(why, ErrNotAllowed) {
			why = no
		}
	}
	return out, why, nil
}

// mayNotUse says why the session's purpose may not use a part; nil if it may.
func (a *act) mayNotUse(ctx context.Context, p *storage.Part) (why, err error) {
	e, s := a.s.e, a.s
	if s.purpose == SubjectRights {
		return nil, nil
	}
	switch {
	case !slices.Contains(p.Purposes, s.purpose):
		return fmt.Errorf("%w: the purpose does not use this data", ErrNotAllowed), nil
	case e.layouts[p.Family] != nil && e.layouts[p.Family].head.Processor() && p.Agreement != s.agreement:
		return fmt.Errorf("%w: the data is under another agreement", ErrNotAllowed), nil
	case p.Restricted:
		return ErrRestricted, nil
	}
	v, err := e.judge(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, st := range v.Standings {
		if st.Purpose == s.purpose && !st.UseEnds.IsZero() && !a.now.Before(st.UseEnds) {
			return ErrPurposeEnded, nil
		}
	}
	return nil, nil
}

// open decrypts parts and joins them: to records, or apart to what each person has in one. A processor's parts stay sealed for SubjectRights.
// What was erased since it was read is left out.
func (a *act) open(ctx context.Context, parts []storage.Part, apart bool) ([]*Stored, error) {
	e := a.s.e
	if err := e.withKeys(ctx, parts); err != nil {
		return nil, err
	}
	type place struct{ record, subject ID }
	var out []*Stored
	at := map[place]*Stored{}
	var gone map[ID]bool
	for i := range parts {
		p := &parts[i]
		key := place{record: p.Record}
		if apart {
			key.subject = p.Subject
		}
		sealed := a.s.purpose == SubjectRights && p.Controller != e.self
		var c content
		var err error
		if sealed {
			if gone == nil {
				gone, err = e.leaving(ctx)
			}
			if err != nil {
				return nil, err
			}
			if gone[p.Controller] {
				continue
			}
		} else {
			if c, err = e.openPart(ctx, p); errors.Is(err, crypto.ErrDestroyed) {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		r := at[key]
		if r == nil {
			f, err := e.cache.factsOf(p.Facts)
			if err != nil {
				return nil, err
			}
			r = &Stored{ID: p.Record, Activity: p.Family, Role: Role(p.Role), Controller: p.Controller, Agreement: p.Agreement,
				Assignment: p.Assignment, Class: p.Class, Collected: f.Collected, Labels: p.Labels,
				p: veil(&shares{fields: map[ID]Fields{}, said: map[ID][]string{}, versions: map[ID]int{}, sealed: sealed})}
			at[key] = r
			out = append(out, r)
		}
		in := r.p.get()
		in.versions[p.Subject] += p.Version
		r.Restricted = r.Restricted || p.Restricted
		for _, purpose := range p.Purposes {
			if !slices.Contains(r.Purposes, purpose) {
				r.Purposes = append(r.Purposes, purpose)
			}
		}
		if !slices.Contains(in.subjects, p.Subject) {
			in.subjects = append(in.subjects, p.Subject)
			in.fields[p.Subject] = Fields{}
		}
		r.Version = in.versions[r.Subject()]
		if in.source == "" {
			in.source = c.source
		}
		if c.statement != "" && !slices.Contains(in.said[p.Subject], c.statement) {
			in.said[p.Subject] = append(in.said[p.Subject], c.statement)
		}
		for name, v := range c.fields {
			if a.mayField(p, name) {
				in.fields[p.Subject][name] = v
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
