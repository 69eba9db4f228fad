package gdpr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
)

// Manifest says of which moment a copy of the store is: what an operator keeps beside a backup, so that it is known before a restore what it will lack, and
// after one whether the copy is whole (EPM-4). It names nobody.
type Manifest struct {
	Store      ID        `json:"store"`
	Generation ID        `json:"generation"`
	At         time.Time `json:"at"`
	Proofs     uint64    `json:"proofs"` // number of the last proof
	Digest     string    `json:"digest"` // of that proof; empty without one
	Register   int       `json:"register"`
	// MAC authenticates the rest, under the trail's key.
	MAC string `json:"mac"`
}

// ErrManifest says that a manifest was changed, or is of another store.
var ErrManifest = errors.New("manifest is not of this store, or was changed")

// Manifest returns that of now. Make it just before the copy: a copy may hold more than its manifest says, and never less.
func (e *Engine) Manifest(ctx context.Context) (Manifest, error) {
	if err := e.ready(); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	m := Manifest{Store: e.id, At: e.instant(), Register: e.reg.Version}
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", translate(err))
	}
	copy(m.Generation[:], meta[metaGeneration])
	last, err := e.lastProofStored(ctx)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", translate(err))
	}
	if last.N > 0 {
		m.Proofs, m.Digest = last.N, audit.ProofDigest(last)
	}
	text, err := m.text()
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	mac, err := e.ring.MAC().ComputeMAC(text)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	m.MAC = base64.StdEncoding.EncodeToString(mac)
	return m, nil
}

// text is what the MAC is over.
func (m Manifest) text() ([]byte, error) {
	m.MAC = ""
	b, err := json.Marshal(m)
	if err != nil {
		return nil, errors.New("encode manifest: not JSON")
	}
	return append([]byte("gallra manifest 1 "), b...), nil
}

// Copied says how a store stands to a manifest.
type Copied struct {
	// Whole: the store has all that the manifest says.
	Whole bool
	// Behind is how many erasures the ledger knows that the copy lacked when it was made: what Replay will take over. -1 without a ledger.
	Behind int
}

// CheckManifest compares this store, which may be closed after a restore, with the manifest of the copy that it should be. ErrManifest: changed, or of another store.
func (e *Engine) CheckManifest(ctx context.Context, m Manifest) (Copied, error) {
	text, err := m.text()
	if err != nil {
		return Copied{}, fmt.Errorf("check manifest: %w", err)
	}
	mac, err := base64.StdEncoding.DecodeString(m.MAC)
	if err != nil || m.Store != e.id || e.ring.MAC().VerifyMAC(mac, text) != nil {
		return Copied{}, fmt.Errorf("check manifest: %w", ErrManifest)
	}
	out := Copied{Whole: m.Proofs == 0, Behind: -1}
	if m.Proofs > 0 {
		rows, err := e.store.Proofs(ctx, m.Proofs-1, 1)
		if err != nil {
			return Copied{}, fmt.Errorf("check manifest: %w", translate(err))
		}
		out.Whole = len(rows) == 1 && strings.EqualFold(audit.ProofDigest(rows[0]), m.Digest)
	}
	if e.ledger != nil {
		head, err := e.ledger.Head(ctx)
		if err != nil {
			return Copied{}, fmt.Errorf("check manifest: %w", err)
		}
		out.Behind = int(head.N) - int(min(m.Proofs, head.N))
	}
	return out, nil
}
