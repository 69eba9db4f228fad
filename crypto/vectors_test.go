package crypto_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/signature"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var update = flag.Bool("update", false, "make testdata/format/vectors.json anew; that is a new version of the format")

var vectorsPath = filepath.Join("..", "testdata", "format", "vectors.json")

// vectors are rows and what they hold, made once and opened for ever. AD is the associated data, hexadecimal; what goes to a KEK is its SHA-256.
type vectors struct {
	About       string             `json:"about"`
	Format      int                `json:"format"`
	KEK         json.RawMessage    `json:"kek"`
	Recovery    json.RawMessage    `json:"recovery_kek"`
	Store       storage.ID         `json:"store"`
	StoreKeys   []storeVector      `json:"store_keys"`
	Controllers []controllerVector `json:"controllers"`
	Subjects    []subjectVector    `json:"subjects"`
	Parts       []partVector       `json:"parts"`
	Identifiers []identifierVector `json:"identifiers"`
	Texts       []textVector       `json:"texts"`
	Tokens      []tokenVector      `json:"tokens"`
	MAC         signedVector       `json:"trail_mac"`
	Signature   signedVector       `json:"checkpoint_signature"`
	PublicKey   []byte             `json:"checkpoint_public_key"`
}

type storeVector struct {
	Name     string `json:"name"`
	AD       string `json:"ad"`
	Wrapped  []byte `json:"wrapped"`
	Recovery []byte `json:"recovery"`
}

type controllerVector struct {
	ID       storage.ID `json:"id"`
	AD       string     `json:"ad"`
	Wrapped  []byte     `json:"wrapped"`
	Recovery []byte     `json:"recovery"`
}

type subjectVector struct {
	ID         storage.ID `json:"id"`
	Controller storage.ID `json:"controller"`
	AD         string     `json:"ad"`
	Wrapped    []byte     `json:"wrapped"`
}

type partVector struct {
	Controller storage.ID `json:"controller"`
	Subject    storage.ID `json:"subject"`
	Record     storage.ID `json:"record"`
	Part       int        `json:"part"`
	Version    int        `json:"version"`
	Family     string     `json:"family"`
	Plain      string     `json:"plain"`
	KeyAD      string     `json:"key_ad"`
	Key        []byte     `json:"key"`
	AD         string     `json:"ad"`
	Sealed     []byte     `json:"sealed"`
}

func (p *partVector) place() crypto.Place {
	return crypto.Place{Record: p.Record, Part: p.Part, Version: p.Version, Family: p.Family}
}

type identifierVector struct {
	Controller storage.ID `json:"controller"`
	Subject    storage.ID `json:"subject"`
	Kind       string     `json:"kind"`
	Plain      string     `json:"plain"`
	AD         string     `json:"ad"`
	Sealed     []byte     `json:"sealed"`
}

type textVector struct {
	Controller storage.ID `json:"controller"`
	Kind       string     `json:"kind"`
	File       storage.ID `json:"file"`
	Rev        int64      `json:"rev"`
	Plain      string     `json:"plain"`
	AD         string     `json:"ad"`
	Sealed     []byte     `json:"sealed"`
}

type tokenVector struct {
	Controller storage.ID `json:"controller"`
	Kind       string     `json:"kind"`
	Plain      string     `json:"plain"`
	Input      string     `json:"input"`
	Token      string     `json:"token"`
}

type signedVector struct {
	Data string `json:"data"`
	Tag  []byte `json:"tag"`
}

func readVectors(t *testing.T) *vectors {
	t.Helper()
	content, err := os.ReadFile(vectorsPath)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	v := new(vectors)
	require.NoError(t, d.Decode(v))
	return v
}

func clearKEK(t *testing.T, cleartext json.RawMessage) tink.AEAD {
	t.Helper()
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(cleartext)))
	require.NoError(t, err)
	return mustAEAD(t, h)
}

