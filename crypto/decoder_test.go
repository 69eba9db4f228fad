package crypto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A decoder on public Tink alone, written from docs/format.md and not from the package: what is written can be read without it.

// associated is AD(kind) of part 2.
func associated(kind byte, controller, subject, record [16]byte, part uint16, version uint32, name string) []byte {
	ad := append([]byte("gallra"), 1, kind)
	ad = append(append(append(ad, controller[:]...), subject[:]...), record[:]...)
	ad = binary.BigEndian.AppendUint16(ad, part)
	ad = binary.BigEndian.AppendUint32(ad, version)
	return append(append(ad, byte(len(name))), name...)
}

// openKeyset opens a store or controller keyset: its associated data goes to the KEK as SHA-256.
func openKeyset(kek tink.AEAD, wrapped, ad []byte) (*keyset.Handle, error) {
	sum := sha256.Sum256(ad)
	return keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), kek, sum[:])
}

// openRaw opens a wrapped subject or part key and returns it as a Tink AES-GCM key with that key id.
func openRaw(by tink.AEAD, wrapped, ad []byte, id uint32) (tink.AEAD, error) {
	key, err := by.Decrypt(wrapped, ad)
	if err != nil {
		return nil, err
	}
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
	if err != nil {
		return nil, err
	}
	k, err := aesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), id, params)
	if err != nil {
		return nil, err
	}
	return aesgcm.NewAEAD(k)
}

// decode opens the content of a part from its four rows: the controller's, the subject's, the part's key and the part.
func decode(kek tink.AEAD, controller, subject, record [16]byte, part uint16, version uint32, family string,
	controllerKey, subjectKey, partKey, sealed []byte,
) ([]byte, error) {
	var none [16]byte
	h, err := openKeyset(kek, controllerKey, associated(2, controller, none, none, 0, 0, ""))
	if err != nil {
		return nil, err
	}
	top, err := aead.New(h)
	if err != nil {
		return nil, err
	}
	person, err := openRaw(top, subjectKey, associated(3, controller, subject, none, 0, 0, ""), 1)
	if err != nil {
		return nil, err
	}
	content, err := openRaw(person, partKey, associated(4, controller, subject, record, part, version, family), version)
	if err != nil {
		return nil, err
	}
	return content.Decrypt(sealed, associated(5, controller, subject, record, part, version, family))
}
