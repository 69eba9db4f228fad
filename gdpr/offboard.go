package gdpr

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

const stateGone = "off-boarded"

// Offboard destroys the keyset of a party, under which everything held for it as a processor is sealed: all of it is unreadable at once, whatever its size
// (Art. 28(3)(g)). Its rows are removed afterwards, in steps; a crash between two steps leaves nothing readable, and another Offboard goes on.
// Every agreement with the party must have ended and none may be on hold.
func (s *Session) Offboard(ctx context.Context, party ID) (*Erasure, error) {
	out := &Erasure{Whole: true}
	err := again(ctx, func() error {
		a, err := s.begin("Offboard")
		if err != nil {
			return err
		}
		if err := alone(ctx); err != nil {
			return err
		}
		if party == s.e.self {
			return refuse("Party", "is the organization itself")
		}
		if err := a.may(ctx, mayErase, s.e.heads()...); err != nil {
			return err
		}
		if err := s.e.finishErasures(ctx); err != nil {
			return err
		}
		f, err := s.e.store.File(ctx, fileParty, party)
		if err != nil {
			return err
		}
		if f.State == stateGone {
			return nil
		}
		b := &storage.Batch{Keys: storage.KeyBatch{DestroyControllers: []ID{party}}}
		if err := s.e.agreementsEnded(ctx, b, party); err != nil {
			return err
		}
		if err := s.e.noHoldOf(ctx, party); errors.Is(err, ErrOnHold) {
			return a.refused(ctx, err, []string{audit.Object(fileParty, party)})
		} else if err != nil {
			return err
		}
		f.Rev++
		f.State, f.Body = stateGone, nil
		b.PutFiles = []storage.File{f}
		row, err := a.erase(ctx, b, audit.Proof{Kind: audit.ErasedController, Controller: party}, audit.Entry{Objects: []string{audit.Object(fileParty, party)}})
		if err != nil {
			return err
		}
		s.e.ring.Forget(party)
		out.Proof, out.Digest = row.ID, hex.EncodeToString(row.Digest)
		return nil
	})
	if err == nil {
		out.Parts, err = s.e.clearParty(ctx, party)
	}
	if err == nil {
		err = s.e.scrub(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("off-board: %w", err)
	}
	return out, nil
}

// agreementsEnded adds that every agreement with the party has ended and is not on hold.
func (e *Engine) agreementsEnded(ctx context.Context, b *storage.Batch, party ID) error {
	q := storage.FileQuery{Kind: fileAgreement, Parents: []ID{party}, Limit: 1000}
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.State != stateEnded {
				return refuse("Party", "has an agreement in force: record its end first")
			}
			b.Files = append(b.Files, storage.FileCond{Kind: fileAgreement, ID: f.ID, Rev: f.Rev, NotHeld: true})
		}
		if len(files) < q.Limit {
			return nil
		}
		q.After = files[len(files)-1].ID
	}
}

const clearStep = 5000

// clearParty removes the unreadable rows of an off-boarded party.
func (e *Engine) clearParty(ctx context.Context, party ID) (rows int, err error) {
	for {
		step := &storage.ControllerErase{Controller: party, Limit: clearStep}
		err := e.store.Apply(ctx, &storage.Batch{EraseController: step})
		if errors.Is(err, storage.ErrOutcomeUnknown) {
			continue
		}
		if err != nil {
			return rows, translate(err)
		}
		rows += step.Erased
		if step.Erased == 0 {
			return rows, nil
		}
	}
}

// noHoldOf fails with ErrOnHold when a hold keeps a record or person of a controller.
func (e *Engine) noHoldOf(ctx context.Context, controller ID) error {
	holds, err := e.holds(ctx, nil)
	if err != nil {
		return err
	}
	for _, h := range holds {
		switch h.On {
		case "record":
			parts, err := e.store.Record(ctx, h.Target)
			if err != nil {
				return err
			}
			if len(parts) > 0 && parts[0].Controller == controller {
				return ErrOnHold
			}
		case "subject":
			row, err := e.store.Subject(ctx, h.Target)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			if err == nil && row.Controller == controller {
				return ErrOnHold
			}
		}
	}
	return nil
}
