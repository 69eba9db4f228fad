package audit

// MAC authenticates entries and proofs. Tink's tink.MAC satisfies it; its tag here is 37 bytes.
type MAC interface {
	ComputeMAC(data []byte) ([]byte, error)
	VerifyMAC(mac, data []byte) error
}

// Signer signs checkpoints with Ed25519.
type Signer interface {
	// Sign returns the 64 bytes of the signature, without a prefix.
	Sign(data []byte) ([]byte, error)
	// PublicKey returns the 32 bytes of the public key.
	PublicKey() []byte
}

// What a MAC or digest is about: the byte after "gallra" and the version of the format.
const (
	domainEntry = 17
	domainProof = 18
)

// appendDomain begins the input of a MAC or digest.
func appendDomain(b []byte, domain byte) []byte {
	return append(b, 'g', 'a', 'l', 'l', 'r', 'a', formatVersion, domain)
}

// formatVersion is the version of docs/format.md.
const formatVersion = 1
