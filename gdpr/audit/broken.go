package audit

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/storage"
)

// The kinds of place that a [BrokenError] names.
const (
	KindEntry      = "entry"
	KindSegment    = "segment"
	KindCheckpoint = "checkpoint"
	KindProof      = "proof"
	KindLedger     = "ledger line"
)

// BrokenError names the first place that does not verify (ELA-AUTHN, GLE-INT).
type BrokenError struct {
	Kind string     // one of the kinds above
	Lane storage.ID // of an entry, else zero
	N    uint64     // number of the entry in its lane, of the segment, checkpoint or proof; line of the ledger, from 1
	What string     // what does not hold; never a value
}

// Error says which place is broken and how.
func (e *BrokenError) Error() string {
	if e.Kind == KindEntry {
		return fmt.Sprintf("%s %d of lane %s: %s", e.Kind, e.N, e.Lane, e.What)
	}
	return fmt.Sprintf("%s %d: %s", e.Kind, e.N, e.What)
}
