package gdpr

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// A party whose keyset is destroyed: first its unreadable rows are still there, then none is.
const (
	stateLeaving = "off-boarding"
	stateGone    = "off-boarded"
)

// Offboard destroys the keyset of a party, under which everything held for it as a processor is sealed, and proves it: all of it is unreadable at once,
// whatever its size (Art. 28(3)(g)). The rows that are left take room and nothing else: the next sweeps remove them within their bounds, after what has
// come due. They count in no plan and are listed nowhere; Health.Clearing says how many parties have such rows, and of the Erasure Parts is 0, because
// nobody counts them. Another process may go on with a keyset that it has opened for Options.CacheTTL. Every agreement with the party must have ended and
// none may be on hold. Off-boarding again does nothing.
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
		if f.State != stateActive {
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
		f.State, f.Body = stateLeaving, nil
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

// Clear removes rows of parties that are off-boarding, one party after the other. Who asks anew finds one that came meanwhile; of one that has none left
// the file says so.
func (w *sweepWork) Clear(ctx context.Context, n int) (int, error) {
	e := w.a.s.e
	for {
		if err := w.keepLease(ctx); err != nil {
			return 0, err
		}
		if len(w.leaving) == 0 {
			var err error
			if w.leaving, err = e.store.Files(ctx, storage.FileQuery{Kind: fileParty, State: stateLeaving, Limit: 100}); err != nil {
				return 0, err
			}
			if w.cleared = len(w.leaving) == 0; w.cleared {
				return 0, nil
			}
		}
		step := &storage.ControllerErase{Controller: w.leaving[0].ID, Limit: n}
		err := e.store.Apply(ctx, &storage.Batch{Lease: w.lease, EraseController: step})
		if errors.Is(err, storage.ErrOutcomeUnknown) {
			continue
		}
		if err != nil || step.Erased > 0 {
			return step.Erased, err
		}
		if err := w.gone(ctx, w.leaving[0]); err != nil {
			return 0, err
		}
		w.leaving = w.leaving[1:]
	}
}

// gone notes that a party has no row left.
func (w *sweepWork) gone(ctx context.Context, f storage.File) error {
	f.Rev++
	f.State = stateGone
	return w.a.commit(ctx, &storage.Batch{Lease: w.lease, PutFiles: []storage.File{f}},
		audit.Entry{Why: "every row of a party that was off-boarded is removed", Objects: []string{audit.Object(fileParty, f.ID)}})
}

// leaving are the parties that are off-boarding: nothing about their rows is of any use.
func (e *Engine) leaving(ctx context.Context) (map[ID]bool, error) {
	ids, err := e.partiesIn(ctx, stateLeaving)
	out := make(map[ID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// notLeft is ErrErased for a controller that was off-boarded.
func (e *Engine) notLeft(ctx context.Context, controller ID) error {
	if controller == e.self {
		return nil
	}
	f, err := e.store.File(ctx, fileParty, controller)
	if err == nil && f.State != stateActive {
		return ErrErased
	}
	return err
}

// present returns the parts of a record, and ErrErased for those of a party that was off-boarded.
func (e *Engine) present(ctx context.Context, record ID) ([]storage.Part, error) {
	parts, err := e.store.Record(ctx, record)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	return parts, e.notLeft(ctx, parts[0].Controller)
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
