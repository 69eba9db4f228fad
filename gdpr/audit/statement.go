package audit

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/gallra/gallra/gdpr/storage"
)

// ErrStatement says that a signature is not that of the statement under the key.
var ErrStatement = errors.New("signature of the statement does not verify")

// statement is what is signed. No checkpoint has a zero byte in it, so that neither can pass for the other; nor can a statement of one kind for one of another.
func statement(kind string, text []byte) ([]byte, error) {
	if kind == "" || strings.ContainsRune(kind, 0) {
		return nil, errors.New("sign statement: a kind without zero bytes is needed")
	}
	return append([]byte("gallra statement 1\x00"+kind+"\x00"), text...), nil
}

// SignStatement signs a text of some kind with the key of a store's checkpoints, and returns the 64 bytes of the Ed25519 signature.
func SignStatement(signer Signer, storeID storage.ID, kind string, text []byte) ([]byte, error) {
	msg, err := statement(kind, text)
	if err != nil {
		return nil, err
	}
	verifier, err := checkpointVerifier(storeID, signer.PublicKey())
	if err != nil {
		return nil, err
	}
	return noteSigner{verifier, signer}.Sign(msg)
}

// VerifyStatement checks a signature of SignStatement under the key of the store, as CheckpointKey writes it. It fails with ErrStatement.
func VerifyStatement(key, kind string, text, signature []byte) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("verify statement: not a verifier key: %w", err)
	}
	msg, err := statement(kind, text)
	if err != nil {
		return err
	}
	if !verifier.Verify(msg, signature) {
		return ErrStatement
	}
	return nil
}
