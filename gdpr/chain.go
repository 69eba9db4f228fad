package gdpr

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// chain is the end of the chain of proofs as this engine knows it. It saves reading and is never trusted by itself: a batch whose proof does not follow from
// the store's last one is refused, and the ledger takes none that does not follow from its own.
type chain struct {
	turn chan struct{} // one of this engine's acts at a time goes from the last proof to its commit

	mu      sync.Mutex
	last    storage.Proof   // number and digest of the last proof seen or written; zero: not known
	pending []storage.Proof // committed here, and not yet in the ledger

	ledger sync.Mutex    // held while the ledger is compared or written
	noted  storage.Proof // number and digest of the last proof that store and ledger were seen to share
	same   bool          // they were compared at all
}

func newChain() *chain { return &chain{turn: make(chan struct{}, 1)} }

// turnTime is how long an act waits for its turn. A turn spares others a refused batch, no more: whoever has waited for long goes on without. So an act whose
// commit waits for a transaction of the application stops no other act that this very transaction may be waiting for.
const turnTime = time.Second

// take waits for the act's turn; the function that it returns ends it. An act within an application's transaction takes none: it could keep the others waiting
// until that ends.
func (c *chain) take(ctx context.Context) (end func()) {
	if inTx(ctx) {
		return func() {}
	}
	late := time.NewTimer(turnTime)
	defer late.Stop()
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }
	case <-late.C:
	case <-ctx.Done(): // the commit will say so
	}
	return func() {}
}

// see remembers the store's last proof.
func (c *chain) see(row storage.Proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = storage.Proof{N: row.N, Digest: row.Digest}
}

// seen is what it remembers; zero for nothing.
func (c *chain) seen() storage.Proof {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// wrote remembers a proof that was committed here and waits for the ledger.
func (c *chain) wrote(row storage.Proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if row.N > c.last.N {
		c.last = storage.Proof{N: row.N, Digest: row.Digest}
	}
	c.pending = append(c.pending, row)
}

// waiting are the proofs that the ledger lacks as far as this engine wrote them, in order.
func (c *chain) waiting() []storage.Proof {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.pending, func(x, y storage.Proof) int { return cmp.Compare(x.N, y.N) })
	return slices.Clone(c.pending)
}

// settled takes proofs out of those that wait.
func (c *chain) settled(rows ...storage.Proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = slices.DeleteFunc(c.pending, func(p storage.Proof) bool {
		return slices.ContainsFunc(rows, func(r storage.Proof) bool { return r.ID == p.ID })
	})
}

// proofTries is how often a proof is built anew because others were first. Somebody gets on each time.
const proofTries = 500

// link commits an erasing batch with the proof that follows from the last one. If another act was first, only the proof is built again, and not the act.
func (a *act) link(ctx context.Context, b *storage.Batch, proof audit.Proof, entry audit.Entry) (storage.Proof, error) {
	e := a.s.e
	defer e.chain.take(ctx)()
	keys := b.Keys // where they live apart, a commit takes them out
	last, err := e.lastProof(ctx)
	for try := 0; err == nil; try++ {
		row, bad := audit.NextProof(e.ring.MAC(), &last, proof)
		if bad != nil {
			return storage.Proof{}, bad
		}
		row.Confirmed = !e.apart
		b.Proofs, b.Keys = []storage.Proof{row}, keys
		entry.Proof = audit.ProofDigest(row)
		err := a.commit(ctx, b, entry)
		if err == nil {
			if !inTx(ctx) {
				e.chain.wrote(row)
			}
			return row, nil
		}
		if try == proofTries || !onlyProof(err) || !pause(ctx, min(try, 4)) {
			return storage.Proof{}, err
		}
		if last, err = e.lastProofAgain(ctx); err != nil {
			return storage.Proof{}, err
		}
	}
	return storage.Proof{}, err
}

