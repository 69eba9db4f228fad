package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// Health is the state of an engine, without personal data.
type Health struct {
	Parts      int64
	Proofs     uint64 // erasing batches so far
	NoLedger   bool
	Restored   bool // behind its ledger: closed
	KeysApart  bool
	Trusted    bool // the register declares no roles
	OldestDue  time.Time
	RegisterNo int
	// LastSweep is when a sweep of any process last came to its end, also one that found nothing to do; zero for never. Of sweeps that find nothing
	// an engine notes one an hour at most. One that was stopped at its bounds, failed, halted or was leased elsewhere has not come to its end.
	LastSweep time.Time
	// OldestOverdue is the end of the last day of the part that should have been gone for longest although nothing holds it; zero for none.
	// OldestDue comes earlier: from then on a sweep may erase, from here on it is too late. Session.Overdue lists such parts.
	OldestOverdue time.Time
	// AwaitingPlan are the parts that imports brought in overdue: until a plan that shows them was run, every sweep without one halts.
	AwaitingPlan int
	// Clearing are the parties that were off-boarded and whose unreadable rows no sweep has removed to the last yet: Parts counts these rows, and OldestDue
	// may be of one.
	Clearing int
	// Holds are in force; of HoldsToReview the day of review has come.
	Holds, HoldsToReview int
}

// Health reports the state of the engine; it also works while the store is closed after a restore.
func (e *Engine) Health(ctx context.Context) (Health, error) {
	h := Health{NoLedger: e.ledger == nil, Restored: e.restored.Load(), KeysApart: e.apart, Trusted: len(e.reg.Roles) == 0, RegisterNo: e.reg.Version}
	var err error
	if h.Parts, err = e.count(ctx); err != nil {
		return Health{}, fmt.Errorf("health: %w", translate(err))
	}
	last, err := e.store.LastProof(ctx)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return Health{}, fmt.Errorf("health: %w", translate(err))
	}
	h.Proofs = last.N
	due, err := e.store.Due(ctx, storage.DueQuery{Before: e.instant(), Limit: 1, Light: true})
	if err != nil {
		return Health{}, fmt.Errorf("health: %w", translate(err))
	}
	if len(due) > 0 {
		h.OldestDue = due[0].Due
	}
	if err := e.watched(ctx, &h); err != nil {
		return Health{}, fmt.Errorf("health: %w", translate(err))
	}
	return h, nil
}

// watched adds what tells whether retention is kept.
func (e *Engine) watched(ctx context.Context, h *Health) error {
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return err
	}
	if h.LastSweep, err = lastSweep(meta); err != nil {
		return err
	}
	waiting, err := e.overdue(ctx)
	if err != nil {
		return err
	}
	h.AwaitingPlan = waiting.parts
	leaving, err := e.leaving(ctx)
	if err != nil {
		return err
	}
	h.Clearing = len(leaving)
	holds, err := e.holds(ctx, nil)
	if err != nil {
		return err
	}
	now := e.instant()
	today := e.day(now)
	h.Holds = len(holds)
	for _, hold := range holds {
		if !hold.ReviewBy.After(today) {
			h.HoldsToReview++
		}
	}
	h.OldestOverdue, err = e.oldestOverdue(ctx, now)
	return err
}

// counted is how many parts the store held when somebody last counted.
type counted struct {
	Parts int64     `json:"parts"`
	At    time.Time `json:"at"`
}

// countLasts is how long a count serves as the measure of a sweep. Counting reads the whole table; a sweep must not.
const countLasts = 30 * 24 * time.Hour

// count counts the parts and remembers it.
func (e *Engine) count(ctx context.Context) (int64, error) {
	n, err := e.store.Count(ctx)
	if err != nil || e.restored.Load() {
		return n, err
	}
	b, err := json.Marshal(counted{n, e.instant()})
	if err != nil {
		return 0, errors.New("encode count: not JSON")
	}
	return n, e.store.Apply(ctx, &storage.Batch{PutMeta: map[string][]byte{metaCount: b}})
}

// lastCount is the count that Health last stored, or a new one when there is none or it is too old.
func (e *Engine) lastCount(ctx context.Context) (int64, error) {
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return 0, err
	}
	var have counted
	if json.Unmarshal(meta[metaCount], &have) == nil && e.instant().Sub(have.At) < countLasts {
		return have.Parts, nil
	}
	return e.count(ctx)
}
