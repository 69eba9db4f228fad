package gdpr

import (
	"bytes"
	"context"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Seal merges what the trail's lanes have added into the Merkle log and signs a checkpoint of it. It does nothing when nothing is new.
func (e *Engine) Seal(ctx context.Context) error {
	if err := e.ready(); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	err := again(ctx, func() error {
		seg, err := audit.Seal(ctx, e.store, e.ring.MAC(), e.ring.Signer(), e.id, e.instant())
		if err != nil || seg == nil {
			return err
		}
		return e.store.Apply(ctx, &storage.Batch{Segments: []storage.Segment{*seg}})
	})
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// Verify reads the whole trail, its seals and the proofs of erasure, and says how many stand. A changed, missing or moved entry is an
// *audit.BrokenError that names the place (ELA-AUTHN). It also works while the store is closed after a restore.
func (e *Engine) Verify(ctx context.Context) (audit.Report, error) {
	report, err := audit.Verify(ctx, e.store, e.ring.MAC(), e.ring.Signer().PublicKey(), e.id)
	if err != nil {
		return report, fmt.Errorf("verify: %w", translate(err))
	}
	if e.ledger == nil {
		return report, nil
	}
	head, err := e.ledger.Head(ctx) // before the store: proofs reach the store first
	if err != nil {
		return report, fmt.Errorf("verify ledger: %w", err)
	}
	if _, err := audit.VerifyLedger(ctx, e.ledger, e.ring.MAC()); err != nil {
		return report, fmt.Errorf("verify ledger: %w", err)
	}
	if head.N == 0 {
		return report, nil
	}
	rows, err := e.store.Proofs(ctx, head.N-1, 1)
	switch {
	case err != nil:
		return report, fmt.Errorf("verify: %w", translate(err))
	case len(rows) == 0:
		return report, fmt.Errorf("verify: %w", &audit.BrokenError{Kind: audit.KindProof, N: head.N, What: "missing, though the ledger has it"})
	case !bytes.Equal(rows[0].Digest, head.Digest):
		return report, fmt.Errorf("verify: %w", &audit.BrokenError{Kind: audit.KindProof, N: head.N, What: "not the one that the ledger has"})
	}
	return report, nil
}
