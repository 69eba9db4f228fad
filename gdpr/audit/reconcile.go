package audit

import (
	"bytes"
	"context"
	"errors"

	"github.com/gallra/gallra/gdpr/storage"
)

// State says how a store stands to its ledger.
type State uint8

// The states.
const (
	StateUnknown State = iota // not compared
	Equal                     // both end with the same proof
	StoreAhead                // the store had more: a crash before the ledger was written
	StoreBehind               // the ledger has more: the store was restored from a copy
	Forked                    // they hold different proofs: the store was restored, and went on without its ledger
)

// String names the state.
func (s State) String() string {
	switch s {
	case Equal:
		return "equal"
	case StoreAhead:
		return "store ahead"
	case StoreBehind:
		return "store behind"
	case Forked:
		return "forked"
	}
	return "unknown"
}

// Reconcile compares a store with its ledger and gives the ledger what it lacks, as far as it verifies by mac; it never writes to the store. After
// StoreAhead both are equal. StoreBehind and Forked need a person: the store was restored (EPM-4, REQUIREMENTS 4.16).
func Reconcile(ctx context.Context, store storage.Proofs, ledger Ledger, mac MAC) (State, error) {
	state, err := reconcile(ctx, store, ledger, mac)
	return state, wrap("compare store and ledger", err)
}

func reconcile(ctx context.Context, store storage.Proofs, ledger Ledger, mac MAC) (State, error) {
	head, err := ledger.Head(ctx) // before the store: proofs reach the store first
	if err != nil {
		return StateUnknown, err
	}
	last, err := lastProof(ctx, store)
	switch {
	case err != nil:
		return StateUnknown, err
	case last.N < head.N:
		return behind(ctx, last, ledger)
	case last.N > head.N:
		return ahead(ctx, store, last, head, ledger, mac)
	case last.N > 0 && !bytes.Equal(last.Digest, head.Digest):
		return Forked, nil
	}
	return Equal, nil
}

// ahead gives the ledger what it lacks: only proofs that follow from its last and verify.
func ahead(ctx context.Context, store storage.Proofs, last storage.Proof, head LedgerHead, ledger Ledger, mac MAC) (State, error) {
	have, before := head.N, &storage.Proof{N: head.N, Digest: head.Digest}
	for have < last.N {
		rows, err := store.Proofs(ctx, have, proofPage)
		if err != nil {
			return StateUnknown, err
		}
		if len(rows) == 0 || rows[len(rows)-1].N <= have {
			return StateUnknown, &BrokenError{Kind: KindProof, N: have + 1, What: missing}
		}
		if head.N > 0 && have == head.N && !bytes.Equal(rows[0].Prev, head.Digest) {
			return Forked, nil
		}
		for i := range rows {
			if err := VerifyProof(mac, before, rows[i]); err != nil {
				return StateUnknown, err
			}
			before = &rows[i]
		}
		err = ledger.Append(ctx, rows...)
		if errors.Is(err, ErrForked) {
			return Forked, nil
		}
		if err != nil {
			return StateUnknown, err
		}
		have = rows[len(rows)-1].N
	}
	return StoreAhead, nil
}

// behind tells a store that lacks proofs of the ledger from one that has another last proof.
func behind(ctx context.Context, last storage.Proof, ledger Ledger) (State, error) {
	if last.N == 0 {
		return StoreBehind, nil
	}
	for row, err := range ledger.Proofs(ctx, last.N-1) {
		if err != nil {
			return StateUnknown, err
		}
		if bytes.Equal(row.Digest, last.Digest) {
			return StoreBehind, nil
		}
		return Forked, nil
	}
	return StateUnknown, &BrokenError{Kind: KindLedger, N: last.N + 1, What: "missing"}
}
