package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

const fileHold = "hold"

// Hold says why something may not be erased: a legal claim, or a person who asks to keep it (Art. 17(3)(e), 18(1)(b)-(c); REQUIREMENTS 4.8).
// Exactly one of Record, Subject and Agreement is set.
type Hold struct {
	Record    ID
	Fields    []string // only the parts of Record that hold these fields; default all
	Subject   Identity
	Agreement ID
	// Ground is the law or claim, in one line that names no data subject.
	Ground string
	// ReviewBy is when somebody must look at it again: at most a year away. There is no endless hold.
	ReviewBy civil.Date
	// Note is kept sealed: it may name a person.
	Note string
}

type holdBody struct {
	V         int               `json:"v"`
	Parts     []storage.PartRef `json:"parts,omitempty"`
	Record    ID                `json:"record,omitzero"`
	Subject   ID                `json:"subject,omitzero"`
	Agreement ID                `json:"agreement,omitzero"`
	Ground    string            `json:"ground"`
	Owner     string            `json:"owner"`
	ReviewBy  civil.Date        `json:"review_by"`
	Placed    time.Time         `json:"placed,omitzero"`
	Ended     time.Time         `json:"ended,omitzero"`
	Sealed    []byte            `json:"sealed,omitempty"`
	Freeze    bool              `json:"freeze,omitempty"` // of a case: it ends by itself
}

// String returns the ground.
func (h Hold) String() string { return "hold: " + h.Ground }

// Format prints String for every verb.
func (h Hold) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(h.String())) }

// LogValue is String.
func (h Hold) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalJSON fails.
func (Hold) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// Hold places a hold. It comes before an erasure or finds nothing and fails with ErrErased.
func (s *Session) Hold(ctx context.Context, h Hold) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.begin("Hold")
		if err != nil {
			return err
		}
		if err := h.check(s.e.day(a.now)); err != nil {
			return err
		}
		if err := s.e.checkNote("Hold.Note", h.Note); err != nil {
			return err
		}
		if !h.Subject.IsZero() { // first the right, then the answer whether the person is known
			if err := a.may(ctx, mayHold, s.e.heads()...); err != nil {
				return err
			}
		}
		b, body, controller, families, err := a.holdOn(ctx, h)
		if err != nil {
			return err
		}
		if err := a.may(ctx, mayHold, families...); err != nil {
			return err
		}
		body.V, body.Ground, body.Owner, body.ReviewBy, body.Placed = 1, h.Ground, s.actor.String(), h.ReviewBy, a.now
		if h.Note != "" {
			if body.Sealed, err = s.e.sealBody(ctx, controller, fileHold, id, 1, sealedText{h.Note}); err != nil {
				return err
			}
		}
		encoded, err := json.Marshal(body)
		if err != nil {
			return errors.New("encode hold: not JSON")
		}
		b.PutFiles = append(b.PutFiles, storage.File{Kind: fileHold, ID: id, Rev: 1, Parent: body.target(), State: stateActive,
			Due: h.ReviewBy.Start(s.e.zone).UTC(), Body: encoded})
		return a.commit(ctx, b, audit.Entry{Why: h.Ground, Objects: []string{audit.Object(fileHold, id), audit.Object(body.kind(), body.target())}, Fields: h.Fields})
	})
	if err != nil {
		return ID{}, fmt.Errorf("hold: %w", err)
	}
	return id, nil
}

func (b *holdBody) target() ID {
	switch {
	case !b.Record.IsZero():
		return b.Record
	case !b.Subject.IsZero():
		return b.Subject
	}
	return b.Agreement
}

func (b *holdBody) kind() string {
	switch {
	case !b.Record.IsZero():
		return "record"
	case !b.Subject.IsZero():
		return "subject"
	}
	return fileAgreement
}

func (h Hold) check(today civil.Date) error {
	if why := badReason(h.Ground); why != "" {
		return refuse("Hold.Ground", "%s", why)
	}
	switch {
	case h.ReviewBy.IsZero():
		return refuse("Hold.ReviewBy", "missing: there is no endless hold")
	case !h.ReviewBy.Valid() || !h.ReviewBy.After(today):
		return refuse("Hold.ReviewBy", "not a day in the future")
	case h.ReviewBy.After(civil.Period{Years: 1}.After(today)):
		return refuse("Hold.ReviewBy", "more than a year away")
	}
	set := 0
	for _, is := range []bool{!h.Record.IsZero(), !h.Subject.IsZero(), !h.Agreement.IsZero()} {
		if is {
			set++
		}
	}
	if set != 1 {
		return refuse("Hold", "names exactly one of Record, Subject and Agreement")
	}
	if len(h.Fields) > 0 && h.Record.IsZero() {
		return refuse("Hold.Fields", "are fields of a Record")
	}
	return nil
}