// TestVectorsByTheDecoder opens every vector with public Tink and what docs/format.md says, once by each KEK.
func TestVectorsByTheDecoder(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	require.Equal(t, 1, v.Format)
	kek, recovery := clearKEK(t, v.KEK), clearKEK(t, v.Recovery)
	var none storage.ID

	store := map[string]*keyset.Handle{}
	for _, row := range v.StoreKeys {
		ad := associated(1, v.Store, none, none, 0, 0, row.Name)
		assert.Equal(t, row.AD, hex.EncodeToString(ad))
		h, err := openKeyset(kek, row.Wrapped, ad)
		require.NoError(t, err, row.Name)
		again, err := openKeyset(recovery, row.Recovery, ad)
		require.NoError(t, err, row.Name)
		assert.Equal(t, h.String(), again.String())
		store[row.Name] = h
	}
	controllers, subjects := map[storage.ID]controllerVector{}, map[storage.ID]subjectVector{}
	for _, row := range v.Controllers {
		ad := associated(2, row.ID, none, none, 0, 0, "")
		assert.Equal(t, row.AD, hex.EncodeToString(ad))
		_, err := openKeyset(kek, row.Wrapped, ad)
		require.NoError(t, err)
		controllers[row.ID] = row
	}
	for _, row := range v.Subjects {
		assert.Equal(t, row.AD, hex.EncodeToString(associated(3, row.Controller, row.ID, none, 0, 0, "")))
		assert.Len(t, row.Wrapped, 65)
		subjects[row.ID] = row
	}

	for _, p := range v.Parts {
		part, version := uint16(p.Part), uint32(p.Version)
		assert.Equal(t, p.KeyAD, hex.EncodeToString(associated(4, p.Controller, p.Subject, p.Record, part, version, p.Family)))
		assert.Equal(t, p.AD, hex.EncodeToString(associated(5, p.Controller, p.Subject, p.Record, part, version, p.Family)))
		assert.Len(t, p.Key, 65)
		assert.Len(t, p.Sealed, 5+12+len(p.Plain)+16)
		for k, wrapped := range map[tink.AEAD][]byte{kek: controllers[p.Controller].Wrapped, recovery: controllers[p.Controller].Recovery} {
			plain, err := decode(k, p.Controller, p.Subject, p.Record, part, version, p.Family,
				wrapped, subjects[p.Subject].Wrapped, p.Key, p.Sealed)
			require.NoError(t, err)
			assert.Equal(t, p.Plain, string(plain))
		}
	}
	top := func(id storage.ID) tink.AEAD {
		h, err := openKeyset(kek, controllers[id].Wrapped, associated(2, id, none, none, 0, 0, ""))
		require.NoError(t, err)
		return mustAEAD(t, h)
	}
	for _, i := range v.Identifiers {
		person, err := openRaw(top(i.Controller), subjects[i.Subject].Wrapped, associated(3, i.Controller, i.Subject, none, 0, 0, ""), 1)
		require.NoError(t, err)
		ad := associated(6, i.Controller, i.Subject, none, 0, 0, i.Kind)
		assert.Equal(t, i.AD, hex.EncodeToString(ad))
		plain, err := person.Decrypt(i.Sealed, ad)
		require.NoError(t, err)
		assert.Equal(t, i.Plain, string(plain))
	}
	for _, x := range v.Texts {
		ad := associated(7, x.Controller, none, x.File, 0, uint32(x.Rev), x.Kind)
		assert.Equal(t, x.AD, hex.EncodeToString(ad))
		plain, err := top(x.Controller).Decrypt(x.Sealed, ad)
		require.NoError(t, err)
		assert.Equal(t, x.Plain, string(plain))
	}

	index, err := prf.NewPRFSet(store["index"])
	require.NoError(t, err)
	for _, x := range v.Tokens {
		in := append([]byte("gallra"), 1, 16)
		in = append(append(append(append(in, x.Controller[:]...), byte(len(x.Kind))), x.Kind...), x.Plain...)
		assert.Equal(t, x.Input, hex.EncodeToString(in))
		token, err := index.ComputePrimaryPRF(in, 16)
		require.NoError(t, err)
		assert.Equal(t, x.Token, hex.EncodeToString(token))
	}
	_, err = prf.NewPRFSet(store["suppression"])
	require.NoError(t, err)
	trail, err := mac.New(store["trail"])
	require.NoError(t, err)
	require.NoError(t, trail.VerifyMAC(v.MAC.Tag, []byte(v.MAC.Data)))
	assert.Len(t, v.MAC.Tag, 37)
	assert.True(t, ed25519.Verify(v.PublicKey, []byte(v.Signature.Data), v.Signature.Tag))
	signer, err := signature.NewSigner(store["checkpoint"])
	require.NoError(t, err)
	again, err := signer.Sign([]byte(v.Signature.Data))
	require.NoError(t, err)
	assert.Equal(t, v.Signature.Tag, again, "Ed25519 gives one signature for one text")
}

