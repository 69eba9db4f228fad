package gdpr

import (
	"context"
	"errors"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// A store of keys that was restored from a copy holds keys again that were destroyed since. The proofs are the list of them: a person who was erased must have
// a tombstone there, so the last proof of persons whose tombstone is found is older than any copy that was brought back, and the keys of all proofs
// after it are destroyed once more (REQUIREMENTS 4.16).

// destroyRevived destroys what a restored key store has brought back. Mostly it reads one page of proofs and one tombstone.
func (e *Engine) destroyRevived(ctx context.Context) error {
	if !e.apart {
		return nil
	}
	last, err := e.store.LastProof(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	const page = 100
	var open []audit.Proof // after the last one known to be destroyed
	revived := false
	for end := last.N; end > 0; {
		from := end - min(end, page)
		rows, err := e.store.Proofs(ctx, from, int(end-from))
		if err != nil {
			return err
		}
		for i := len(rows) - 1; i >= 0; i-- {
			if !rows[i].Confirmed { // its keys were never destroyed: finishKeys does that
				continue
			}
			p, err := audit.DecodeProof(rows[i].Body)
			if err != nil {
				return err
			}
			buried, knows, err := e.buried(ctx, &p)
			if err != nil {
				return err
			}
			if knows && buried {
				end = 0
				break
			}
			revived = revived || knows
			open = append(open, p)
		}
		end = min(end, from)
	}
	return e.destroyOnceMore(ctx, open, revived)
}

// buried reports whether the key store has the tombstone of a proof, and whether the proof is of a kind that leaves one.
func (e *Engine) buried(ctx context.Context, p *audit.Proof) (buried, leaves bool, err error) {
	switch p.Kind {
	case audit.ErasedSubjects:
		keys, err := e.keys.SubjectKeys(e.ofKeys(ctx), p.Subjects[:1])
		return len(keys) == 1 && keys[0].Destroyed, true, err
	case audit.ErasedController:
		key, err := e.keys.ControllerKey(e.ofKeys(ctx), p.Controller)
		if errors.Is(err, storage.ErrNotFound) {
			return false, true, nil
		}
		return key.Destroyed, true, err
	}
	return false, false, nil
}

// destroyOnceMore destroys the keys of some proofs if any is there, and leaves a trace of it.
func (e *Engine) destroyOnceMore(ctx context.Context, proofs []audit.Proof, revived bool) error {
	for i := range proofs {
		refs := make([]storage.PartKeyRef, len(proofs[i].Parts))
		for j, p := range proofs[i].Parts {
			refs[j] = storage.PartKeyRef{PartRef: storage.PartRef{Bucket: p.Subject.Bucket(), Record: p.Record, Part: p.Part}, Version: p.Version}
		}
		if revived || len(refs) == 0 {
			continue
		}
		keys, err := e.keys.PartKeys(e.ofKeys(ctx), refs)
		if err != nil {
			return err
		}
		revived = len(keys) > 0
	}
	if !revived {
		return nil
	}
	for i := len(proofs) - 1; i >= 0; i-- { // the oldest first: cut short, the newest tombstone is still missing
		if err := e.destroyOf(ctx, &proofs[i]); err != nil {
			return err
		}
	}
	e.log.ErrorContext(ctx, "gallra: the store of keys was restored from a copy: keys that had been destroyed are destroyed again; what was stored or changed since that copy does not open",
		"proofs", len(proofs))
	a := &act{s: e.As(e.programActor(), Retention), now: e.instant(), action: "DestroyRevivedKeys", grant: grantBuiltIn}
	return a.commit(ctx, &storage.Batch{}, audit.Entry{Why: "the store of keys was restored from a copy", Count: len(proofs)})
}