// holdOn finds what a hold counts on.
func (a *act) holdOn(ctx context.Context, h Hold) (b *storage.Batch, body holdBody, controller ID, families []string, err error) {
	e := a.s.e
	b = &storage.Batch{}
	switch {
	case !h.Agreement.IsZero():
		g, err := e.agreementOf(ctx, h.Agreement)
		if errors.Is(err, storage.ErrNotFound) {
			return nil, body, ID{}, nil, refuse("Hold.Agreement", "no such agreement")
		}
		if err != nil {
			return nil, body, ID{}, nil, err
		}
		body.Agreement = g.ID
		b.HoldFiles = []storage.Count{{ID: g.ID, Name: fileAgreement, N: 1}}
		families = g.Activities
		if len(families) == 0 {
			families = e.heads()
		}
		return b, body, g.Party, families, nil
	case !h.Subject.IsZero():
		row, err := a.oneSubject(ctx, h.Subject)
		if err != nil {
			return nil, body, ID{}, nil, err
		}
		body.Subject = row.ID
		b.HoldSubjects = []storage.Count{{ID: body.Subject, N: 1}}
		return b, body, row.Controller, e.heads(), a.touchFreezes(ctx, b, row.ID)
	}
	parts, err := e.present(ctx, h.Record)
	if err != nil {
		return nil, body, ID{}, nil, err
	}
	if len(parts) == 0 {
		return nil, body, ID{}, nil, e.gone(ctx, h.Record, a.s.agreement)
	}
	body.Record = h.Record
	groups := map[string]bool{}
	for _, f := range h.Fields {
		l := e.layouts[parts[0].Family]
		if l == nil || l.group[f] == "" {
			return nil, body, ID{}, nil, l.undeclared("Hold.")
		}
		groups[l.group[f]] = true
	}
	for _, p := range parts {
		if len(groups) > 0 && !groups[joined(p.Purposes)] {
			continue
		}
		body.Parts = append(body.Parts, p.PartRef)
		b.HoldParts = append(b.HoldParts, storage.PartHold{PartRef: p.PartRef, N: 1})
	}
	if len(body.Parts) == 0 {
		return nil, body, ID{}, nil, refuse("Hold.Fields", "the record holds none of them")
	}
	return b, body, parts[0].Controller, []string{parts[0].Family}, nil
}

func joined(purposes []string) string {
	out := ""
	for i, p := range purposes {
		if i > 0 {
			out += ","
		}
		out += p
	}
	return out
}

