package gdpr

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// Ground is why something is erased outside its period: a letter of Art. 17(1), or a controller's instruction.
type Ground string

// The grounds.
const (
	NoLongerNeeded   Ground = "A17-1-a"
	WithdrawnConsent Ground = "A17-1-b"
	Objected         Ground = "A17-1-c"
	Unlawful         Ground = "A17-1-d"
	LegalDuty        Ground = "A17-1-e"
	ChildConsent     Ground = "A17-1-f"
	Instructed       Ground = "A28-3-a"
)

// Valid reports whether the ground is one of the constants.
func (g Ground) Valid() bool {
	switch g {
	case NoLongerNeeded, WithdrawnConsent, Objected, Unlawful, LegalDuty, ChildConsent, Instructed:
		return true
	}
	return false
}

// Erasure is the outcome of erasing one person.
type Erasure struct {
	Proof   ID     // of the proof, zero when nothing was erased
	Digest  string // of the proof, as the trail names it
	Records []ID   // of which something was erased
	Parts   int    // that were erased; Offboard counts none
	Kept    []Kept
	OnHold  int // parts that holds keep
	// Whole: nothing about the person is left with this controller; the person's own key is destroyed.
	Whole bool
}

// Kept is data that was not erased, and why (Art. 17(3)).
type Kept struct {
	Record   ID
	Activity string
	Purposes []string
	Why      string
	Until    civil.Date // zero: not known yet
}

