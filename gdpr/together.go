package gdpr

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// together writes the trail of acts that change nothing else. Those that come while a batch is on its way wait for the next one, which writes them all: one
// commit, however many read at the same time, and still an entry for each. It returns when the act's entries are stored.
type together struct {
	turn    chan struct{} // of who writes: one at a time
	mu      sync.Mutex
	waiting []*traced
}

// traced is an act with entries to write.
type traced struct {
	act     *act
	entries []audit.Entry
	outcome chan error // of the batch that another wrote
}

func newTogether() *together { return &together{turn: make(chan struct{}, 1)} }

// errAlone: the batch with others was not stored. Each tries again by itself, and so finds out whether it was to blame.
var errAlone = errors.New("not stored together with others")

func (t *together) write(ctx context.Context, a *act, entries []audit.Entry) error {
	one := &traced{a, entries, make(chan error, 1)}
	t.mu.Lock()
	t.waiting = append(t.waiting, one)
	t.mu.Unlock()
	late := time.NewTimer(turnTime) // a batch that waits for somebody's row keeps nobody else
	defer late.Stop()
	var err error
	select {
	case err = <-one.outcome:
	case <-ctx.Done():
		t.leave(one)
		return ctx.Err()
	case <-late.C:
		if err = errAlone; !t.leave(one) {
			err = <-one.outcome
		}
	case t.turn <- struct{}{}:
		err = t.writeAll(ctx, one)
	}
	if errors.Is(err, errAlone) {
		return a.commit(ctx, &storage.Batch{}, entries...)
	}
	return err
}

// leave takes an act out of those that wait, and reports whether it was there: else its entries are on their way.
func (t *together) leave(one *traced) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.waiting)
	t.waiting = slices.DeleteFunc(t.waiting, func(w *traced) bool { return w == one })
	return len(t.waiting) < n
}

// writeAll writes what waits, if this one is still among it, and ends the turn.
func (t *together) writeAll(ctx context.Context, one *traced) error {
	defer func() { <-t.turn }()
	t.mu.Lock()
	if !slices.Contains(t.waiting, one) {
		t.mu.Unlock()
		return <-one.outcome
	}
	all := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	b := &storage.Batch{}
	var entries []audit.Entry
	for _, w := range all {
		for _, e := range w.entries {
			entries = append(entries, w.act.entry(e))
		}
		for _, c := range w.act.files {
			if !slices.Contains(b.Files, c) {
				b.Files = append(b.Files, c)
			}
		}
	}
	err := errAlone
	defer func() { // also when the store panics
		for _, w := range all {
			w.outcome <- err
		}
	}()
	stored := one.act.apply(ctx, b, entries)
	if stored == nil || len(all) == 1 || errors.Is(stored, storage.ErrOutcomeUnknown) {
		err = stored
	}
	return err
}
