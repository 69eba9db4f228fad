package crypto

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

const tokenSize = 16

// index is the blind index: keyed hashes of identifiers, one PRF for each enabled key, the primary first.
type index struct{ prfs []prf.PRF }

func newIndex(h *keyset.Handle) (*index, error) {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	ix := &index{prfs: []prf.PRF{set.PRFs[set.PrimaryID]}}
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, err
		}
		if p, ok := set.PRFs[e.KeyID()]; ok && !e.IsPrimary() {
			ix.prfs = append(ix.prfs, p)
		}
	}
	return ix, nil
}

// Token returns the keyed hash of a normalized value under the primary key, 16 bytes. The controller is part of it, so that the
// indexes of two customers cannot be joined. The same value always gives the same token. Art. 32(1)(a); Art. 11.
func (r *Ring) Token(controller storage.ID, kind, normalized string) ([]byte, error) {
	if err := checkToken(controller, kind); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	tmp := r.scratches.get()
	defer r.scratches.put(tmp)
	in := tokenInput(tmp, kindToken, controller, kind, normalized)
	defer clear(in)
	return r.index.prfs[0].ComputePRF(in, tokenSize)
}

// Tokens returns one token for each enabled key, the primary's first: what a search asks for while the index is rotated.
func (r *Ring) Tokens(controller storage.ID, kind, normalized string) ([][]byte, error) {
	if err := checkToken(controller, kind); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	out, err := r.index.tokens(tokenInput(new(scratch), kindToken, controller, kind, normalized))
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return out, nil
}

// SuppressionTokens is [Ring.Tokens] under the keyset of suppressions, which is rotated apart from the index: a list of those who must not be contacted cannot be
// joined with the index of those who are known (Art. 21(3); REQUIREMENTS 4.7).
func (r *Ring) SuppressionTokens(controller storage.ID, kind, normalized string) ([][]byte, error) {
	if err := checkToken(controller, kind); err != nil {
		return nil, fmt.Errorf("suppression tokens: %w", err)
	}
	out, err := r.suppression.tokens(tokenInput(new(scratch), kindSuppressed, controller, kind, normalized))
	if err != nil {
		return nil, fmt.Errorf("suppression tokens: %w", err)
	}
	return out, nil
}

// tokens are one for each enabled key, the primary's first.
func (ix *index) tokens(in []byte) ([][]byte, error) {
	out := make([][]byte, len(ix.prfs))
	for i, p := range ix.prfs {
		var err error
		if out[i], err = p.ComputePRF(in, tokenSize); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func checkToken(controller storage.ID, kind string) error {
	if err := checkID("controller", controller); err != nil {
		return err
	}
	return checkName("kind of identifier", kind)
}

// tokenInput writes what is hashed to the scratch, or elsewhere if it is too long for that.
func tokenInput(tmp *scratch, what byte, controller storage.ID, kind, normalized string) []byte {
	in := append(tmp.data[:0], "gallra"...)
	in = append(in, format, what)
	in = append(in, controller[:]...)
	in = append(in, byte(len(kind)))
	in = append(in, kind...)
	return append(in, normalized...)
}
