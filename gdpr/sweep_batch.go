package gdpr

import (
	"context"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// build makes the batch of a page: conditions, erasures with their reasons, new dates.
func (w *sweepWork) build(ctx context.Context, cs []candidate) (b *storage.Batch, proof audit.Proof, dated int, err error) {
	b = &storage.Batch{Lease: w.lease, Files: []storage.FileCond{w.waiting.cond()}}
	proof.Kind = audit.ErasedParts
	n := going(cs)
	b.EraseParts, b.Keys.DestroyAllOf, b.Subjects = make([]storage.PartErase, 0, n), make([]storage.PartRef, 0, n), make([]storage.SubjectCond, 0, n)
	proof.Parts = make([]audit.ErasedPart, 0, n)
	subjects, schedules, agreements := make(map[ID]bool, n), map[scheduleKey]bool{}, map[ID]bool{}
	because := newReasons(&proof)
	late := lateness{e: w.a.s.e, now: w.a.s.e.instant()}
	for i := range cs {
		c := &cs[i]
		p := &c.part
		if !c.item.Go {
			when := c.wake
			if c.item.Why == retention.WhyHeld {
				var hold HoldInfo
				if hold, when, err = w.reviewOf(ctx, p); err != nil {
					return nil, proof, 0, err
				}
				c.hold = hold.ID
				if c.hold.IsZero() {
					continue // released meanwhile: it stays due
				}
				touch(b, hold.file)
			}
			if !when.Equal(p.Due) {
				p.Due = when
				b.RetimeParts = append(b.RetimeParts, retimeOf(p))
				dated++
			}
			continue
		}
		b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject, Rev: p.Rev})
		late.see(p, c.judged)
		b.Keys.DestroyAllOf = append(b.Keys.DestroyAllOf, p.PartRef)
		proof.Parts = append(proof.Parts, audit.ErasedPart{Record: p.Record, Part: p.PartRef.Part, Version: p.Version, Subject: p.Subject, Because: because.number(c.judged)})
		if !subjects[p.Subject] {
			subjects[p.Subject] = true
			b.Subjects = append(b.Subjects, storage.SubjectCond{ID: p.Subject, NotHeld: true})
		}
		if !p.Agreement.IsZero() && !agreements[p.Agreement] {
			agreements[p.Agreement] = true
			b.Files = append(b.Files, storage.FileCond{Kind: fileAgreement, ID: p.Agreement, NotHeld: true})
		}
		if sc := p.Schedule; sc != nil {
			if key := (scheduleKey{sc.Owner, sc.Family}); !schedules[key] {
				schedules[key] = true
				b.Schedules = append(b.Schedules, storage.ScheduleCond{Owner: sc.Owner, Family: sc.Family, Rev: sc.Rev, NotHeld: true})
			}
		}
	}
	w.late, err = late.note(ctx, b)
	return b, proof, dated, err
}

// touch raises the revision of a hold by which parts are dated, so that a release that has not seen them begins again.
func touch(b *storage.Batch, hold storage.File) {
	if !slices.ContainsFunc(b.PutFiles, func(f storage.File) bool { return f.ID == hold.ID }) {
		hold.Rev++
		b.PutFiles = append(b.PutFiles, hold)
	}
}

// reasons numbers the reasons of a proof.
type reasons struct {
	proof *audit.Proof
	of    map[*judged]int
	at    map[reasonKey]int
}

type reasonKey struct {
	family, purposes, rule string
	start, last            civil.Date
}

func newReasons(proof *audit.Proof) *reasons {
	return &reasons{proof: proof, of: map[*judged]int{}, at: map[reasonKey]int{}}
}

func (r *reasons) number(j *judged) int {
	if n, ok := r.of[j]; ok {
		return n
	}
	why := j.why
	key := reasonKey{why.Family, joined(why.Purposes), why.Rule, why.Start, why.Last}
	n, ok := r.at[key]
	if !ok {
		n = len(r.proof.Because)
		r.at[key] = n
		r.proof.Because = append(r.proof.Because, why)
	}
	r.of[j] = n
	return n
}

// reviewOf is the hold that keeps a part, and when it is reviewed: until then no sweep reads the part again.
func (w *sweepWork) reviewOf(ctx context.Context, p *storage.Part) (next HoldInfo, at time.Time, err error) {
	e := w.a.s.e
	first := func(h HoldInfo) {
		if next.ID.IsZero() || h.ReviewBy.Before(next.ReviewBy) {
			next = h
		}
	}
	for _, target := range []ID{p.Record, p.Subject, p.Agreement} {
		if h, ok := w.walk.held[target]; ok {
			first(h)
		}
	}
	if next.ID.IsZero() { // it was placed while the sweep ran
		holds, err := e.holdsOn(ctx, p.Record, p.Subject, p.Agreement)
		if err != nil {
			return next, time.Time{}, err
		}
		for _, h := range holds {
			first(h)
		}
	}
	tomorrow := e.day(w.a.now).AddDays(1)
	if next.ReviewBy.Before(tomorrow) {
		next.ReviewBy = tomorrow
	}
	return next, next.ReviewBy.Start(e.zone).UTC().Add(e.lead()), nil
}

// leave keeps the schedules of parts that were left out due, so that the next sweep looks at them again.
func (w *sweepWork) leave(all, kept []candidate) {
	stays := map[storage.PartRef]bool{}
	for _, c := range kept {
		stays[c.part.PartRef] = true
	}
	for _, c := range all {
		if !stays[c.part.PartRef] {
			w.loud[scheduleKey{c.part.Owner, c.part.Family}] = true
		}
	}
}

const carryTries = 20

// drop leaves out what failed. A part whose person or agreement is on hold stays, to be dated to the hold's review.
func drop(cs []candidate, cond *storage.ConditionError) []candidate {
	parts, ids, held, released := map[storage.PartRef]bool{}, map[ID]bool{}, map[ID]bool{}, map[ID]bool{}
	once := false // another act was first to write a proof, or took a right back: the same page once more
	for _, f := range cond.Failures {
		switch {
		case f.Kind == storage.KindProof, f.Kind == storage.KindFile && f.Name == fileGrant:
			once = true
		case f.Kind == storage.KindFile && f.Name == fileHold:
			released[f.ID] = true
		case f.Kind == storage.KindPart:
			parts[storage.PartRef{Record: f.ID, Part: f.Part}] = true
		case f.Reason == storage.Held:
			held[f.ID] = true
		default:
			ids[f.ID] = true
		}
	}
	var out []candidate
	for _, c := range cs {
		p, was := c.part, c.item.Go
		switch {
		case !c.hold.IsZero() && released[c.hold], parts[storage.PartRef{Record: p.Record, Part: p.PartRef.Part}], ids[p.Subject], ids[p.Agreement] && !p.Agreement.IsZero(), ids[p.Owner] && !p.Owner.IsZero():
			continue
		case held[p.Subject], held[p.Agreement] && !p.Agreement.IsZero(), held[p.Owner] && !p.Owner.IsZero():
			c.item.Go, c.item.Why = false, retention.WhyHeld
		}
		once = once || c.item.Go != was
		out = append(out, c)
	}
	if len(out) == len(cs) && !once {
		return nil // nothing could be told apart: leave the page to the next sweep
	}
	return out
}