// TestVectorsByThePackage opens the same through the package, once by each KEK.
func TestVectorsByThePackage(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	var rows []storage.StoreKey
	for _, row := range v.StoreKeys {
		rows = append(rows, storage.StoreKey{Name: row.Name, Wrapped: row.Wrapped, Recovery: row.Recovery})
	}
	for name, cleartext := range map[string]json.RawMessage{"KEK": v.KEK, "recovery KEK": v.Recovery} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := crypto.Open(t.Context(), crypto.FromAEAD(clearKEK(t, cleartext)), v.Store, rows, nil)
			require.NoError(t, err)
			for _, row := range v.Controllers {
				_, err := r.OpenController(t.Context(), storage.ControllerKey{ID: row.ID, Wrapped: row.Wrapped, Recovery: row.Recovery})
				require.NoError(t, err)
			}
			for _, row := range v.Subjects {
				c, ok := r.Controller(row.Controller)
				require.True(t, ok)
				_, err := c.OpenSubject(storage.SubjectKey{ID: row.ID, Controller: row.Controller, Wrapped: row.Wrapped})
				require.NoError(t, err)
			}
			for _, p := range v.Parts {
				s, ok := r.Subject(p.Controller, p.Subject)
				require.True(t, ok)
				plain, err := s.OpenPart(p.place(), p.Key, p.Sealed)
				require.NoError(t, err)
				assert.Equal(t, p.Plain, string(plain))
			}
			for _, i := range v.Identifiers {
				s, ok := r.Subject(i.Controller, i.Subject)
				require.True(t, ok)
				plain, err := s.OpenIdentifier(i.Kind, i.Sealed)
				require.NoError(t, err)
				assert.Equal(t, i.Plain, plain)
			}
			for _, x := range v.Texts {
				c, ok := r.Controller(x.Controller)
				require.True(t, ok)
				plain, err := c.OpenText(x.Kind, x.File, x.Rev, x.Sealed)
				require.NoError(t, err)
				assert.Equal(t, x.Plain, string(plain))
			}
			for _, x := range v.Tokens {
				token, err := r.Token(x.Controller, x.Kind, x.Plain)
				require.NoError(t, err)
				assert.Equal(t, x.Token, hex.EncodeToString(token))
			}
			tag, err := r.MAC().ComputeMAC([]byte(v.MAC.Data))
			require.NoError(t, err)
			assert.Equal(t, v.MAC.Tag, tag)
			assert.Equal(t, v.PublicKey, r.Signer().PublicKey())
			sig, err := r.Signer().Sign([]byte(v.Signature.Data))
			require.NoError(t, err)
			assert.Equal(t, v.Signature.Tag, sig)
		})
	}
}

// TestDecoderReadsWhatIsWrittenToday: the vectors show that old rows open; this, that new ones are of the same format.
func TestDecoderReadsWhatIsWrittenToday(t *testing.T) {
	t.Parallel()
	k := newKEK(t)
	r := newRing(t, k, nil)
	c, row := controller(t, r)
	s, subjectRow := subject(t, c)
	for _, at := range []crypto.Place{
		{Record: storage.NewID(), Part: 1, Version: 1, Family: "support-ticket"},
		{Record: storage.NewID(), Part: 65535, Version: 1<<32 - 1, Family: strings.Repeat("a", 255)},
	} {
		sealed, key, err := s.SealPart(at, []byte("Hej, åäö"))
		require.NoError(t, err)
		plain, err := decode(k.aead, row.ID, s.ID(), at.Record, uint16(at.Part), uint32(at.Version), at.Family,
			row.Wrapped, subjectRow.Wrapped, key, sealed)
		require.NoError(t, err)
		assert.Equal(t, "Hej, åäö", string(plain))
		_, err = decode(k.aead, row.ID, s.ID(), at.Record, uint16(at.Part), uint32(at.Version), "sales-contact",
			row.Wrapped, subjectRow.Wrapped, key, sealed)
		require.Error(t, err)
	}
}

