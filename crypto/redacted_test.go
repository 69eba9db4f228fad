package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// hidden is a caller's struct: printing cannot call methods on unexported fields.
type hidden struct {
	ring    *crypto.Ring
	c       *crypto.Controller
	s       *crypto.Subject
	value   crypto.Subject
	mac     *crypto.MAC
	signer  *crypto.Signer
	kek     crypto.KEK
	options crypto.Options
}

type shown struct {
	Subject *crypto.Subject
}

func TestWhatHoldsKeysPrintsRedacted(t *testing.T) {
	t.Parallel()
	k, store := newKEK(t), storage.NewID()
	kekOf := crypto.FromAEAD(k.aead)
	options := crypto.Options{Recovery: kekOf}
	r, _, err := crypto.Create(t.Context(), kekOf, store, &options)
	require.NoError(t, err)
	c, row := controller(t, r)
	s, subjectRow := subject(t, c)
	secrets := [][]byte{subjectKey(t, k, row, subjectRow), controllerKey(t, k, row)}

	for _, v := range []any{r, c, *c, s, *s, r.MAC(), *r.MAC(), r.Signer(), *r.Signer(), kekOf} {
		name := fmt.Sprintf("%T", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.Equal(t, "[redacted]", fmt.Sprintf(verb, v), name+" "+verb)
		}
		assert.Equal(t, "[redacted]", v.(fmt.Stringer).String(), name)
		assert.Equal(t, "[redacted]", v.(fmt.GoStringer).GoString(), name)
		assert.Equal(t, "[redacted]", v.(slog.LogValuer).LogValue().String(), name)
		_, err := json.Marshal(v)
		require.Error(t, err, name)
		_, err = json.Marshal(map[string]any{"in": []any{v}})
		require.Error(t, err, name)
	}

	holder := hidden{r, c, s, *s, r.MAC(), r.Signer(), kekOf, options}
	var out strings.Builder
	for _, v := range []any{holder, &holder, []any{holder}, map[string]any{"x": &holder}, shown{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("said", "ring", r, "subject", s, "holder", holder, "pointer", &holder, "shown", shown{s})
	}
	out.WriteString(logged.String())
	marshaled, err := json.Marshal(holder) //nolint:staticcheck // that nothing comes out is the point
	require.NoError(t, err)
	assert.Equal(t, "{}", string(marshaled))
	_, err = json.Marshal(shown{s})
	require.Error(t, err)
	func() {
		defer func() { fmt.Fprintln(&out, recover()) }()
		panic(fmt.Sprintf("%+v", holder))
	}()

	printed := out.String()
	for _, secret := range secrets {
		require.Len(t, secret, 32)
		bytesOf := strings.Trim(fmt.Sprintf("%d", secret), "[]")
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), bytesOf,
			strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
		} {
			assert.NotContains(t, printed, form)
			assert.NotContains(t, printed, form[:len(form)/3], "nor the beginning of it")
		}
	}
}

func subjectKey(t *testing.T, k *kek, row storage.ControllerKey, s storage.SubjectKey) []byte {
	t.Helper()
	h, err := openKeyset(k.aead, row.Wrapped, associated(2, row.ID, storage.ID{}, storage.ID{}, 0, 0, ""))
	require.NoError(t, err)
	key, err := mustAEAD(t, h).Decrypt(s.Wrapped, associated(3, row.ID, s.ID, storage.ID{}, 0, 0, ""))
	require.NoError(t, err)
	return key
}

func controllerKey(t *testing.T, k *kek, row storage.ControllerKey) []byte {
	t.Helper()
	h, err := openKeyset(k.aead, row.Wrapped, associated(2, row.ID, storage.ID{}, storage.ID{}, 0, 0, ""))
	require.NoError(t, err)
	return keyBytes(t, h)
}

func keyBytes(t *testing.T, h *keyset.Handle) []byte {
	t.Helper()
	primary, err := h.Primary()
	require.NoError(t, err)
	key, ok := primary.Key().(*aesgcm.Key)
	require.True(t, ok)
	return key.KeyBytes().Data(insecuresecretdataaccess.Token{})
}
