package gdpr

import (
	"context"
	"errors"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// A context may carry a transaction of the application (see [postgres.InTx]): writes go into it, and what they need to know is read in it. What must
// outlive a rollback keeps a commit of its own: the trail of reads and refusals, and everything in a key store or ledger apart.

// inTx reports whether writes go into a transaction of the application.
func inTx(ctx context.Context) bool { return storage.Joined(ctx) != nil }

// alone refuses a context that carries a transaction, for acts that commit step by step.
func alone(ctx context.Context) error {
	if inTx(ctx) {
		return refuse("Context", "carries a transaction of the application, but this act commits step by step")
	}
	return nil
}

// ofKeys is the context for the key store: one of its own has no part in the application's transaction.
func (e *Engine) ofKeys(ctx context.Context) context.Context {
	if e.apart {
		return storage.Apart(ctx)
	}
	return ctx
}

// applyJoined writes a batch into the application's transaction, on a lane that no other open transaction uses. New keys in a store of their own are
// there before, for nothing if it is rolled back; what must be destroyed is noted in the batch, and the next sweep, erasure or Open that finds it
// committed does it, and writes the ledger.
func (a *act) applyJoined(ctx context.Context, b *storage.Batch, entries []audit.Entry) error {
	e := a.s.e
	joiner, ok := e.store.(storage.Joiner)
	if !ok {
		return refuse("Context", "carries a transaction, which this store cannot write into")
	}
	tail, mac, err := joiner.FreeLane(ctx)
	if err != nil {
		return err
	}
	lane := e.trail.Continue(tail, mac)
	if err := addEntries(lane, b, entries); err != nil {
		return err
	}
	destroy, err := e.keysFirst(ctx, b)
	if err != nil {
		return err
	}
	err = e.store.Apply(ctx, b)
	var cond *storage.ConditionError
	if errors.As(err, &cond) {
		e.cache.forget(cond)
		e.keysBack(ctx, destroy)
	}
	return err
}

// trace writes entries of an act that changes nothing else, with a commit of their own. What allowed the act may be of the application's transaction, which
// nobody else sees yet: it is checked there.
func (a *act) trace(ctx context.Context, entries ...audit.Entry) error {
	if inTx(ctx) && len(a.files) > 0 {
		err := a.s.e.store.Apply(ctx, &storage.Batch{Files: a.files})
		var cond *storage.ConditionError
		if errors.As(err, &cond) {
			a.s.e.cache.forget(cond)
		}
		if err != nil {
			return err
		}
		a.files = nil
	}
	if inTx(ctx) { // whose turn it is may be waiting for this very transaction
		return a.commit(storage.Apart(ctx), &storage.Batch{}, entries...)
	}
	return a.s.e.traces.write(ctx, a, entries)
}
