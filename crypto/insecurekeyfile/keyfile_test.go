package insecurekeyfile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenMakesAKeyOnceAndReadsItAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "utveckling-åäö.kek")
	first, err := insecurekeyfile.Open(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, path+".ledger", first.LedgerPath())

	sealed, err := first.EncryptWithContext(t.Context(), []byte("hemligt"), []byte("ad"))
	require.NoError(t, err)
	again, err := insecurekeyfile.Open(path)
	require.NoError(t, err)
	plain, err := again.DecryptWithContext(t.Context(), sealed, []byte("ad"))
	require.NoError(t, err)
	assert.Equal(t, "hemligt", string(plain))
	_, err = again.DecryptWithContext(t.Context(), sealed, []byte("other"))
	require.Error(t, err)

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing but the key file is left in the folder")
}

func TestOpenAtOnceGivesOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dev.kek")
	keys := make([]*insecurekeyfile.Key, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			keys[i], err = insecurekeyfile.Open(path)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	sealed, err := keys[0].EncryptWithContext(t.Context(), []byte("x"), nil)
	require.NoError(t, err)
	for _, k := range keys {
		_, err := k.DecryptWithContext(t.Context(), sealed, nil)
		require.NoError(t, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "dev.kek")
	_, err := insecurekeyfile.Open(path)
	require.NoError(t, err)
	content, err := os.ReadFile(path)
	require.NoError(t, err)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o666} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := insecurekeyfile.Open(path)
		require.ErrorIs(t, err, insecurekeyfile.ErrReadable, mode.String())
	}

	other := filepath.Join(dir, "other.kek")
	require.NoError(t, os.WriteFile(other, content[:len(content)/2], 0o600))
	_, err = insecurekeyfile.Open(other)
	require.ErrorIs(t, err, insecurekeyfile.ErrNotKey)
	assert.NotContains(t, err.Error(), "primaryKeyId", "no content of the file in an error")

	_, err = insecurekeyfile.Open(dir)
	require.Error(t, err)
	_, err = insecurekeyfile.Open(filepath.Join(dir, "no", "such", "folder.kek"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestKeyIsAKEKThatHonorsItsContext(t *testing.T) {
	t.Parallel()
	key, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
	require.NoError(t, err)
	store := storage.NewID()
	_, rows, err := crypto.Create(t.Context(), key, store, nil)
	require.NoError(t, err)
	_, err = crypto.Open(t.Context(), key, store, rows, nil)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = key.EncryptWithContext(ctx, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = key.DecryptWithContext(ctx, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestKeyPrintsRedacted(t *testing.T) {
	t.Parallel()
	key, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, key), verb)
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, *key), verb)
	}
	_, err = json.Marshal(key)
	require.Error(t, err)
}
