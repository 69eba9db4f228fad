package gdpr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

const (
	fileDeviation = "deviation"
	stateOpen     = "open"
)

// Cause is why a deadline was missed.
type Cause string

// The causes.
const (
	// SweptLate: the sweep came too late, or halted, or failed.
	SweptLate Cause = "swept late"
	// StoredLate: it came in when its last day was over, by an import of old data.
	StoredLate Cause = "stored late"
	// MovedBack: an event that was recorded when that day was over moved the last day back (REQUIREMENTS 4.18).
	MovedBack Cause = "moved back"
	// RuleShortened: a version of the register that was adopted when that day was over has a shorter rule (REQUIREMENTS 4.19). What was late by the earlier
	// rule already is not told apart.
	RuleShortened Cause = "rule shortened"
	// AnsweredLate: a request of a data subject was not answered in time (Art. 12(3)).
	AnsweredLate Cause = "answered late"
)

// Deviation is a deadline that was missed: parts that were erased after their last day although nothing held them (PRO-DEV1). It is stored in the batch that
// erases them, and never without it, so each part is counted in exactly one, whatever is killed, tried again or run twice. What is late and not yet
// erased is in no deviation; Session.Overdue lists it.
//
// One deviation is of one erasing batch, one activity, one rule and one cause. The proof names its parts.
type Deviation struct {
	ID       ID
	Cause    Cause
	Activity string
	Rule     string // that decided; "purpose ended" without one
	Parts    int
	// First and Last are the earliest and the latest of the last days that were missed.
	First, Last civil.Date
	Found       time.Time // when they were erased
	Proof       ID
	Case        ID // of a request that was answered late; then there is neither activity nor proof
}

type deviationBody struct {
	V        int        `json:"v"`
	Cause    Cause      `json:"cause"`
	Activity string     `json:"activity"`
	Rule     string     `json:"rule"`
	Parts    int        `json:"parts"`
	First    civil.Date `json:"first"`
	Last     civil.Date `json:"last"`
	Found    time.Time  `json:"found"`
}

// Deviations lists the missed deadlines, oldest first. It needs the ability to read the session's activity; for Retention or SubjectRights, all of them. The
// trail names the deviations.
func (s *Session) Deviations(ctx context.Context) iter.Seq2[Deviation, error] {
	return list(ctx, s, "Deviations", false, func(hand func([]Deviation, []string) (bool, error)) error {
		q := storage.FileQuery{Kind: fileDeviation, Limit: page}
		for {
			files, err := s.e.store.Files(ctx, q)
			if err != nil {
				return err
			}
			var rows []Deviation
			var objects []string
			for _, f := range files {
				var body deviationBody
				if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
					return errors.New("decode deviation: not of format 1")
				}
				if s.lists(body.Activity, s.agreement) {
					d := Deviation{f.ID, body.Cause, body.Activity, body.Rule, body.Parts, body.First, body.Last, body.Found, f.Parent, ID{}}
					if d.Cause == AnsweredLate {
						d.Proof, d.Case = ID{}, f.Parent
					}
					rows = append(rows, d)
					objects = append(objects, audit.Object(fileDeviation, f.ID))
				}
			}
			if len(rows) > 0 {
				if more, err := hand(rows, objects); err != nil || !more {
					return err
				}
			}
			if len(files) < q.Limit {
				return nil
			}
			q.After = files[len(files)-1].ID
		}
	})
}

// missed adds that a request was not answered by its last day.
func (a *act) missed(b *storage.Batch, of ID, last civil.Date) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	body, err := json.Marshal(deviationBody{V: 1, Cause: AnsweredLate, Rule: "time to answer, Art. 12(3)", First: last, Last: last, Found: a.now})
	if err != nil {
		return errors.New("encode deviation: not JSON")
	}
	b.PutFiles = append(b.PutFiles, storage.File{Kind: fileDeviation, ID: ID(id), Rev: 1, Parent: of, State: stateOpen, Body: body})
	return nil
}

// lateness collects what of a batch is erased after its last day.
type lateness struct {
	e    *Engine
	now  time.Time
	late []latePart
}

type latePart struct {
	part    *storage.Part
	judged  *judged
	by      time.Time
	decides *retention.Standing
}

// see looks whether a part that goes is late.
func (l *lateness) see(p *storage.Part, j *judged) {
	if by, decides := l.e.deadline(&j.verdict); !by.IsZero() && !l.now.Before(by) {
		l.late = append(l.late, latePart{p, j, by, decides})
	}
}

type deviationKey struct {
	cause          Cause
	activity, rule string
}

