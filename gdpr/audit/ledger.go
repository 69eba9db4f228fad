package audit

import (
	"context"
	"errors"
	"iter"

	"github.com/gallra/gallra/gdpr/storage"
)

// Ledger keeps every proof of erasure outside the backup set, so that a restored store is known for what it is and can
// be brought up to date (EPM-4, REQUIREMENTS 4.16). It must be safe for concurrent use.
type Ledger interface {
	// Head returns the end of the ledger.
	Head(ctx context.Context) (LedgerHead, error)
	// Append adds proofs that follow one another, in order; it must be durable on return. Proofs that are there already
	// must be skipped when equal. It cannot check the MAC: rows come from NextProof, or VerifyProof has passed them. The error matches ErrGap when proofs before the first of them are lacking, and ErrForked
	// when another proof stands in their place.
	Append(ctx context.Context, rows ...storage.Proof) error
	// Proofs returns the proofs with a number over after, in order, as far as they were there at the call.
	// [storage.Proof.Confirmed] is not set.
	Proofs(ctx context.Context, after uint64) iter.Seq2[storage.Proof, error]
	// Close releases what the ledger holds. A second Close must do nothing.
	Close() error
}

// LedgerHead is the end of a ledger.
type LedgerHead struct {
	N          uint64     // number of the last proof, 0 without one
	Digest     []byte     // of the last proof; 32 zero bytes without one
	Store      storage.ID // whose proofs these are
	Generation storage.ID // of the store when the ledger was created
}

// The conditions of a ledger.
var (
	// ErrOtherStore says that a ledger belongs to another store.
	ErrOtherStore = errors.New("ledger belongs to another store: open that one, or, if it is gone for good, move the ledger away")
	// ErrGap says that proofs do not follow the ledger's last one: those before them must be appended first.
	ErrGap = errors.New("ledger lacks earlier proofs")
	// ErrForked says that store and ledger hold different proofs of one number.
	ErrForked = errors.New("store and ledger hold different proofs")
)

// VerifyLedger verifies every proof of a ledger and returns how many there are. The error names the first place that
// does not hold, as a [*BrokenError]. OpenLedger alone cannot know whether a whole ledger was replaced: the MAC is the
// store's.
func VerifyLedger(ctx context.Context, ledger Ledger, mac MAC) (uint64, error) {
	var last storage.Proof
	for row, err := range ledger.Proofs(ctx, 0) {
		if err == nil {
			err = VerifyProof(mac, &last, row)
		}
		if err != nil {
			return last.N, wrap("verify ledger", err)
		}
		last = storage.Proof{N: row.N, Digest: row.Digest}
	}
	return last.N, nil
}
