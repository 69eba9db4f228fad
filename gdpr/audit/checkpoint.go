package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/gallra/gallra/gdpr/storage"
)

// CheckpointKey returns the text with which anybody verifies the checkpoints of a store: a verifier key as note.NewVerifier
// and other tools of C2SP signed notes read it. It holds no secret.
func CheckpointKey(storeID storage.ID, publicKey []byte) (string, error) {
	if len(publicKey) != ed25519.PublicKeySize {
		return "", errors.New("checkpoint key: not the 32 bytes of an Ed25519 key")
	}
	return note.NewEd25519VerifierKey(origin(storeID), publicKey)
}

func checkpointVerifier(storeID storage.ID, publicKey []byte) (note.Verifier, error) {
	text, err := CheckpointKey(storeID, publicKey)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// origin is the first line of a checkpoint and the name of its key.
func origin(storeID storage.ID) string { return "gallra/" + storeID.String() }

// checkpointText is what is signed: C2SP tlog-checkpoint, with the instant of sealing as its extension line.
func checkpointText(storeID storage.ID, size uint64, root []byte, at time.Time) string {
	return origin(storeID) + "\n" + strconv.FormatUint(size, 10) + "\n" + base64.StdEncoding.EncodeToString(root) + "\n" +
		"at " + instant(at).Format(time.RFC3339Nano) + "\n"
}

// noteSigner is a [Signer] as the note package wants it.
type noteSigner struct {
	note.Verifier // name and key hash are those of the verifier
	signer        Signer
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	sig, err := s.signer.Sign(msg)
	if err != nil {
		return nil, err
	}
	if !s.Verify(msg, sig) {
		return nil, errors.New("signature does not fit the public key")
	}
	return sig, nil
}

func signCheckpoint(signer Signer, storeID storage.ID, size uint64, root []byte, at time.Time) (string, error) {
	verifier, err := checkpointVerifier(storeID, signer.PublicKey())
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(storeID, size, root, at)}, noteSigner{verifier, signer})
	if err != nil {
		return "", fmt.Errorf("sign checkpoint: %w", err)
	}
	return string(signed), nil
}

// openCheckpoint checks that the checkpoint is about that size and root, and signed once, by the store's own key.
func openCheckpoint(verifier note.Verifier, storeID storage.ID, n uint64, checkpoint string, size uint64, root []byte, at time.Time) error {
	signed, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return &BrokenError{Kind: KindCheckpoint, N: n, What: "signature does not verify"}
	}
	// The note package lets other spellings of the same note through.
	if sig := signed.Sigs[0]; checkpoint != signed.Text+"\n— "+sig.Name+" "+sig.Base64+"\n" || !strictBase64(sig.Base64) {
		return &BrokenError{Kind: KindCheckpoint, N: n, What: "not signed exactly once"}
	}
	if signed.Text != checkpointText(storeID, size, root, at) {
		return &BrokenError{Kind: KindCheckpoint, N: n, What: "store, size, root or instant is not that of the segment"}
	}
	return nil
}

// strictBase64 reports whether the spare bits of the last digit are zero.
func strictBase64(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil
}