// note adds the deviations to the batch, and says how many parts they count. It asks the store nothing where nothing is late.
func (l *lateness) note(ctx context.Context, b *storage.Batch) (parts int, err error) {
	if len(l.late) == 0 {
		return 0, nil
	}
	holds, err := l.holds(ctx)
	if err != nil {
		return 0, err
	}
	shorter, err := l.e.shortened(ctx)
	if err != nil {
		return 0, err
	}
	found := map[deviationKey]*deviationBody{}
	events := recorded{e: l.e}
	for i := range l.late {
		p := &l.late[i]
		cause, err := l.cause(ctx, p, &events, holds, shorter)
		if err != nil {
			return 0, err
		}
		if cause == "" {
			continue
		}
		key := deviationKey{cause, p.part.Family, ruleOf(p.judged.why.Rule)}
		day := l.e.day(p.by.Add(-time.Microsecond))
		d := found[key]
		if d == nil {
			d = &deviationBody{V: 1, Cause: cause, Activity: key.activity, Rule: key.rule, First: day, Last: day, Found: l.now}
			found[key] = d
		}
		d.Parts++
		parts++
		if day.Before(d.First) {
			d.First = day
		}
		if day.After(d.Last) {
			d.Last = day
		}
	}
	for _, d := range found {
		id, err := uuid.NewV7() // so that they are listed in the order in which they were stored
		if err != nil {
			return 0, err
		}
		body, err := json.Marshal(d)
		if err != nil {
			return 0, errors.New("encode deviation: not JSON")
		}
		b.PutFiles = append(b.PutFiles, storage.File{Kind: fileDeviation, ID: ID(id), Rev: 1, State: stateOpen, Body: body})
	}
	return parts, nil
}

// nameDeviations says in a batch's deviations which proof names their parts, and in its entry which deviations they are.
func nameDeviations(b *storage.Batch, proof ID, entry *audit.Entry) {
	for i := range b.PutFiles {
		if f := &b.PutFiles[i]; f.Kind == fileDeviation {
			f.Parent = proof
			entry.Objects = append(entry.Objects, audit.Object(fileDeviation, f.ID))
		}
	}
}

// cause is why a part is late; "" if it is not, because a hold kept it over its last day and it goes in time after the release.
func (l *lateness) cause(ctx context.Context, p *latePart, events *recorded, holds map[ID][]HoldInfo, shorter shortened) (Cause, error) {
	if !registered(p.part.Record).Before(p.by.Truncate(time.Millisecond)) {
		return StoredLate, nil
	}
	moved, err := events.moved(ctx, p)
	if err != nil || moved {
		return MovedBack, err
	}
	if shorter.since(p.part.Purposes, p.by) {
		return RuleShortened, nil
	}
	if by := released(p, holds, l.e.lead()); l.now.Before(by) {
		return "", nil
	}
	return SweptLate, nil
}

// registered is when a record was stored: its id says so, to the millisecond (docs/format.md part 1).
func registered(record ID) time.Time {
	ms := int64(0)
	for _, b := range record[1:7] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms)
}

// holds are all holds that are or were on what is late.
func (l *lateness) holds(ctx context.Context) (map[ID][]HoldInfo, error) {
	asked := map[ID]bool{}
	for _, p := range l.late {
		for _, id := range []ID{p.part.Record, p.part.Subject, p.part.Agreement} {
			asked[id] = true
		}
	}
	delete(asked, ID{})
	targets := make([]ID, 0, len(asked))
	for id := range asked {
		targets = append(targets, id)
	}
	out := map[ID][]HoldInfo{}
	for chunk := range slices.Chunk(targets, lookupChunk) {
		found, err := l.e.holdsIn(ctx, "", chunk)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			out[h.Target] = append(out[h.Target], h)
		}
	}
	return out, nil
}

// released is by when a part must be gone that holds kept over its last day: the next run after the last of them was released (REQUIREMENTS 4.8). Without any it
// is the end of that day.
func released(p *latePart, holds map[ID][]HoldInfo, lead time.Duration) time.Time {
	var all []HoldInfo
	for _, id := range []ID{p.part.Record, p.part.Subject, p.part.Agreement} {
		for _, h := range holds[id] {
			if h.covers(p.part) && !h.ended.IsZero() {
				all = append(all, h)
			}
		}
	}
	slices.SortFunc(all, func(x, y HoldInfo) int { return cmp.Or(x.placed.Compare(y.placed), x.ended.Compare(y.ended)) })
	by := p.by
	for _, h := range all {
		if h.placed.Before(by) && !h.ended.Before(by) {
			by = h.ended.Add(lead)
		}
	}
	return by
}
