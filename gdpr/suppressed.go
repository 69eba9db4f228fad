package gdpr

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// suppressed remembers for a while which activities have suppressions at all.
type suppressed struct {
	mu         sync.Mutex
	activities map[string]storage.File
	until      time.Time
}

func (s *suppressed) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
}

// any reports whether there are suppressions at all, as far as is remembered.
func (s *suppressed) any(ctx context.Context, e *Engine) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.load(ctx, e)
	return len(s.activities) > 0, err
}

// load reads anew which activities have suppressions, when it has been too long.
func (s *suppressed) load(ctx context.Context, e *Engine) error {
	now := time.Now()
	if now.Before(s.until) {
		return nil
	}
	files, err := e.store.Files(storage.Apart(ctx), storage.FileQuery{Kind: fileSuppressed, Limit: 1000})
	if err != nil {
		return err
	}
	s.activities, s.until = map[string]storage.File{}, now.Add(cmp.Or(e.opt.CacheTTL, time.Minute))
	for _, f := range files {
		s.activities[string(f.Name)] = f
	}
	return nil
}

// dropSuppressions removes those that have run out: a keyed hash is personal data too.
func (e *Engine) dropSuppressions(ctx context.Context) error {
	if some, err := e.suppressed.any(ctx, e); err != nil || !some {
		return err
	}
	return e.dropFiles(ctx, fileSuppression, "suppressions that have run out")
}

// dropFiles removes the files of a kind that are due.
func (e *Engine) dropFiles(ctx context.Context, kind, why string) error {
	for {
		files, err := e.store.Files(ctx, storage.FileQuery{Kind: kind, Before: e.instant(), Limit: 1000})
		if err != nil || len(files) == 0 {
			return err
		}
		b := &storage.Batch{}
		for _, f := range files {
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: f.Kind, ID: f.ID})
		}
		a := &act{s: e.As(Job("sweep"), Retention), now: e.instant(), action: "Sweep", grant: grantBuiltIn}
		if err := a.commit(ctx, b, audit.Entry{Why: why, Count: len(files)}); err != nil {
			return err
		}
	}
}

// in are those purposes of a family for which somebody may be suppressed, each with its file; direct marketing always, with the zero File before the first.
func (s *suppressed) in(ctx context.Context, e *Engine, l *layout) (map[string]storage.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx, e); err != nil {
		return nil, err
	}
	out := map[string]storage.File{}
	for _, purpose := range l.purposes {
		f, some := s.activities[purpose]
		if act, ok := e.reg.Activity(purpose); some || ok && act.DirectMarketing != nil {
			out[purpose] = f
		}
	}
	return out, nil
}

// suppress refuses records about those who are suppressed for the first activity of the family, and ends a further purpose for which they are. It adds to the
// batch that nobody is suppressed meanwhile: else the store refuses it, and it is made again.
func (in *intake) suppress(ctx context.Context, b *storage.Batch) error {
	e := in.e
	if in.l.head.Processor() {
		return nil
	}
	purposes, err := e.suppressed.in(ctx, e, in.l)
	if err != nil || len(purposes) == 0 {
		return err
	}
	for purpose, f := range purposes {
		if f.Rev > 0 {
			b.Files = append(b.Files, storage.FileCond{Kind: fileSuppressed, ID: f.ID, Rev: f.Rev})
			continue
		}
		b.PutFiles = append(b.PutFiles, storage.File{Kind: fileSuppressed, ID: storage.NewID(), Rev: 1, State: stateActive, Name: []byte(purpose), Unique: true})
		e.suppressed.forget()
	}
	type place struct {
		person  *person
		purpose string
	}
	at := map[string][]place{}
	var names [][]byte
	for _, d := range in.records {
		for i := range d.persons {
			p := &d.persons[i]
			p.ended = nil
			ids, err := in.identifiers(ctx, p)
			if err != nil {
				return err
			}
			for _, id := range ids {
				for purpose := range purposes {
					all, err := e.suppressionNames(id.kind, id.value, purpose)
					if err != nil {
						return err
					}
					for _, name := range all {
						at[string(name)] = append(at[string(name)], place{p, purpose})
					}
					names = append(names, all...)
				}
			}
		}
	}
	found, err := e.filesNamed(ctx, fileSuppression, names)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !f.Due.IsZero() && !f.Due.After(in.a.now) {
			continue // it has run out
		}
		for _, p := range at[string(f.Name)] {
			if p.purpose == in.l.head.ID {
				return &InputError{Field: "Subject", Reason: "suppressed for this activity: the person has objected, or was erased and shall not come back", is: ErrSuppressed}
			}
			p.person.ended = append(p.person.ended, p.purpose)
		}
	}
	return nil
}

// identifiers are those by which a record names a person, those in its fields, and where it names a person who is known, those that they have.
func (in *intake) identifiers(ctx context.Context, p *person) ([]normalized, error) {
	out := slices.Clone(p.identity)
	if !p.given.IsZero() {
		stored, err := in.e.identifiersOf(ctx, in.controller, p.given)
		if err != nil && !errors.Is(err, crypto.ErrDestroyed) { // nobody: whoever looks for the person says so
			return nil, err
		}
		out = append(out, stored...)
	}
	return append(out, in.e.identifiersIn(in.l, p.fields)...), nil
}

// endSuppressed ends the further purposes of a part for which its person is suppressed.
func (u *update) endSuppressed(ctx context.Context, p *storage.Part) error {
	if len(u.ended) == 0 {
		return nil
	}
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	for _, purpose := range u.ended {
		f.end(purpose, ended{Day: u.a.s.e.day(u.a.now), AtOnce: true})
	}
	p.Facts = f.encode()
	return u.a.s.e.date(ctx, p)
}

// identifiersIn are those that stand in fields, in normal form.
func (e *Engine) identifiersIn(l *layout, f Fields) (out []normalized) {
	for name, v := range f {
		text, _ := v.(string)
		if kind := l.category[name]; identifies(kind) && text != "" {
			if form, why := normalize(kind, text, e.country()); why == "" {
				out = append(out, normalized{kind, form})
			}
		}
	}
	return out
}

// suppressed refuses a change to an identifier that is suppressed for the first activity of the record's family, and in the activity's own purpose any to the record of
// a person who is. It notes the further purposes that must end.
func (u *update) suppressed(ctx context.Context, set Fields) error {
	in := u.a.s.e.newIntake(u.a, u.l)
	in.controller = u.all[0].Controller
	p := person{fields: set}
	if u.a.s.purpose != SubjectRights { // by right a person's data is put right, whatever they have objected to
		p.given = u.subject
	}
	in.records = []*draft{{persons: []person{p}}}
	if err := in.suppress(ctx, u.b); err != nil {
		return err
	}
	u.ended = in.records[0].persons[0].ended
	return nil
}
