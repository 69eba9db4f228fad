package crypto

import (
	"fmt"
	"math"

	"github.com/gallra/gallra/gdpr/storage"
)

// Place is where one version of one part stands; a sealed part opens there and nowhere else.
type Place struct {
	Record  storage.ID
	Part    int    // from 1 to 65,535
	Version int    // of the content, from 1
	Family  string // the first activity of the part's family, 1 to 255 bytes
}

// SealPart seals one version of a part under a new random key of its own, and wraps that key by the subject's.
// To erase the part is to destroy the wrapped key (Art. 5(1)(e)).
func (s *Subject) SealPart(at Place, plain []byte) (sealed, wrappedKey []byte, err error) {
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	ad, err := s.boundPart(at, tmp)
	if err != nil {
		return nil, nil, fmt.Errorf("seal part: %w", err)
	}
	key, wrappedKey, err := newKey(uint32(at.Version), s.aead, ad, tmp)
	if err != nil {
		return nil, nil, fmt.Errorf("seal part %s/%d: %w", at.Record, at.Part, err)
	}
	ad[kindAt] = kindPart
	if sealed, err = key.Encrypt(plain, ad); err != nil {
		return nil, nil, fmt.Errorf("seal part %s/%d: %w", at.Record, at.Part, err)
	}
	return sealed, wrappedKey, nil
}

// OpenPart opens what SealPart sealed for the same subject and place, else [ErrSealed].
func (s *Subject) OpenPart(at Place, wrappedKey, sealed []byte) ([]byte, error) {
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	ad, err := s.boundPart(at, tmp)
	if err != nil {
		return nil, fmt.Errorf("open part: %w", err)
	}
	key, err := openKey(uint32(at.Version), s.aead, wrappedKey, ad)
	if err != nil {
		return nil, fmt.Errorf("open part %s/%d: %w", at.Record, at.Part, err)
	}
	ad[kindAt] = kindPart
	plain, err := key.Decrypt(sealed, ad)
	if err != nil {
		return nil, fmt.Errorf("open part %s/%d: %w", at.Record, at.Part, ErrSealed)
	}
	return plain, nil
}

// boundPart returns the associated data of the part's key; that of its content differs in the kind alone.
func (s *Subject) boundPart(at Place, tmp *scratch) ([]byte, error) {
	if err := checkID("record", at.Record); err != nil {
		return nil, err
	}
	if err := checkNumber("part", int64(at.Part), math.MaxUint16); err != nil {
		return nil, err
	}
	if err := checkNumber("version", int64(at.Version), math.MaxUint32); err != nil {
		return nil, err
	}
	if err := checkName("family", at.Family); err != nil {
		return nil, err
	}
	b := bound{
		kind:       kindPartKey,
		controller: s.controller,
		subject:    s.id,
		record:     at.Record,
		part:       uint16(at.Part),
		version:    uint32(at.Version),
		name:       at.Family,
	}
	return b.in(tmp), nil
}
