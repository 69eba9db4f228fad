package crypto

import (
	"errors"

	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkmac "github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/signature"
	"github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// MAC computes and verifies the tags of the trail: Tink's five-byte prefix and 32 bytes of HMAC-SHA256. Safe for concurrent use.
type MAC struct {
	redacted
	mac tink.MAC
}

func newMAC(h *keyset.Handle) (*MAC, error) {
	m, err := tinkmac.New(h)
	if err != nil {
		return nil, err
	}
	return &MAC{mac: m}, nil
}

// ComputeMAC returns the tag of data under the primary key.
func (m *MAC) ComputeMAC(data []byte) ([]byte, error) { return m.mac.ComputeMAC(data) }

// VerifyMAC returns nil if tag is that of data under any enabled key.
func (m *MAC) VerifyMAC(tag, data []byte) error { return m.mac.VerifyMAC(tag, data) }

// Signer signs checkpoints of the trail with Ed25519. Safe for concurrent use.
type Signer struct {
	redacted
	signer tink.Signer
	public []byte
}

func newSigner(h *keyset.Handle) (*Signer, error) {
	s, err := signature.NewSigner(h)
	if err != nil {
		return nil, err
	}
	primary, err := h.Primary()
	if err != nil {
		return nil, err
	}
	private, ok := primary.Key().(*ed25519.PrivateKey)
	if !ok || len(private.OutputPrefix()) != 0 {
		return nil, errors.New("not an Ed25519 key without prefix")
	}
	key, err := private.PublicKey()
	if err != nil {
		return nil, err
	}
	public, ok := key.(*ed25519.PublicKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return &Signer{signer: s, public: public.KeyBytes()}, nil
}

// Sign returns the signature of data, 64 bytes.
func (s *Signer) Sign(data []byte) ([]byte, error) { return s.signer.Sign(data) }

// PublicKey returns the raw public key, 32 bytes.
func (s *Signer) PublicKey() []byte { return append([]byte(nil), s.public...) }
