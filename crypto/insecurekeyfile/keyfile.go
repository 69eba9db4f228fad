// Package insecurekeyfile offers a KEK that lies in clear text in a file: for development, tests and demonstrations.
//
// Whoever reads the file reads everything that is sealed under it, and a backup that holds both file and store opens the store. In production
// take the KEK from a key service: any Tink AEAD will do.
package insecurekeyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gallra/gallra/crypto"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// The conditions that Open reports.
var (
	// ErrReadable: others than the owner may read or write the file (mode 0600 is wanted).
	ErrReadable = errors.New("others than its owner may read or write it, want mode 0600")
	// ErrNotKey: the file holds no AES256-GCM keyset.
	ErrNotKey = errors.New("not a key file")
)

// ledgerSuffix follows the path of a key file in that of the ledger beside it.
const ledgerSuffix = ".ledger"

// Key is a [crypto.KEK] from a file. It prints as [redacted]. Safe for concurrent use.
type Key struct {
	redacted
	path string
	aead tink.AEAD
}

type redacted = crypto.Redacted

var _ crypto.KEK = (*Key)(nil)

// Open reads the key file at path; if there is none it makes one with a new key, mode 0600, durable on return. Of several processes that
// make it at once, all get the same key. A file that others may read is refused with [ErrReadable]; its content is never part of an error.
func Open(path string) (*Key, error) {
	k, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			k, err = read(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	return k, nil
}

// EncryptWithContext encrypts under the file's key.
func (k *Key) EncryptWithContext(ctx context.Context, plain, ad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.aead.Encrypt(plain, ad)
}

// DecryptWithContext decrypts what the file's key encrypted.
func (k *Key) DecryptWithContext(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.aead.Decrypt(sealed, ad)
}

// LedgerPath returns where the ledger of proofs lies by default: beside the key file, out of the store's backup (Art. 5(2)).
func (k *Key) LedgerPath() string { return k.path + ledgerSuffix }

// maxSize is far over that of any keyset with a sensible number of keys.
const maxSize = 1 << 20

func read(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotKey)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrReadable)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(io.LimitReader(f, maxSize)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, ErrNotKey) // what Tink says may quote the file
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, ErrNotKey)
	}
	return &Key{path: path, aead: a}, nil
}

// create writes a new key under a name of its own and links it to path, which fails if path exists by now: no key is ever replaced.
func create(path string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&content)); err != nil {
		return err
	}
	content.WriteByte('\n')
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // 0600, O_EXCL
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which has no such call
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
