package gdpr

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// suppressed remembers for a while which activities have suppressions at all.
type suppressed struct {
	mu         sync.Mutex
	activities map[string]bool
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
	s.activities, s.until = map[string]bool{}, now.Add(cmp.Or(e.opt.CacheTTL, time.Minute))
	for _, f := range files {
		s.activities[string(f.Name)] = true
	}
	return nil
}

// dropSuppressions removes those that have run out: a keyed hash is personal data too.
func (e *Engine) dropSuppressions(ctx context.Context) error {
	some, err := e.suppressed.any(ctx, e)
	for err == nil && some {
		files, failed := e.store.Files(ctx, storage.FileQuery{Kind: fileSuppression, Before: e.instant(), Limit: 1000})
		if failed != nil || len(files) == 0 {
			return failed
		}
		b := &storage.Batch{}
		for _, f := range files {
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: f.Kind, ID: f.ID})
		}
		a := &act{s: e.As(Job("sweep"), Retention), now: e.instant(), action: "Sweep", grant: grantBuiltIn}
		err = a.commit(ctx, b, audit.Entry{Why: "suppressions that have run out", Count: len(files)})
	}
	return err
}

// in are those purposes of a family for which somebody may be suppressed. Of direct marketing that is asked each time.
func (s *suppressed) in(ctx context.Context, e *Engine, l *layout) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx, e); err != nil {
		return nil, err
	}
	var out []string
	for _, purpose := range l.purposes {
		if act, ok := e.reg.Activity(purpose); s.activities[purpose] || ok && act.DirectMarketing != nil {
			out = append(out, purpose)
		}
	}
	return out, nil
}

// suppress refuses records about those who are suppressed for the first activity of the family, and ends a further purpose for which they are.
func (in *intake) suppress(ctx context.Context) error {
	e := in.e
	if in.l.head.Processor() {
		return nil
	}
	purposes, err := e.suppressed.in(ctx, e, in.l)
	if err != nil || len(purposes) == 0 {
		return err
	}
	type place struct {
		draft   *draft
		purpose string
	}
	at := map[string][]place{}
	var names [][]byte
	for _, d := range in.records {
		for _, id := range d.identifiers(in) {
			for _, purpose := range purposes {
				all, err := e.suppressionNames(id.kind, id.value, purpose)
				if err != nil {
					return err
				}
				for _, name := range all {
					at[string(name)] = append(at[string(name)], place{d, purpose})
				}
				names = append(names, all...)
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
			p.draft.facts.end(p.purpose, ended{Day: e.day(in.a.now), AtOnce: true})
		}
	}
	return nil
}

// identifiers are those that a record names its persons by, and those in its fields.
func (d *draft) identifiers(in *intake) []normalized {
	var out []normalized
	for i := range d.persons {
		p := &d.persons[i]
		out = append(out, p.identity...)
		for name, v := range p.fields {
			kind, text := in.l.category[name], ""
			if text, _ = v.(string); !identifies(kind) || text == "" {
				continue
			}
			if form, why := normalize(kind, text, in.e.country()); why == "" {
				id := normalized{kind: kind, value: form}
				if !slices.ContainsFunc(out, func(o normalized) bool { return o.kind == id.kind && o.value == id.value }) {
					out = append(out, id)
				}
			}
		}
	}
	return out
}

// suppressed refuses a change to an identifier that is suppressed for the first activity of the record's family.
func (u *update) suppressed(ctx context.Context, set Fields) error {
	in := u.a.s.e.newIntake(u.a, u.l)
	in.records = []*draft{{persons: []person{{fields: set}}}}
	return in.suppress(ctx)
}
