package crypto

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

func id(b byte) (id storage.ID) {
	for i := range id {
		id[i] = b
	}
	return id
}

// The expected bytes were put together by hand from docs/format.md part 2.
func TestAssociatedDataIsAsTheFormatSays(t *testing.T) {
	t.Parallel()
	zeros := func(n int) string { return strings.Repeat("00", n) }
	c1, d2, e3 := strings.Repeat("c1", 16), strings.Repeat("d2", 16), strings.Repeat("e3", 16)
	const gallra1 = "67616c6c726101"
	for name, tc := range map[string]struct {
		at   bound
		want string
	}{
		"store":      {*(&Ring{store: id(0xc1)}).boundStore("trail"), gallra1 + "01" + c1 + zeros(16+16+2+4) + "05" + "747261696c"},
		"controller": {*boundController(id(0xc1)), gallra1 + "02" + c1 + zeros(16+16+2+4) + "00"},
		"part": {
			bound{kind: kindPart, controller: id(0xc1), subject: id(0xd2), record: id(0xe3), part: 0x0102, version: 0x03040506, name: "ärende"},
			gallra1 + "05" + c1 + d2 + e3 + "0102" + "03040506" + "07" + "c3a472656e6465",
		},
	} {
		assert.Equal(t, tc.want, hex.EncodeToString(tc.at.in(new(scratch))), name)
	}

	ring := &Ring{}
	s := &Subject{ring: ring, controller: id(0xc1), id: id(0xd2)}
	c := &Controller{ring: ring, id: id(0xc1)}
	part, err := s.boundPart(Place{Record: id(0xe3), Part: 65535, Version: 1, Family: "a"}, new(scratch))
	require.NoError(t, err)
	assert.Equal(t, gallra1+"04"+c1+d2+e3+"ffff"+"00000001"+"0161", hex.EncodeToString(part))
	assert.Equal(t, gallra1+"03"+c1+d2+zeros(16+2+4)+"00", hex.EncodeToString(c.boundSubject(id(0xd2), new(scratch))))
	assert.Equal(t, gallra1+"06"+c1+d2+zeros(16+2+4)+"0161", hex.EncodeToString(s.boundIdentifier("a", new(scratch))))
	text, err := c.boundText("a", id(0xe3), 7)
	require.NoError(t, err)
	assert.Equal(t, gallra1+"07"+c1+zeros(16)+e3+"0000"+"00000007"+"0161", hex.EncodeToString(text.in(new(scratch))))
	assert.Equal(t, gallra1+"10"+c1+"0161"+"c3a5", hex.EncodeToString(tokenInput(new(scratch), kindToken, id(0xc1), "a", "å")))
}

// Scratch that was used for a longer name must leave nothing of it.
func TestScratchIsUsedAgainCleanly(t *testing.T) {
	t.Parallel()
	tmp := new(scratch)
	long := bound{kind: 7, controller: id(1), subject: id(2), record: id(3), part: 4, version: 5, name: strings.Repeat("x", 255)}
	require.Len(t, long.in(tmp), len(tmp.data))
	short := bound{kind: 2, controller: id(9)}
	assert.Equal(t, short.in(new(scratch)), short.in(tmp))
}

// Every byte of the associated data counts, that of the format among them: what was sealed with any other byte does not open.
func TestEveryByteIsBound(t *testing.T) {
	t.Parallel()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	require.NoError(t, err)
	kek, err := aead.New(h)
	require.NoError(t, err)
	r, _, err := Create(t.Context(), FromAEAD(kek), id(1), nil)
	require.NoError(t, err)
	c, _, err := r.NewController(t.Context(), id(2))
	require.NoError(t, err)
	s, _, err := c.NewSubject(id(3))
	require.NoError(t, err)

	at := Place{Record: id(4), Part: 5, Version: 6, Family: "support-ticket"}
	ad, err := s.boundPart(at, new(scratch))
	require.NoError(t, err)
	for i := range ad {
		ad[i] ^= 1
		key, wrapped, err := newKey(6, s.aead, ad, new(scratch))
		ad[i] ^= 1
		require.NoError(t, err)
		content := append([]byte(nil), ad...)
		content[kindAt] = kindPart
		sealed, err := key.Encrypt([]byte("x"), content)
		require.NoError(t, err)
		_, err = s.OpenPart(at, wrapped, sealed)
		require.ErrorIs(t, err, ErrSealed, "part key, byte %d", i)

		key, wrapped, err = newKey(6, s.aead, ad, new(scratch))
		require.NoError(t, err)
		content[i] ^= 1
		sealed, err = key.Encrypt([]byte("x"), content)
		require.NoError(t, err)
		_, err = s.OpenPart(at, wrapped, sealed)
		require.ErrorIs(t, err, ErrSealed, "part, byte %d", i)
	}

	ad = s.boundIdentifier("user.contact.email", new(scratch))
	for i := range ad {
		ad[i] ^= 1
		sealed, err := s.aead.Encrypt([]byte("x"), ad)
		require.NoError(t, err)
		ad[i] ^= 1
		_, err = s.OpenIdentifier("user.contact.email", sealed)
		require.ErrorIs(t, err, ErrSealed, "identifier, byte %d", i)
	}

	ad = c.boundSubject(id(7), new(scratch))
	for i := range ad {
		ad[i] ^= 1
		_, wrapped, err := newKey(subjectKeyID, c.aead, ad, new(scratch))
		require.NoError(t, err)
		ad[i] ^= 1
		_, err = c.OpenSubject(storage.SubjectKey{ID: id(7), Controller: id(2), Wrapped: wrapped})
		require.ErrorIs(t, err, ErrSealed, "subject key, byte %d", i)
	}

	text, err := c.boundText("request", id(8), 1)
	require.NoError(t, err)
	ad = text.in(new(scratch))
	for i := range ad {
		ad[i] ^= 1
		sealed, err := c.aead.Encrypt([]byte("x"), ad)
		require.NoError(t, err)
		ad[i] ^= 1
		_, err = c.OpenText("request", id(8), 1, sealed)
		require.ErrorIs(t, err, ErrSealed, "text, byte %d", i)
	}
}

// A key id other than the row's version is refused, even with everything else in place.
func TestKeyIDIsThatOfTheRow(t *testing.T) {
	t.Parallel()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	require.NoError(t, err)
	kek, err := aead.New(h)
	require.NoError(t, err)
	r, _, err := Create(t.Context(), FromAEAD(kek), id(1), nil)
	require.NoError(t, err)
	c, _, err := r.NewController(t.Context(), id(2))
	require.NoError(t, err)
	s, _, err := c.NewSubject(id(3))
	require.NoError(t, err)
	at := Place{Record: id(4), Part: 5, Version: 6, Family: "a"}
	ad, err := s.boundPart(at, new(scratch))
	require.NoError(t, err)
	key, wrapped, err := newKey(7, s.aead, ad, new(scratch))
	require.NoError(t, err)
	ad[kindAt] = kindPart
	sealed, err := key.Encrypt([]byte("x"), ad)
	require.NoError(t, err)
	assert.Equal(t, []byte{1, 0, 0, 0, 7}, sealed[:5])
	_, err = s.OpenPart(at, wrapped, sealed)
	require.ErrorIs(t, err, ErrSealed)
}
