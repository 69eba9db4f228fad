package crypto

import (
	"crypto/rand"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A data key is 32 random bytes, used as a typed Tink AES-GCM key: several times faster to make and to open than a keyset, and less
// than half as long. This file is the only place that touches key bytes, and it clears its copies.
const (
	keySize = 32
	// subjectKeyID is the key id of every subject key; that of a part key is the part's version.
	subjectKeyID = 1
)

// keyParameters are AES-256-GCM with a 12-byte nonce, a 16-byte tag and Tink's output prefix.
var keyParameters, _ = aesgcm.NewParameters(aesgcm.ParametersOpts{
	KeySizeInBytes: keySize,
	IVSizeInBytes:  12,
	TagSizeInBytes: 16,
	Variant:        aesgcm.VariantTink,
})

// newKey makes a key and wraps it.
func newKey(id uint32, by tink.AEAD, ad []byte, tmp *scratch) (aead tink.AEAD, wrapped []byte, err error) {
	key := tmp.key[:]
	defer clear(key)
	_, _ = rand.Read(key) // never returns an error
	if wrapped, err = by.Encrypt(key, ad); err != nil {
		return nil, nil, err
	}
	if aead, err = useKey(key, id); err != nil {
		return nil, nil, err
	}
	return aead, wrapped, nil
}

// openKey opens a wrapped key. Every error is ErrSealed.
func openKey(id uint32, by tink.AEAD, wrapped, ad []byte) (tink.AEAD, error) {
	key, err := by.Decrypt(wrapped, ad)
	if err != nil {
		return nil, ErrSealed
	}
	defer clear(key)
	aead, err := useKey(key, id)
	if err != nil {
		return nil, ErrSealed
	}
	return aead, nil
}

func useKey(key []byte, id uint32) (tink.AEAD, error) {
	k, err := aesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), id, keyParameters)
	if err != nil {
		return nil, err
	}
	return aesgcm.NewAEAD(k)
}
