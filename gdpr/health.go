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
	return h, nil
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
