package gdpr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Suppression says that a person may not be stored again for a purpose: they have objected to direct marketing, which holds for ever (Art. 21(3), EPM-M3), or were
// erased and shall not come back with the next import (REQUIREMENTS 4.7). It keeps no identifier, only a keyed hash of each under a
// keyset of its own, and serves nothing but to refuse. It is personal data all the same: access shows it.
type Suppression struct {
	Subject  Identity
	Activity string // of the controller role
	// Reason is one line that names nobody.
	Reason string
	// Until is the last day on which it holds; the zero Date is for ever.
	Until civil.Date
}

// String returns the activity.
func (p Suppression) String() string { return "suppression for " + p.Activity }

// Format prints String for every verb.
func (p Suppression) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(p.String())) }

// LogValue is String.
func (p Suppression) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON fails.
func (Suppression) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// SuppressionInfo is a suppression in force.
type SuppressionInfo struct {
	ID       ID
	Activity string
	Reason   string
	Since    civil.Date
	Until    civil.Date // zero: for ever
}

const (
	fileSuppression = "suppression"
	// fileSuppressed is one for each activity that has suppressions: whoever stores asks only where there are any.
	fileSuppressed = "suppressed activity"
)

type suppressionBody struct {
	V        int        `json:"v"`
	Activity string     `json:"activity"`
	Reason   string     `json:"reason"`
	Since    civil.Date `json:"since"`
	Until    civil.Date `json:"until,omitzero"`
}

// Suppress refuses a person from now on: Put, PutAll and Update fail with ErrSuppressed for a record of the activity that names them by any of the given
// identifiers, or in a field of such a kind. Of a further purpose of other records the record is stored, and that purpose is ended at
// once. A process that has not heard of the first suppression of an activity goes on for CacheTTL at most; for direct marketing none does.
//
// It needs the right to decide, for SubjectRights. Suppressing again is no error: the reason and the last day are those of the first.
func (s *Session) Suppress(ctx context.Context, p Suppression) error {
	err := again(ctx, func() error {
		a, err := s.begin("Suppress")
		if err != nil {
			return err
		}
		if err := a.maySuppress(ctx, mayDecide); err != nil {
			return err
		}
		if err := s.e.checkSuppression(&p, a.now); err != nil {
			return err
		}
		ids, err := p.Subject.normalize("Suppression.Subject", s.e.country())
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return refuse("Suppression.Subject", "names no identifier")
		}
		b := &storage.Batch{}
		if err := s.e.suppress(ctx, b, p, ids, s.e.day(a.now)); err != nil || len(b.PutFiles) == 0 {
			return err
		}
		return a.commit(ctx, b, audit.Entry{Why: p.Reason, Fields: []string{p.Activity}, Count: len(ids)})
	})
	s.e.suppressed.forget()
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	return nil
}

// maySuppress wants a right to everything, for SubjectRights.
func (a *act) maySuppress(ctx context.Context, ability string) error {
	if a.s.purpose != SubjectRights {
		return refuse("Purpose", "whom to suppress is a matter of SubjectRights")
	}
	return a.may(ctx, ability, a.s.e.heads()...)
}

func (e *Engine) checkSuppression(p *Suppression, now time.Time) error {
	act, ok := e.reg.Activity(p.Activity)
	if !ok {
		return refuse("Suppression.Activity", "not an activity of the register")
	}
	if e.layouts[e.reg.Head(p.Activity)].head.Processor() {
		return refuse("Suppression.Activity", "of a processor: whom it may hold is for its controller to say")
	}
	if why := badReason(p.Reason); why != "" {
		return refuse("Suppression.Reason", "%s", why)
	}
	switch {
	case p.Until.IsZero():
	case act.DirectMarketing != nil:
		return refuse("Suppression.Until", "an objection to direct marketing has no end, Art. 21(3)")
	case !p.Until.Valid() || p.Until.Before(e.day(now)):
		return refuse("Suppression.Until", "not a day to come")
	}
	return nil
}