// Release ends a hold. What came due meanwhile is erased by the next sweep, without a new period.
func (s *Session) Release(ctx context.Context, hold ID) error {
	err := again(ctx, func() error {
		a, err := s.begin("Release")
		if err != nil {
			return err
		}
		f, err := s.e.store.File(ctx, fileHold, hold)
		if err != nil {
			return err
		}
		var body holdBody
		if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
			return errors.New("decode hold: not of format 1")
		}
		if err := a.may(ctx, mayHold, s.e.heads()...); err != nil {
			return err
		}
		if f.State != stateActive {
			return nil
		}
		return a.endHold(ctx, f, body, "")
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// endHold ends a hold in force, and says why.
func (a *act) endHold(ctx context.Context, f storage.File, body holdBody, why string) error {
	b := &storage.Batch{}
	if err := a.ended(ctx, b, f, body); err != nil {
		return err
	}
	return a.commit(ctx, b, audit.Entry{Why: why, Objects: []string{audit.Object(fileHold, f.ID), audit.Object(body.kind(), body.target())}})
}

// ended adds to a batch that a hold in force ends.
func (a *act) ended(ctx context.Context, b *storage.Batch, f storage.File, body holdBody) error {
	f.Rev++
	f.State, f.Due, body.Ended = stateEnded, time.Time{}, a.now
	var err error
	if f.Body, err = json.Marshal(body); err != nil {
		return errors.New("encode hold: not JSON")
	}
	b.PutFiles = append(b.PutFiles, f)
	return a.release(ctx, b, body)
}

// release takes a hold off its rows and dates again what it kept. A sweep that dates a part by the hold raises the hold's revision: either the
// part is found here, or the release begins again.
func (a *act) release(ctx context.Context, b *storage.Batch, body holdBody) error {
	e := a.s.e
	switch body.kind() {
	case fileAgreement:
		b.HoldFiles = append(b.HoldFiles, storage.Count{ID: body.Agreement, Name: fileAgreement, N: -1})
		owners, err := e.assignmentsOf(ctx, body.Agreement)
		if err != nil {
			return err
		}
		// Waking the schedules wakes every part under them; their own clocks decide.
		for _, owner := range append(owners, body.Agreement) {
			schedules, err := e.store.SchedulesOf(ctx, owner)
			if err != nil {
				return err
			}
			for _, sc := range schedules {
				sc.Rev++
				sc.Due = a.now
				b.PutSchedules = append(b.PutSchedules, sc)
			}
		}
		return nil
	case "subject":
		b.HoldSubjects = append(b.HoldSubjects, storage.Count{ID: body.Subject, N: -1})
		return a.dateAgain(ctx, b, body.Subject)
	}
	parts, err := e.store.Record(ctx, body.Record)
	if err != nil {
		return err
	}
	for i := range parts {
		if !slices.Contains(body.Parts, parts[i].PartRef) {
			continue
		}
		if err := e.date(ctx, &parts[i]); err != nil {
			return err
		}
		// The new date holds for the facts that it was made of, and for no others.
		b.RetimeParts = append(b.RetimeParts, retimeOf(&parts[i]))
		b.HoldParts = append(b.HoldParts, storage.PartHold{PartRef: parts[i].PartRef, N: -1})
	}
	return nil
}

// dateAgain dates all parts of a person by their own clocks.
func (a *act) dateAgain(ctx context.Context, b *storage.Batch, subject ID) error {
	parts, err := a.s.e.partsOfSubject(ctx, subject)
	if err != nil {
		return err
	}
	for i := range parts {
		if err := a.s.e.date(ctx, &parts[i]); err != nil {
			return err
		}
		b.RetimeParts = append(b.RetimeParts, retimeOf(&parts[i]))
	}
	return nil
}

// HoldInfo is a hold in force.
type HoldInfo struct {
	ID       ID
	On       string // record, subject or agreement
	Target   ID
	Ground   string
	Owner    string
	ReviewBy civil.Date
	// Freeze: it is of an open request, and ends with it (REQUIREMENTS 4.9).
	Freeze bool

	file   storage.File
	placed time.Time
	ended  time.Time // zero while in force
	parts  []storage.PartRef
}

// lapsed reports whether it is a freeze whose last day is over.
func (h *HoldInfo) lapsed(now time.Time) bool { return h.Freeze && !h.file.Due.After(now) }

// holdsOn are the holds in force on any of the given rows: one question to the store.
func (e *Engine) holdsOn(ctx context.Context, targets ...ID) ([]HoldInfo, error) {
	targets = slices.DeleteFunc(slices.Clone(targets), ID.IsZero)
	if len(targets) == 0 {
		return nil, nil
	}
	return e.holds(ctx, targets)
}

// held is everything on hold, with the hold that is reviewed first, and whether a freeze has lapsed, which keeps nothing. Holds are few.
func (e *Engine) held(ctx context.Context, now time.Time) (held map[ID]HoldInfo, lapsed bool, err error) {
	all, err := e.holds(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	held = map[ID]HoldInfo{}
	for _, h := range all {
		if h.lapsed(now) {
			lapsed = true
			continue
		}
		if have, ok := held[h.Target]; !ok || h.ReviewBy.Before(have.ReviewBy) {
			held[h.Target] = h
		}
	}
	return held, lapsed, nil
}

// holds are the holds in force on the given rows, or all.
func (e *Engine) holds(ctx context.Context, targets []ID) ([]HoldInfo, error) {
	return e.holdsIn(ctx, stateActive, targets)
}

// holdsIn are the holds in a state, or all, on the given rows, or all.
func (e *Engine) holdsIn(ctx context.Context, state string, targets []ID) ([]HoldInfo, error) {
	q := storage.FileQuery{Kind: fileHold, Parents: targets, State: state, Limit: 1000}
	var out []HoldInfo
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			var body holdBody
			if json.Unmarshal(f.Body, &body) != nil {
				return nil, errors.New("decode hold: not of format 1")
			}
			out = append(out, HoldInfo{ID: f.ID, On: body.kind(), Target: f.Parent, Ground: body.Ground, Owner: body.Owner, ReviewBy: body.ReviewBy,
				file: f, placed: body.Placed, ended: body.Ended, parts: body.Parts, Freeze: body.Freeze})
		}
		if len(files) < q.Limit {
			return out, nil
		}
		q.After = files[len(files)-1].ID
	}
}
