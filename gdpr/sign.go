package gdpr

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
)

// SignStatement signs a text of some kind, such as the manifest of a package that leaves the house, with the key of the trail's checkpoints
// (ELA-AUTHN). Whoever has CheckpointKey verifies it by audit.VerifyStatement. A signature of one kind is none of another, and none of a checkpoint.
func (e *Engine) SignStatement(kind string, text []byte) ([]byte, error) {
	if err := e.ready(); err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	signature, err := audit.SignStatement(e.ring.Signer(), e.id, kind, text)
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	return signature, nil
}

// CheckpointKey returns the text with which anybody verifies this store's checkpoints and statements (audit.CheckpointKey). It holds no secret:
// publish it, or hand it over by another way than what it verifies.
func (e *Engine) CheckpointKey() (string, error) {
	return audit.CheckpointKey(e.id, e.ring.Signer().PublicKey())
}
