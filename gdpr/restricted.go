package gdpr

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// The restrictions on a part stand in its facts, by their ids, and its row says whether there are any. So every read sees them, in every process, at no cost. Whoever
// stores something new about a known person must know of restrictions on the person, and must not miss one that is placed at that moment: one row of the store, whose
// revision is a condition of the batch, says whether there are any and that none came or went.

// keptAside stands for what the engine itself restricted, when other restrictions stand beside it: something is kept for a duty or a hold after an erasure.
const keptAside = "kept"

// restrict adds a reason for which a part may only be stored.
func (f *facts) restrict(why string) {
	if !slices.Contains(f.Restricted, why) {
		f.Restricted = append(slices.Clone(f.Restricted), why)
	}
}

// unrestrict takes one away, and reports whether it was there.
func (f *facts) unrestrict(why string) bool {
	if !slices.Contains(f.Restricted, why) {
		return false
	}
	f.Restricted = slices.DeleteFunc(slices.Clone(f.Restricted), func(w string) bool { return w == why })
	return true
}

// isKeptAside reports whether the engine itself restricted a part.
func isKeptAside(p *storage.Part) (bool, error) {
	f, err := decodeFacts(p.Facts)
	return p.Restricted && (len(f.Restricted) == 0 || slices.Contains(f.Restricted, keptAside)), err
}

// isAskedFor reports whether somebody's right restricts a part, and not the engine alone.
func isAskedFor(p *storage.Part) bool {
	f, err := decodeFacts(p.Facts)
	return err != nil || slices.ContainsFunc(f.Restricted, func(why string) bool { return why != keptAside })
}

// fileRestricted is the row whose revision each restriction of a person raises.
const (
	fileRestricted  = "restricted persons"
	stateRestricted = "some" // before the first it is stateActive
)

// restricted remembers that row for a while.
type restricted struct {
	mu    sync.Mutex
	file  storage.File
	until time.Time
}

func (r *restricted) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Time{}
}

// mark is the row; before there is any, a new one of revision 0, for the batch that needs it: so a batch that is refused leaves nothing. The first of a store that is made
// in an application's transaction keeps others who store about known persons waiting for its end.
func (r *restricted) mark(ctx context.Context, e *Engine) (storage.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.until) && !inTx(ctx) {
		return r.file, nil
	}
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileRestricted, Limit: 1})
	if err != nil {
		return storage.File{}, err
	}
	if len(files) == 0 {
		return storage.File{Kind: fileRestricted, ID: storage.NewID(), State: stateActive, Name: []byte("all"), Unique: true}, nil
	}
	if !inTx(ctx) {
		r.file, r.until = files[0], now.Add(cmp.Or(e.opt.CacheTTL, time.Minute))
	}
	return files[0], nil
}

// wholePerson adds that a batch restricts, or frees, everything about a person: nothing was stored meanwhile, and whoever is about to store begins again.
func (e *Engine) wholePerson(ctx context.Context, b *storage.Batch, subject ID, parts []storage.Part) error {
	cond := storage.SubjectCond{ID: subject, Exclusive: true, Bare: len(parts) == 0}
	for i := range parts {
		cond.Left = append(cond.Left, parts[i].PartRef)
	}
	b.Subjects = append(b.Subjects, cond)
	e.restricted.forget()
	f, err := e.restricted.mark(ctx, e)
	if err != nil {
		return err
	}
	e.restricted.forget()
	f.Rev++
	f.State = stateRestricted
	b.PutFiles = append(b.PutFiles, f)
	return nil
}

// onPersons are the restrictions in force on whole persons, of whom a batch stores something new. It adds that none comes or goes meanwhile.
func (e *Engine) onPersons(ctx context.Context, b *storage.Batch, subjects []ID) (map[ID][]storedRestriction, error) {
	if len(subjects) == 0 {
		return nil, nil
	}
	mark, err := e.restricted.mark(ctx, e)
	if err != nil {
		return nil, err
	}
	if mark.Rev == 0 {
		mark.Rev++
		b.PutFiles = append(b.PutFiles, mark)
		return nil, nil
	}
	b.Files = append(b.Files, storage.FileCond{Kind: mark.Kind, ID: mark.ID, Rev: mark.Rev})
	if mark.State != stateRestricted {
		return nil, nil
	}
	all, err := e.restrictionsAbout(ctx, subjects)
	out := map[ID][]storedRestriction{}
	for _, r := range all {
		if r.body.Record.IsZero() {
			out[r.subject] = append(out[r.subject], r)
		}
	}
	return out, err
}

// storedRestriction is a restriction as it is stored.
type storedRestriction struct {
	id, subject ID
	body        restrictionBody
}

// restrictionsIn are the restrictions on the persons of those parts that are restricted by somebody's right.
func (e *Engine) restrictionsIn(ctx context.Context, parts []storage.Part) ([]storedRestriction, error) {
	var subjects []ID
	for i := range parts {
		if p := &parts[i]; p.Restricted && isAskedFor(p) && !slices.Contains(subjects, p.Subject) {
			subjects = append(subjects, p.Subject)
		}
	}
	return e.restrictionsAbout(ctx, subjects)
}

// restrictionsAbout are the restrictions on some persons, those that were lifted too.
func (e *Engine) restrictionsAbout(ctx context.Context, subjects []ID) (out []storedRestriction, err error) {
	files, err := e.personalFiles(ctx, subjects)
	if err != nil {
		return nil, err
	}
	for i := range files {
		r := storedRestriction{id: files[i].ID, subject: files[i].Parent}
		ok, err := decodePersonal(&files[i], ofRestriction, &r.body)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// applyRestrictions restricts a new part by those that cover it.
func applyRestrictions(p *storage.Part, f *facts, on []storedRestriction) {
	for i := range on {
		if on[i].body.covers(p) {
			f.restrict(on[i].id.String())
			p.Restricted = true
		}
	}
}
