package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/gallra/gallra/gdpr/storage"
)

// NextProof makes p the proof after last (nil or the zero Proof: the first) and returns its row. It sets the number; p itself is unchanged.
// The error is an [*EntryError] or that of the MAC.
func NextProof(mac MAC, last *storage.Proof, p Proof) (storage.Proof, error) {
	if err := p.Check(); err != nil {
		return storage.Proof{}, wrap("next proof", err)
	}
	p.N = 1
	previous := noDigest[:]
	if last != nil && last.N > 0 {
		p.N, previous = last.N+1, last.Digest
	}
	row := storage.Proof{N: p.N, ID: p.ID, At: instant(p.At), Prev: bytes.Clone(previous), Body: EncodeProof(&p)}
	row.Digest = proofDigest(row.N, row.Prev, row.Body)
	var err error
	if row.MAC, err = mac.ComputeMAC(row.Digest); err != nil {
		return storage.Proof{}, wrap("next proof", err)
	}
	return row, nil
}

// VerifyProof checks that row is whole and follows from last (nil or the zero Proof: it is the first). Of last only number and digest are
// looked at. The error is a [*BrokenError].
func VerifyProof(mac MAC, last *storage.Proof, row storage.Proof) error {
	_, err := OpenProof(mac, last, row)
	return err
}

// OpenProof is [VerifyProof], and returns what the row says.
func OpenProof(mac MAC, last *storage.Proof, row storage.Proof) (Proof, error) {
	if last == nil || last.N == 0 {
		last = &storage.Proof{Digest: noDigest[:]}
	}
	want := last.N + 1
	broken := func(what string) (Proof, error) { return Proof{}, &BrokenError{Kind: KindProof, N: want, What: what} }
	switch {
	case row.N > want:
		return broken("missing")
	case row.N < want:
		return Proof{}, &BrokenError{Kind: KindProof, N: row.N, What: "stands there twice"}
	}
	p, what := openProof(last.Digest, &row)
	if what != "" {
		return broken(what)
	}
	if err := mac.VerifyMAC(row.MAC, row.Digest); err != nil {
		return broken("digest does not match its mac")
	}
	return p, nil
}

// ProofDigest is the text of a proof's digest, as it stands in [Entry.Proof].
func ProofDigest(row storage.Proof) string { return hex.EncodeToString(row.Digest) }

// brokenLink says what of a proof does not follow from the digest before it; "" if all does.
func brokenLink(previous []byte, row *storage.Proof) string {
	if !bytes.Equal(row.Prev, previous) {
		return "does not follow from the one before"
	}
	if !bytes.Equal(row.Digest, proofDigest(row.N, row.Prev, row.Body)) {
		return "body or number does not match its digest"
	}
	return ""
}

// openProof reads a row's body, or says why it is not a proof after the one of that digest. It does not look at the MAC.
func openProof(previous []byte, row *storage.Proof) (p Proof, broken string) {
	if what := brokenLink(previous, row); what != "" {
		return p, what
	}
	p, err := DecodeProof(row.Body)
	if err != nil {
		return p, "body is " + errForm.Error()
	}
	if p.N != row.N || p.ID != row.ID || !p.At.Equal(row.At) {
		return p, "its row has another number, id or instant than its body"
	}
	return p, ""
}

// noDigest stands before the first proof.
var noDigest [sha256.Size]byte

func proofDigest(n uint64, previous, body []byte) []byte {
	sum := sha256.Sum256(body)
	b := make([]byte, 0, 128)
	b = appendDomain(b, domainProof)
	b = binary.BigEndian.AppendUint64(b, n)
	b = append(b, previous...)
	b = append(b, sum[:]...)
	digest := sha256.Sum256(b)
	return digest[:]
}