// onlyProof reports whether a batch was refused for nothing but its proof: another came first.
func onlyProof(err error) bool {
	var cond *storage.ConditionError
	return errors.As(err, &cond) && len(cond.Failures) > 0 &&
		!slices.ContainsFunc(cond.Failures, func(f storage.Failure) bool { return f.Kind != storage.KindProof })
}

// pause waits for a random time, up to a millisecond and twice that with each step, so that those who met do not meet again. It returns false when the
// context is done.
func pause(ctx context.Context, step int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(time.Millisecond << step)): //nolint:gosec // nobody gains by guessing it
		return true
	}
}

// lastProof is number and digest of the last proof, as remembered or else as stored.
func (e *Engine) lastProof(ctx context.Context) (storage.Proof, error) {
	if last := e.chain.seen(); last.N > 0 && !inTx(ctx) {
		return last, nil
	}
	return e.lastProofStored(ctx)
}

// lastProofStored reads it: in an application's transaction as that sees it.
func (e *Engine) lastProofStored(ctx context.Context) (storage.Proof, error) {
	last, err := e.store.LastProof(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Proof{}, nil
	}
	if err == nil && !inTx(ctx) {
		e.chain.see(last)
	}
	return last, err
}

// lastProofAgain reads it after another act was first. The store may also have been restored, so it is compared with its ledger.
func (e *Engine) lastProofAgain(ctx context.Context) (storage.Proof, error) {
	if inTx(ctx) {
		return e.lastProofStored(ctx)
	}
	return e.compare(ctx)
}

// compare compares the store with its ledger, and gives the ledger every proof that only the store has; the ledger is on disk when it returns. It returns
// number and digest of the last proof.
func (e *Engine) compare(ctx context.Context) (storage.Proof, error) {
	if e.ledger == nil {
		return e.lastProofStored(ctx)
	}
	e.chain.ledger.Lock()
	defer e.chain.ledger.Unlock()
	err := e.reconcile(ctx)
	return e.chain.noted, err
}

// reconcile is compare, for whoever has the ledger's lock.
func (e *Engine) reconcile(ctx context.Context) error {
	c := e.chain
	ctx = context.WithoutCancel(ctx)
	c.same = false
	state, err := audit.Reconcile(ctx, e.store, e.ledger, e.ring.MAC())
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if state == audit.StoreBehind || state == audit.Forked {
		e.restored.Store(true)
		return ErrRestored
	}
	head, err := e.ledger.Head(ctx) // what others added since, the store has as well
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	c.noted, c.same = storage.Proof{N: head.N, Digest: head.Digest}, true
	c.see(c.noted)
	return nil
}

// catchUp compares them only when the ledger is not as this engine left it. What another process added to the store alone is noticed when the next proof does
// not follow.
func (e *Engine) catchUp(ctx context.Context) error {
	if e.ledger == nil {
		return nil
	}
	e.chain.ledger.Lock()
	defer e.chain.ledger.Unlock()
	if !e.chain.same {
		return e.reconcile(ctx)
	}
	head, err := e.ledger.Head(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if head.N != e.chain.noted.N || !bytes.Equal(head.Digest, e.chain.noted.Digest) {
		return e.reconcile(ctx)
	}
	return nil
}

// record gives the ledger a proof that was committed just now, with those of other acts that wait for it; the ledger is on disk when it returns.
func (e *Engine) record(ctx context.Context, row storage.Proof) error {
	c := e.chain
	defer c.settled(row)
	if e.ledger == nil {
		return nil
	}
	c.ledger.Lock()
	defer c.ledger.Unlock()
	rows := c.waiting()
	if !slices.ContainsFunc(rows, func(p storage.Proof) bool { return p.ID == row.ID }) {
		return nil // another act has written it with its own
	}
	if !c.same || e.ledger.Append(context.WithoutCancel(ctx), rows...) != nil {
		if err := e.reconcile(ctx); err != nil { // proofs of others come before, or it says what is wrong
			return err
		}
	} else {
		last := rows[len(rows)-1]
		c.noted = storage.Proof{N: last.N, Digest: last.Digest}
	}
	c.settled(rows...)
	return nil
}
