package gdpr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// rejudged is what some proofs of the ledger mean to a restored store.
type rejudged struct {
	batch      *storage.Batch
	again      []audit.Proof // of what is erased again, one for the parts and one for each controller's persons
	controller ID            // that was off-boarded
}

// judge makes the batch that erases again what the proofs say, except what is absent.
func (r *replay) judge(ctx context.Context, proofs []audit.Proof, absent map[any]bool) (*rejudged, error) {
	j := &rejudged{batch: &storage.Batch{}}
	erased, parts := map[recordPart]bool{}, audit.Proof{Kind: audit.ErasedParts}
	persons, kept := map[ID]ID{}, map[ID]*audit.Proof{} // by whose controller; who was erased but for something
	for i := range proofs {
		p := &proofs[i]
		because := len(parts.Because)
		for _, why := range p.Because {
			why.Ground = againAfter(p.N)
			parts.Because = append(parts.Because, why)
		}
		for _, gone := range p.Parts {
			gone.Because += because
			j.drop(&parts, gone, erased, absent)
		}
		switch p.Kind {
		case audit.ErasedSubjects:
			for _, id := range p.Subjects {
				persons[id] = p.Controller
			}
			if err := r.casesAgain(ctx, j, p); err != nil {
				return nil, err
			}
		case audit.ErasedController:
			if err := r.offboarded(ctx, j, p); err != nil {
				return nil, err
			}
		default:
			if len(p.Because) > 0 && Ground(p.Because[0].Ground).Valid() && !Role(p.Because[0].Role).ForOther() {
				for _, gone := range p.Parts {
					kept[gone.Subject] = p
				}
			}
		}
	}
	if err := r.persons(ctx, j, proofs, &parts, persons, erased, absent); err != nil {
		return nil, err
	}
	if err := r.restrict(ctx, j, kept, erased); err != nil {
		return nil, err
	}
	if len(parts.Parts) > 0 {
		used(&parts)
		j.again = append(j.again, parts)
	}
	return j, nil
}

func againAfter(n uint64) string { return fmt.Sprintf("again after a restore: first by proof %d", n) }

// drop adds a part to what is erased, unless it is there already or absent.
func (j *rejudged) drop(proof *audit.Proof, gone audit.ErasedPart, erased map[recordPart]bool, absent map[any]bool) {
	at := recordPart{gone.Record, gone.Part}
	if erased[at] {
		return
	}
	erased[at] = true
	if absent[gone.Subject] {
		return
	}
	ref := storage.PartRef{Bucket: gone.Subject.Bucket(), Record: gone.Record, Part: gone.Part}
	j.batch.Keys.DestroyAllOf = append(j.batch.Keys.DestroyAllOf, ref)
	if absent[at] {
		return
	}
	j.batch.EraseParts = append(j.batch.EraseParts, storage.PartErase{PartRef: ref, Subject: gone.Subject})
	proof.Parts = append(proof.Parts, gone)
}

// persons adds those who were erased, with whatever the copy still has of them.
func (r *replay) persons(ctx context.Context, j *rejudged, proofs []audit.Proof, parts *audit.Proof, persons map[ID]ID, erased map[recordPart]bool, absent map[any]bool) error {
	of := map[ID]*audit.Proof{}
	ids := sortedIDs(persons)
	left, err := r.a.s.e.partsOfSubjects(ctx, slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { return absent[id] }))
	if err != nil {
		return err
	}
	for _, id := range ids {
		controller := persons[id]
		j.batch.Keys.DestroySubjects = append(j.batch.Keys.DestroySubjects, storage.SubjectKey{ID: id, Controller: controller})
		if absent[id] {
			continue
		}
		for _, p := range left[id] { // what was there when the copy was made, and had gone by other proofs
			at := slices.IndexFunc(parts.Because, func(b audit.Because) bool { return b.Family == p.Family })
			if at < 0 {
				at = len(parts.Because)
				parts.Because = append(parts.Because, audit.Because{Family: p.Family, Role: p.Role, Purposes: p.Purposes, Register: r.a.s.e.reg.Version, Ground: againAfter(proofs[len(proofs)-1].N)})
			}
			j.drop(parts, audit.ErasedPart{Record: p.Record, Part: p.PartRef.Part, Version: p.Version, Subject: id, Because: at}, erased, nil)
		}
		j.batch.Subjects = append(j.batch.Subjects, storage.SubjectCond{ID: id, Exclusive: true, NotHeld: true, Bare: true})
		j.batch.EraseSubjects = append(j.batch.EraseSubjects, storage.SubjectErase{ID: id})
		if of[controller] == nil {
			of[controller] = &audit.Proof{Kind: audit.ErasedSubjects, Controller: controller}
		}
		of[controller].Subjects = append(of[controller].Subjects, id)
	}
	for _, controller := range sortedIDs(of) {
		j.again = append(j.again, *of[controller])
	}
	return r.a.s.e.erasePersonal(ctx, j.batch, slices.DeleteFunc(ids, func(id ID) bool { return absent[id] })...)
}

func sortedIDs[V any](m map[ID]V) []ID { return slices.SortedFunc(maps.Keys(m), ID.Compare) }

// restrict keeps aside again what was left of persons whom somebody had decided to erase: a floor or a hold kept it, and it may only be stored.
func (r *replay) restrict(ctx context.Context, j *rejudged, kept map[ID]*audit.Proof, erased map[recordPart]bool) error {
	var clocks verdicts
	left, err := r.a.s.e.partsOfSubjects(ctx, sortedIDs(kept))
	if err != nil {
		return err
	}
	for _, id := range sortedIDs(kept) {
		parts := left[id]
		for i := range parts {
			p := &parts[i]
			if erased[recordPart{p.Record, p.PartRef.Part}] || Role(p.Role).ForOther() {
				continue
			}
			if aside, err := isKeptAside(p); err != nil {
				return err
			} else if aside {
				continue
			}
			judged, err := clocks.of(ctx, r.a.s.e, p)
			if err != nil {
				return err
			}
			if err := r.a.keepAside(ctx, j.batch, p, &judged.verdict); err != nil {
				return err
			}
		}
	}
	return nil
}

// offboarded adds that a customer's keyset is destroyed and the customer gone.
func (r *replay) offboarded(ctx context.Context, j *rejudged, p *audit.Proof) error {
	j.controller = p.Controller
	j.batch.Keys.DestroyControllers = []ID{p.Controller}
	f, err := r.a.s.e.store.File(ctx, fileParty, p.Controller)
	switch {
	case errors.Is(err, storage.ErrNotFound): // of after the copy
		return nil
	case err != nil || f.State != stateActive:
		return err
	}
	f.Rev++
	f.State, f.Body = stateLeaving, nil
	j.batch.PutFiles = append(j.batch.PutFiles, f)
	again := audit.Proof{Kind: audit.ErasedController, Controller: p.Controller}
	again.Because = []audit.Because{{Ground: againAfter(p.N)}}
	j.again = append(j.again, again)
	return nil
}

// used leaves out the reasons that no part has.
func used(p *audit.Proof) {
	to := make([]int, len(p.Because))
	var rest []audit.Because
	for i := range p.Parts {
		at := &p.Parts[i].Because
		if to[*at] == 0 {
			rest = append(rest, p.Because[*at])
			to[*at] = len(rest)
		}
		*at = to[*at] - 1
	}
	p.Because = rest
}
