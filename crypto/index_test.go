package crypto_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

func TestTokenIsStableAndSeparatesWhatItMust(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	r, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)
	again, err := crypto.Open(t.Context(), k, store, rows, nil)
	require.NoError(t, err)
	controller := storage.NewID()
	const kind, value = "user.contact.email", "åsa.öberg@kund.example"
	token, err := r.Token(controller, kind, value)
	require.NoError(t, err)
	assert.Len(t, token, 16)

	for range 3 {
		same, err := again.Token(controller, kind, value)
		require.NoError(t, err)
		assert.Equal(t, token, same)
	}
	all, err := again.Tokens(controller, kind, value)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{token}, all)

	seen := map[string]string{string(token): "itself"}
	for name, f := range map[string]func() ([]byte, error){
		"value":         func() ([]byte, error) { return r.Token(controller, kind, "asa.oberg@kund.example") },
		"kind":          func() ([]byte, error) { return r.Token(controller, "user.unique_id", value) },
		"controller":    func() ([]byte, error) { return r.Token(storage.NewID(), kind, value) },
		"border":        func() ([]byte, error) { return r.Token(controller, kind+value[:1], value[1:]) },
		"store":         func() ([]byte, error) { return newRing(t, k, nil).Token(controller, kind, value) },
		"empty":         func() ([]byte, error) { return r.Token(controller, kind, "") },
		"long":          func() ([]byte, error) { return r.Token(controller, kind, strings.Repeat("å", 1000)) },
		"long, changed": func() ([]byte, error) { return r.Token(controller, kind, strings.Repeat("å", 999)+"ä") },
	} {
		other, err := f()
		require.NoError(t, err)
		assert.Empty(t, seen[string(other)], name)
		seen[string(other)] = name
	}
}

// An index is rotated by adding a key, making it primary when every process knows it, and disabling the old one when all rows are
// re-keyed. A search asks for a token of each enabled key.
func TestTokensWhileTheIndexIsRotated(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	r, rows, err := crypto.Create(t.Context(), k, store, nil)
	require.NoError(t, err)
	controller := storage.NewID()
	const kind, value = "user.contact.email", "anna@kund.example"
	before, err := r.Token(controller, kind, value)
	require.NoError(t, err)

	ad := associated(1, store, storage.ID{}, storage.ID{}, 0, 0, "index")
	sum := sha256.Sum256(ad)
	h, err := keyset.ReadWithContext(t.Context(), keyset.NewBinaryReader(bytes.NewReader(rows[1].Wrapped)), k, sum[:])
	require.NoError(t, err)
	manager := keyset.NewManagerFromHandle(h)
	rotate := func(change func()) *crypto.Ring {
		change()
		h, err := manager.Handle()
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, h.WriteWithContext(t.Context(), keyset.NewBinaryWriter(&out), k, sum[:]))
		rotated := append([]storage.StoreKey(nil), rows...)
		rotated[1].Wrapped = out.Bytes()
		r, err := crypto.Open(t.Context(), k, store, rotated, nil)
		require.NoError(t, err)
		return r
	}
	var added uint32
	old, err := h.Primary()
	require.NoError(t, err)

	r = rotate(func() {
		added, err = manager.Add(prf.AESCMACPRFKeyTemplate())
		require.NoError(t, err)
	})
	token, err := r.Token(controller, kind, value)
	require.NoError(t, err)
	assert.Equal(t, before, token, "added, not yet primary")
	both, err := r.Tokens(controller, kind, value)
	require.NoError(t, err)
	require.Len(t, both, 2)
	assert.Equal(t, before, both[0])

	r = rotate(func() { require.NoError(t, manager.SetPrimary(added)) })
	token, err = r.Token(controller, kind, value)
	require.NoError(t, err)
	assert.Equal(t, both[1], token)
	swapped, err := r.Tokens(controller, kind, value)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{both[1], both[0]}, swapped, "the primary's comes first")

	r = rotate(func() { require.NoError(t, manager.Disable(old.KeyID())) })
	last, err := r.Tokens(controller, kind, value)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{both[1]}, last, "a disabled key gives no token")
}
