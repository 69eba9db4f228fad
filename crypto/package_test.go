package crypto_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto"
)

func TestPackage(t *testing.T) {
	t.Parallel()
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	stranger, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	text := strings.Repeat("åäö", 100_000)
	seal := func(w io.WriteCloser, err error) {
		t.Helper()
		require.NoError(t, err)
		_, err = io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	var b bytes.Buffer
	seal(crypto.SealPackage(&b, identity.Recipient().String()))
	opened, err := crypto.OpenPackage(bytes.NewReader(b.Bytes()), identity.String())
	require.NoError(t, err)
	got, err := io.ReadAll(opened)
	require.NoError(t, err)
	assert.Equal(t, text, string(got))

	_, err = crypto.OpenPackage(bytes.NewReader(b.Bytes()), stranger.String())
	require.Error(t, err)
	_, err = crypto.OpenPackage(bytes.NewReader(b.Bytes()), "AGE-SECRET-KEY-1HEMLIG")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "HEMLIG")
	for name, broken := range map[string][]byte{"cut off": b.Bytes()[:b.Len()-40], "changed": append(bytes.Clone(b.Bytes()[:b.Len()-1]), b.Bytes()[b.Len()-1]^1)} {
		opened, err = crypto.OpenPackage(bytes.NewReader(broken), identity.String())
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, opened)
		require.Error(t, err, name)
	}

	var p bytes.Buffer
	seal(crypto.SealPackageFor(&p, "rätt häst batteri"))
	opened, err = crypto.OpenPackageWith(bytes.NewReader(p.Bytes()), "rätt häst batteri")
	require.NoError(t, err)
	got, err = io.ReadAll(opened)
	require.NoError(t, err)
	assert.Equal(t, text, string(got))
	for _, wrong := range []string{"", "fel häst batteri"} {
		_, err = crypto.OpenPackageWith(bytes.NewReader(p.Bytes()), wrong)
		require.Error(t, err)
	}
	for _, short := range []string{"", "åäöåäöåäöåä"} {
		_, err = crypto.SealPackageFor(io.Discard, short)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "åäö")
	}
}