// TestUpdateVectors makes the vectors. Keys are random, so that they are other ones each time: run it with -update for a new format alone.
func TestUpdateVectors(t *testing.T) {
	if !*update {
		t.Skip("runs with -update only")
	}
	v := vectors{
		About:  "Format 1: rows as stored, and what they hold; see docs/format.md. Persons and numbers are invented.",
		Format: 1, Store: storage.NewID(),
	}
	newClear := func() (json.RawMessage, crypto.KEK) {
		h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&out)))
		return out.Bytes(), crypto.FromAEAD(mustAEAD(t, h))
	}
	var kek, recovery crypto.KEK
	v.KEK, kek = newClear()
	v.Recovery, recovery = newClear()
	ctx := context.Background()
	r, rows, err := crypto.Create(ctx, kek, v.Store, &crypto.Options{Recovery: recovery})
	require.NoError(t, err)
	var none storage.ID
	text := hex.EncodeToString
	for _, row := range rows {
		v.StoreKeys = append(v.StoreKeys, storeVector{row.Name, text(associated(1, v.Store, none, none, 0, 0, row.Name)), row.Wrapped, row.Recovery})
	}

	people := []struct{ email, phone string }{
		{"åsa.öberg@kund.example", "+46701740605"}, {"bo.ek@xn--kpare-jua.example", "+46846500400"}, {"anna@exempel.example", "+46313900600"},
	}
	contents := []string{
		`{"fields":{"email":"åsa.öberg@kund.example","message":"Skrivaren på våning 3 är trasig.\nHälsningar, Åsa"},"source":"web"}`,
		`{"fields":{"count":3,"open":true,"ratio":0.5,"tags":["å","ä","ö"],"when":{"time":"2026-03-29T01:00:00.000000001Z"},"raw":{"bytes":"AAH/"}},"source":"api"}`,
		``,
	}
	for i, n := range []int{2, 1} { // subjects of each controller
		c, row, err := r.NewController(ctx, storage.NewID())
		require.NoError(t, err)
		v.Controllers = append(v.Controllers, controllerVector{row.ID, text(associated(2, row.ID, none, none, 0, 0, "")), row.Wrapped, row.Recovery})
		for j := range n {
			person := people[2*i+j]
			s, row, err := c.NewSubject(storage.NewID())
			require.NoError(t, err)
			v.Subjects = append(v.Subjects, subjectVector{s.ID(), c.ID(), text(associated(3, c.ID(), s.ID(), none, 0, 0, "")), row.Wrapped})
			for m, at := range []crypto.Place{
				{Part: 1, Version: 1, Family: "support-ticket"},
				{Part: 2, Version: 70_000, Family: "hosted-customer-data"},
				{Part: 65_535, Version: 1<<32 - 1, Family: "a"},
			} {
				at.Record = storage.NewID()
				at.Record[0] = s.ID()[0]
				sealed, key, err := s.SealPart(at, []byte(contents[m]))
				require.NoError(t, err)
				part, version := uint16(at.Part), uint32(at.Version)
				v.Parts = append(v.Parts, partVector{
					c.ID(), s.ID(), at.Record, at.Part, at.Version, at.Family, contents[m],
					text(associated(4, c.ID(), s.ID(), at.Record, part, version, at.Family)), key,
					text(associated(5, c.ID(), s.ID(), at.Record, part, version, at.Family)), sealed,
				})
			}
			for kind, value := range map[string]string{"user.contact.email": person.email, "user.contact.phone_number": person.phone} {
				sealed, err := s.SealIdentifier(kind, value)
				require.NoError(t, err)
				v.Identifiers = append(v.Identifiers, identifierVector{c.ID(), s.ID(), kind, value, text(associated(6, c.ID(), s.ID(), none, 0, 0, kind)), sealed})
				token, err := r.Token(c.ID(), kind, value)
				require.NoError(t, err)
				id := c.ID()
				in := append(append([]byte("gallra\x01\x10"), id[:]...), byte(len(kind)))
				v.Tokens = append(v.Tokens, tokenVector{c.ID(), kind, value, text(append(append(in, kind...), value...)), text(token)})
			}
		}
		for _, rev := range []int64{1, 70_000} {
			file, plain := storage.NewID(), "Begäran om radering från Åsa Öberg"
			sealed, err := c.SealText("request", file, rev, []byte(plain))
			require.NoError(t, err)
			v.Texts = append(v.Texts, textVector{c.ID(), "request", file, rev, plain, text(associated(7, c.ID(), none, file, 0, uint32(rev), "request")), sealed})
		}
	}
	v.MAC.Data, v.Signature.Data = "rad 1", "gallra/"+v.Store.String()+"\n1\n"
	v.MAC.Tag, err = r.MAC().ComputeMAC([]byte(v.MAC.Data))
	require.NoError(t, err)
	v.Signature.Tag, err = r.Signer().Sign([]byte(v.Signature.Data))
	require.NoError(t, err)
	v.PublicKey = r.Signer().PublicKey()

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(v))
	require.NoError(t, os.WriteFile(vectorsPath, out.Bytes(), 0o644))
}
