package gdpr

import (
	"context"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// While a replay takes over the ledger's proofs it can write none of its own: the chain has no room between them. What it erases again stands in files of this kind,
// stored with the erasure, until the chain has come to its end and each becomes a proof.
const fileErasedAgain = "erased again"

// note adds those files to the batch.
func (j *rejudged) note(a *act) error {
	for i := range j.again {
		p := &j.again[i]
		p.ID, p.At, p.Actor, p.Case = storage.NewID(), a.now, a.s.actor.audit(), a.s.caseID
		if err := p.Check(); err != nil {
			return fmt.Errorf("proof of what is erased again: %w", err)
		}
		j.batch.PutFiles = append(j.batch.PutFiles, storage.File{Kind: fileErasedAgain, ID: p.ID, Rev: 1, State: stateActive, Body: audit.EncodeProof(p)})
	}
	return nil
}

// finishReplay makes those files the proofs that they stand for: the replay at its end, or Open after one that was killed there.
func (e *Engine) finishReplay(ctx context.Context) error {
	for {
		files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileErasedAgain, State: stateActive, Limit: 100})
		if err != nil || len(files) == 0 {
			return err
		}
		for _, f := range files {
			p, err := audit.DecodeProof(f.Body)
			if err != nil {
				return err
			}
			a := &act{s: e.As(Actor{kind: p.Actor.Kind, name: p.Actor.Name}, Retention).Case(p.Case), now: e.instant(), action: "Replay", grant: grantBuiltIn}
			b := &storage.Batch{Files: []storage.FileCond{{Kind: f.Kind, ID: f.ID, Rev: f.Rev}}, EraseFiles: []storage.FileRef{{Kind: f.Kind, ID: f.ID}}}
			_, err = a.erase(ctx, b, p, audit.Entry{Why: "erased again after a restore", Count: len(p.Parts) + len(p.Subjects)})
			var cond *storage.ConditionError
			if err != nil && (!errors.As(err, &cond) || !cond.Has(storage.KindFile, storage.Missing)) { // another process was first
				return err
			}
		}
	}
}