// suppress adds suppressions that are not there yet.
func (e *Engine) suppress(ctx context.Context, b *storage.Batch, p Suppression, ids []normalized, today civil.Date) error {
	body, err := json.Marshal(suppressionBody{1, p.Activity, p.Reason, today, p.Until})
	if err != nil {
		return errors.New("encode suppression: not JSON")
	}
	var due time.Time
	if !p.Until.IsZero() {
		due = p.Until.End(e.zone).UTC()
	}
	added := false
	for i := range ids {
		names, err := e.suppressionNames(ids[i].kind, ids[i].value, p.Activity)
		if err != nil {
			return err
		}
		there, err := e.store.Files(ctx, storage.FileQuery{Kind: fileSuppression, Names: names, Limit: 1})
		if err != nil {
			return err
		}
		f := storage.File{Kind: fileSuppression, ID: storage.NewID(), Name: names[0], Unique: true}
		if len(there) > 0 {
			if f = there[0]; f.Due.IsZero() || f.Due.After(e.instant()) {
				continue // that one holds
			}
		}
		if slices.ContainsFunc(b.PutFiles, func(o storage.File) bool { return bytes.Equal(o.Name, f.Name) }) {
			continue
		}
		f.Rev++
		f.State, f.Due, f.Body = stateActive, due, body
		b.PutFiles = append(b.PutFiles, f)
		added = true
	}
	if !added {
		return nil
	}
	return e.countSuppression(ctx, b, p.Activity)
}

// countSuppression raises the revision of an activity's file, so that whoever stores at this moment begins again.
func (e *Engine) countSuppression(ctx context.Context, b *storage.Batch, activity string) error {
	known, err := e.store.Files(ctx, storage.FileQuery{Kind: fileSuppressed, Names: [][]byte{[]byte(activity)}, Limit: 1})
	if err != nil {
		return err
	}
	f := storage.File{Kind: fileSuppressed, ID: storage.NewID(), Name: []byte(activity), Unique: true}
	if len(known) > 0 {
		f = known[0]
	}
	if slices.ContainsFunc(b.PutFiles, func(o storage.File) bool { return o.Kind == f.Kind && bytes.Equal(o.Name, f.Name) }) {
		return nil
	}
	f.Rev++
	f.State = stateActive
	b.PutFiles = append(b.PutFiles, f)
	return nil
}

// neverAgain suppresses the persons of some parts for direct marketing, by all identifiers that they have (Art. 21(3), EPM-M3).
func (a *act) neverAgain(ctx context.Context, b *storage.Batch, parts []storage.Part, activity string) error {
	e := a.s.e
	done := map[ID]bool{}
	for i := range parts {
		p := &parts[i]
		if done[p.Subject] || !slices.Contains(p.Purposes, activity) || Role(p.Role).ForOther() {
			continue
		}
		done[p.Subject] = true
		ids, err := e.identifiersOf(ctx, p.Controller, p.Subject)
		if err != nil {
			return err
		}
		more, err := e.identifiersHeld(ctx, p.Subject, activity)
		if err != nil {
			return err
		}
		ids = append(ids, more...)
		if err := e.suppress(ctx, b, Suppression{Activity: activity, Reason: "objection to direct marketing"}, ids, e.day(a.now)); err != nil {
			return err
		}
	}
	e.suppressed.forget()
	return nil
}

// allMarketed adds, for an objection to direct marketing, what else the persons of some parts have for it: the objection is to the marketing, not to one record (Art. 21(3)).
func (a *act) allMarketed(ctx context.Context, parts []storage.Part, purpose string) ([]storage.Part, error) {
	if act, ok := a.s.e.reg.Activity(purpose); !ok || act.DirectMarketing == nil {
		return parts, nil
	}
	done := map[ID]bool{}
	for _, p := range slices.Clone(parts) {
		if done[p.Subject] || !slices.Contains(p.Purposes, purpose) {
			continue
		}
		done[p.Subject] = true
		all, err := a.s.e.partsOfSubject(ctx, p.Subject)
		if err != nil {
			return nil, err
		}
		for _, q := range all {
			if slices.Contains(q.Purposes, purpose) && !slices.ContainsFunc(parts, func(o storage.Part) bool { return o.PartRef == q.PartRef }) {
				parts = append(parts, q)
			}
		}
	}
	return parts, nil
}

