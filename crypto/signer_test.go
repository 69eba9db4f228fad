package crypto_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMACAndSignerStayTheSame(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	r, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)
	again, err := crypto.Open(t.Context(), k, store, rows, nil)
	require.NoError(t, err)
	data := []byte("rad 1")

	tag, err := r.MAC().ComputeMAC(data)
	require.NoError(t, err)
	assert.Len(t, tag, 37)
	require.NoError(t, again.MAC().VerifyMAC(tag, data))
	require.Error(t, again.MAC().VerifyMAC(tag, []byte("rad 2")))
	require.Error(t, newRing(t, k, nil).MAC().VerifyMAC(tag, data))

	sig, err := r.Signer().Sign(data)
	require.NoError(t, err)
	assert.Len(t, sig, ed25519.SignatureSize, "bare, as a signed note wants it")
	public := again.Signer().PublicKey()
	assert.Len(t, public, ed25519.PublicKeySize)
	assert.True(t, ed25519.Verify(public, data, sig))
	assert.False(t, ed25519.Verify(public, []byte("rad 2"), sig))
	public[0]++
	assert.NotEqual(t, public, r.Signer().PublicKey(), "a copy is handed out")
}