// Erase erases what is held about one person, once somebody has decided to (Art. 17). What a floor of the register still demands is kept, restricted, and
// goes by itself at the floor's end; what is on hold is restricted, and goes when it is released. With nothing left the person's key and index rows go too.
// Where records are named, only what they hold about the person is looked at: that is what was decided on.
//
// With SubjectRights it erases in the controller role. In a processor's purpose, under an agreement, it carries out the controller's instruction.
// It fails with ErrOnHold, and an Erasure that names them, when holds keep everything; ErrNotFound for nobody, ErrConflict when the identity leads to several persons. With an error and an
// Erasure both, it is erased, but traces are still in the store's files.
func (s *Session) Erase(ctx context.Context, who Identity, ground Ground, records ...ID) (*Erasure, error) {
	var out *Erasure
	err := again(ctx, func() error {
		a, err := s.beginErase(ctx)
		if err != nil {
			return err
		}
		if !ground.Valid() {
			return refuse("Ground", "not a letter of Art. 17(1), nor an instruction")
		}
		if err := s.e.finishKnown(ctx); err != nil {
			return err
		}
		subject, err := a.oneSubject(ctx, who)
		if err == nil {
			out, err = a.eraseSubject(ctx, subject, ground, records)
		}
		if err != nil { // no proof of its own has shown that the store is as its ledger says
			if _, behind := s.e.compare(storage.Apart(ctx)); behind != nil {
				return behind
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	if out.Parts == 0 && out.OnHold > 0 {
		return out, fmt.Errorf("erase: %w", ErrOnHold)
	}
	if err := s.e.scrub(ctx); err != nil {
		return out, fmt.Errorf("erase: %w", err)
	}
	return out, nil
}

func (s *Session) beginErase(ctx context.Context) (*act, error) {
	a, err := s.begin("Erase")
	if err != nil {
		return nil, err
	}
	switch s.purpose {
	case SubjectRights:
		return a, a.may(ctx, mayErase, s.e.heads()...)
	case Retention:
		return nil, refuse("Purpose", "to erase a person is an act of SubjectRights, or of a processor's activity")
	}
	l := s.e.layouts[s.e.reg.Head(s.purpose)]
	if !l.head.Processor() {
		return nil, refuse("Purpose", "to erase a person is an act of SubjectRights, or of a processor's activity")
	}
	if err := a.may(ctx, mayErase, s.purpose); err != nil {
		return nil, err
	}
	_, err = a.covering(ctx, l)
	return a, err
}

// eraseSubject erases one person in one batch.
func (a *act) eraseSubject(ctx context.Context, row storage.Subject, ground Ground, only []ID) (*Erasure, error) {
	e, subject := a.s.e, row.ID
	parts, err := e.partsOfSubject(ctx, subject)
	if err != nil {
		return nil, err
	}
	out := &Erasure{}
	b := &storage.Batch{Subjects: []storage.SubjectCond{{ID: subject, Exclusive: true, NotHeld: true}}}
	proof := audit.Proof{Controller: row.Controller}
	var kept, undecided []storage.Part
	gone := make([]storage.Part, 0, len(parts))
	records := map[ID]bool{}
	var clocks verdicts
	var about keepers
	late := lateness{e: e, now: a.now}
	for i := range parts {
		p := &parts[i]
		if Role(p.Role).ForOther() && p.Agreement != a.s.agreement {
			out.Kept = append(out.Kept, Kept{p.Record, p.Family, p.Purposes, "under another agreement", civil.Date{}})
			kept = append(kept, *p)
			continue
		}
		if len(only) > 0 && !slices.Contains(only, p.Record) {
			undecided = append(undecided, *p)
			continue
		}
		j, err := clocks.of(ctx, e, p)
		if err != nil {
			return nil, err
		}
		v := &j.verdict
		hold, err := about.heldBy(ctx, e, row, p)
		if err != nil {
			return nil, err
		}
		switch until, floor := floorOf(*v, a.now); {
		case hold != "":
			if err := a.keepAside(ctx, b, p, v); err != nil {
				return nil, err
			}
			out.OnHold++
			out.Kept = append(out.Kept, Kept{p.Record, p.Family, p.Purposes, hold, civil.Date{}})
			kept = append(kept, *p)
		case floor != "":
			if err := a.keepAside(ctx, b, p, v); err != nil {
				return nil, err
			}
			out.Kept = append(out.Kept, Kept{p.Record, p.Family, p.Purposes, floor, until})
			kept = append(kept, *p)
		default:
			a.dropPart(b, &proof, p, because(p, e, retention.Verdict{}, string(ground)))
			late.see(p, j)
			if !records[p.Record] {
				records[p.Record] = true
				out.Records = append(out.Records, p.Record)
			}
			out.Parts++
			gone = append(gone, *p)
		}
	}
	if out.OnHold > 0 {
		b.Subjects[0].NotHeld = row.Held == 0 // what is left of a held person is only restricted
	}
	if ground == Objected {
		all := slices.Concat(gone, kept) // what a hold keeps was objected to as well
		for _, purpose := range e.marketing(all) {
			if err := a.neverAgain(ctx, b, all, purpose); err != nil {
				return nil, err
			}
		}
	}
	kept = append(kept, undecided...)
	out.Whole = len(kept) == 0
	if out.Whole {
		b.Subjects[0].Bare = true
		b.EraseSubjects = []storage.SubjectErase{{ID: subject}}
		b.Keys.DestroySubjects = []storage.SubjectKey{{ID: subject, Controller: row.Controller}}
		proof.Kind, proof.Subjects = audit.ErasedSubjects, []ID{subject}
		if err := e.erasePersonal(ctx, b, subject); err != nil {
			return nil, err
		}
	} else {
		proof.Kind = audit.ErasedParts
		if b.Subjects[0].Left, err = e.dropIdentifiers(ctx, b, subject, allOf(kept), gone, a.now); err != nil {
			return nil, err
		}
	}
	entry := audit.Entry{Why: string(ground), Count: out.Parts, Objects: []string{audit.Object("subject", subject)}}
	for _, id := range out.Records {
		entry.Objects = append(entry.Objects, audit.Object("record", id))
	}
	if out.Parts == 0 && !out.Whole {
		if _, err := e.compare(storage.Apart(ctx)); err != nil { // no proof will show that the store is as its ledger says
			return nil, err
		}
		return out, a.commit(ctx, b, entry)
	}
	if _, err := late.note(ctx, b); err != nil {
		return nil, err
	}
	stored, err := a.erase(ctx, b, proof, entry)
	if err != nil {
		return nil, err
	}
	e.ring.ForgetSubject(row.Controller, subject)
	e.cache.gone(subject)
	out.Proof, out.Digest = stored.ID, hex.EncodeToString(stored.Digest)
	return out, nil
}

// keepers are the agreements that were asked whether they are on hold: once each.
type keepers struct{ held map[ID]bool }

func (k *keepers) agreement(ctx context.Context, e *Engine, id ID) (bool, error) {
	held, asked := k.held[id]
	if asked || id.IsZero() {
		return held, nil
	}
	f, err := e.store.File(ctx, fileAgreement, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return false, err
	}
	if k.held == nil {
		k.held = map[ID]bool{}
	}
	k.held[id] = f.Held > 0
	return f.Held > 0, nil
}

// heldBy is the ground of the hold that keeps a part, "" without one.
func (k *keepers) heldBy(ctx context.Context, e *Engine, row storage.Subject, p *storage.Part) (string, error) {
	var targets []ID
	if row.Held > 0 {
		targets = append(targets, row.ID)
	}
	if p.Held > 0 {
		targets = append(targets, p.Record)
	}
	held, err := k.agreement(ctx, e, p.Agreement)
	if err != nil {
		return "", err
	}
	if held {
		targets = append(targets, p.Agreement)
	}
	if len(targets) == 0 {
		return "", nil
	}
	holds, err := e.holdsOn(ctx, targets...)
	if err != nil {
		return "", err
	}
	if len(holds) == 0 {
		return "on hold", nil
	}
	return "on hold: " + holds[0].Ground, nil
}

// floorOf is the last day of the latest floor in force, and its words; "" without one.
func floorOf(v retention.Verdict, now time.Time) (until civil.Date, words string) {
	for _, st := range v.Standings {
		switch {
		case st.FloorWaits:
			return civil.Date{}, st.Purpose + ": a duty to keep it, whose period has not begun"
		case st.Floor != nil && st.Floor.End.After(now):
			if st.Floor.Last.After(until) {
				until, words = st.Floor.Last, st.Purpose+": a duty to keep it, "+st.Floor.Rule.String()
			}
		}
	}
	return until, words
}

// keepAside ends every purpose of a part and restricts it: a floor or a hold keeps it from being erased now, and when that ends it goes by itself.
func (a *act) keepAside(ctx context.Context, b *storage.Batch, p *storage.Part, v *retention.Verdict) error {
	f, err := decodeFacts(p.Facts)
	if err != nil {
		return err
	}
	today := a.s.e.day(a.now)
	for _, st := range v.Standings {
		f.end(st.Purpose, ended{Day: today, AtOnce: true})
	}
	if len(f.Restricted) > 0 {
		f.restrict(keptAside)
	}
	p.Facts, p.Restricted = f.encode(), true
	if err := a.s.e.date(ctx, p); err != nil {
		return err
	}
	b.RetimeParts = append(b.RetimeParts, retimeOf(p))
	return nil
}

// dropPart adds the erasure of one part to a batch and its proof.
func (a *act) dropPart(b *storage.Batch, proof *audit.Proof, p *storage.Part, why audit.Because) {
	b.EraseParts = append(b.EraseParts, storage.PartErase{PartRef: p.PartRef, Subject: p.Subject, Rev: p.Rev})
	b.Keys.DestroyAllOf = append(b.Keys.DestroyAllOf, p.PartRef)
	at := slices.IndexFunc(proof.Because, func(have audit.Because) bool { return sameReason(have, why) })
	if at < 0 {
		at = len(proof.Because)
		proof.Because = append(proof.Because, why)
	}
	proof.Parts = append(proof.Parts, audit.ErasedPart{Record: p.Record, Part: p.PartRef.Part, Version: p.Version, Subject: p.Subject, Because: at})
	if !p.Agreement.IsZero() {
		cond := storage.FileCond{Kind: fileAgreement, ID: p.Agreement, NotHeld: true}
		if !slices.Contains(b.Files, cond) {
			b.Files = append(b.Files, cond)
		}
	}
}

func sameReason(x, y audit.Because) bool {
	return x.Family == y.Family && x.Role == y.Role && x.Rule == y.Rule && x.Event == y.Event && x.Start == y.Start && x.Last == y.Last &&
		x.Ground == y.Ground && slices.Equal(x.Purposes, y.Purposes)
}

// because is the reason that a part goes, as the proof keeps it.
func because(p *storage.Part, e *Engine, v retention.Verdict, ground string) audit.Because {
	out := audit.Because{Family: p.Family, Role: p.Role, Purposes: p.Purposes, Register: e.reg.Version, Ground: ground}
	for _, st := range v.Standings {
		if st.Purpose == v.Decides && st.Ceiling != nil {
			out.Rule, out.Event, out.Start, out.Last = st.Ceiling.Rule.String(), string(st.Ceiling.Rule.Event), st.Ceiling.Start, st.Ceiling.Last
		}
	}
	return out
}

// erase applies an erasing batch with its proof, then writes the ledger. The erasure is acknowledged only after that.
func (a *act) erase(ctx context.Context, b *storage.Batch, proof audit.Proof, entry audit.Entry) (*storage.Proof, error) {
	e := a.s.e
	proof.ID, proof.At, proof.Actor, proof.Case = storage.NewID(), a.now, a.s.actor.audit(), a.s.caseID
	proof.Method = []string{"row erased", "key destroyed"}
	nameDeviations(b, proof.ID, &entry)
	if live, known := e.copiesLive(); known {
		proof.Copies = live.After(e.day(a.now))
	}
	row, err := a.link(ctx, b, proof, entry)
	if err != nil {
		return nil, err
	}
	a.proved = row.N
	if inTx(ctx) {
		return &row, nil // what follows must wait for the application's commit
	}
	if e.apart {
		if err := e.store.Apply(ctx, &storage.Batch{Confirm: []uint64{row.N}}); err != nil {
			return nil, err
		}
	}
	return &row, e.record(ctx, row)
}

// finishErasures does what an erasure still lacks that failed, or died, after its rows were gone: keys in a store of their own are destroyed, and the
// ledger gets its proof. Every erasing act does it, so that a second try does not say "not found" over keys that live.
func (e *Engine) finishErasures(ctx context.Context) error {
	ctx = storage.Apart(ctx) // of what is committed
	if err := e.finishKeys(ctx); err != nil {
		return err
	}
	_, err := e.compare(ctx)
	return err
}

// finishKnown is finishErasures for an act that writes a proof, or else compares: it does not read the store while the ledger is as this engine left it.
func (e *Engine) finishKnown(ctx context.Context) error {
	ctx = storage.Apart(ctx)
	if err := e.finishKeys(ctx); err != nil {
		return err
	}
	return e.catchUp(ctx)
}

// finishKeys destroys the keys in a store of their own whose rows are gone.
func (e *Engine) finishKeys(ctx context.Context) error {
	if !e.apart {
		return nil
	}
	return errors.Join(e.destroyAgain(ctx), e.shredAgain(ctx))
}

// destroyAgain destroys the keys of every proof that is not confirmed.
func (e *Engine) destroyAgain(ctx context.Context) error {
	open, err := e.store.OpenProofs(ctx)
	if err != nil {
		return err
	}
	for _, row := range open {
		proof, err := audit.DecodeProof(row.Body)
		if err != nil {
			return err
		}
		if err := e.destroyOf(ctx, &proof); err != nil {
			return err
		}
		if err := e.store.Apply(ctx, &storage.Batch{Confirm: []uint64{row.N}}); err != nil {
			return err
		}
	}
	return nil
}

// destroyOf destroys the keys of what a proof says was erased.
func (e *Engine) destroyOf(ctx context.Context, proof *audit.Proof) error {
	k := storage.KeyBatch{}
	for _, p := range proof.Parts {
		k.DestroyAllOf = append(k.DestroyAllOf, storage.PartRef{Bucket: p.Subject.Bucket(), Record: p.Record, Part: p.Part})
	}
	for _, id := range proof.Subjects {
		k.DestroySubjects = append(k.DestroySubjects, storage.SubjectKey{ID: id, Controller: proof.Controller})
	}
	if proof.Kind == audit.ErasedController {
		k.DestroyControllers = []ID{proof.Controller}
	}
	if err := e.destroy(ctx, &k); err != nil {
		return err
	}
	for _, id := range proof.Subjects {
		e.ring.ForgetSubject(proof.Controller, id)
	}
	for _, id := range k.DestroyControllers {
		e.ring.Forget(id)
	}
	return nil
}

// scrub removes what erased rows left behind in the files of the stores.
func (e *Engine) scrub(ctx context.Context) error {
	if inTx(ctx) {
		return nil // nothing is gone yet
	}
	for _, s := range []any{e.store, e.keys} {
		if sc, ok := s.(storage.Scrubber); ok {
			if err := sc.Scrub(ctx); err != nil {
				return fmt.Errorf("erased, but not yet from the store's files: %w", err)
			}
		}
		if !e.apart {
			break
		}
	}
	return nil
}