// identifiersHeld are those that stand in the fields of what a person has for an activity.
func (e *Engine) identifiersHeld(ctx context.Context, subject ID, activity string) (out []normalized, err error) {
	q := storage.PartQuery{Subjects: []ID{subject}, Family: e.reg.Head(activity), Limit: page}
	l := e.layouts[q.Family]
	for l != nil {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		if err := e.withKeys(ctx, parts); err != nil {
			return nil, err
		}
		for i := range parts {
			c, err := e.openPart(ctx, &parts[i])
			if errors.Is(err, crypto.ErrDestroyed) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, id := range e.identifiersIn(l, c.fields) {
				if !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
		}
		if len(parts) < q.Limit {
			break
		}
		q.After = parts[len(parts)-1].PartRef
	}
	return out, nil
}

// marketing are the purposes of direct marketing that some parts serve.
func (e *Engine) marketing(parts []storage.Part) (out []string) {
	for i := range parts {
		for _, purpose := range parts[i].Purposes {
			if act, ok := e.reg.Activity(purpose); ok && act.DirectMarketing != nil && !slices.Contains(out, purpose) {
				out = append(out, purpose)
			}
		}
	}
	return out
}

// identifiersOf are the identifiers of a person, in normal form.
func (e *Engine) identifiersOf(ctx context.Context, controller, subject ID) ([]normalized, error) {
	rows, err := e.store.IndexOf(ctx, subject)
	if err != nil {
		return nil, err
	}
	key, err := e.subject(ctx, controller, subject, nil)
	if err != nil {
		return nil, err
	}
	var out []normalized
	for _, r := range rows {
		if r.Part != 0 {
			continue
		}
		form, err := key.OpenIdentifier(r.Kind, r.Sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, normalized{r.Kind, form})
	}
	return out, nil
}

// suppressionNames are how a suppression is filed, under each key of the keyset, that of today first.
func (e *Engine) suppressionNames(kind, form, activity string) ([][]byte, error) {
	tokens, err := e.ring.SuppressionTokens(e.self, kind, form)
	for i := range tokens {
		tokens[i] = append(tokens[i], activity...)
	}
	return tokens, err
}

// Unsuppress lifts what keeps a person from being stored for an activity: they have asked for it themselves. It needs the right to decide.
func (s *Session) Unsuppress(ctx context.Context, who Identity, activity, reason string) error {
	err := again(ctx, func() error {
		a, err := s.begin("Unsuppress")
		if err != nil {
			return err
		}
		if err := a.maySuppress(ctx, mayDecide); err != nil {
			return err
		}
		if why := badReason(reason); why != "" {
			return refuse("Reason", "%s", why)
		}
		if _, ok := s.e.reg.Activity(activity); !ok {
			return refuse("Activity", "not an activity of the register")
		}
		files, err := s.e.suppressions(ctx, who, activity)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return ErrNotFound
		}
		b := &storage.Batch{}
		for _, f := range files {
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: f.Kind, ID: f.ID})
		}
		return a.commit(ctx, b, audit.Entry{Why: reason, Fields: []string{activity}, Count: len(files)})
	})
	if err != nil {
		return fmt.Errorf("unsuppress: %w", err)
	}
	return nil
}

// Suppressions returns what keeps a person from being stored, for each of the given identifiers (Art. 15). It needs the right to read everything.
func (s *Session) Suppressions(ctx context.Context, who Identity) ([]SuppressionInfo, error) {
	a, err := s.begin("Suppressions")
	if err != nil {
		return nil, fmt.Errorf("suppressions: %w", err)
	}
	if err := a.maySuppress(ctx, mayRead); err != nil {
		return nil, fmt.Errorf("suppressions: %w", err)
	}
	files, err := s.e.suppressions(ctx, who, "")
	if err != nil {
		return nil, fmt.Errorf("suppressions: %w", translate(err))
	}
	var out []SuppressionInfo
	for _, f := range files {
		var body suppressionBody
		if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
			return nil, errors.New("suppressions: not of format 1")
		}
		if f.Due.IsZero() || f.Due.After(a.now) {
			out = append(out, SuppressionInfo{f.ID, body.Activity, body.Reason, body.Since, body.Until})
		}
	}
	if err := s.e.traces.write(ctx, a, []audit.Entry{{Count: len(out)}}); err != nil {
		return nil, fmt.Errorf("suppressions: %w", translate(err))
	}
	return out, nil
}

// suppressions are the files about the identifiers of a person, of one activity or of all.
func (e *Engine) suppressions(ctx context.Context, who Identity, activity string) ([]storage.File, error) {
	ids, err := who.normalize("Subject", e.country())
	if err != nil {
		return nil, err
	}
	activities := []string{activity}
	if activity == "" {
		activities = nil
		for _, l := range e.layouts {
			activities = append(activities, l.purposes...)
		}
	}
	var names [][]byte
	for i := range ids {
		for _, activity := range activities {
			more, err := e.suppressionNames(ids[i].kind, ids[i].value, activity)
			if err != nil {
				return nil, err
			}
			names = append(names, more...)
		}
	}
	return e.filesNamed(ctx, fileSuppression, names)
}

func (e *Engine) filesNamed(ctx context.Context, kind string, names [][]byte) ([]storage.File, error) {
	var out []storage.File
	for chunk := range slices.Chunk(names, lookupChunk) {
		files, err := e.store.Files(ctx, storage.FileQuery{Kind: kind, Names: chunk, Limit: len(chunk)})
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}
