package crypto

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"filippo.io/age"
)

// SealPackage returns a writer; what is written to it only the recipients open (ELA-XFER; Art. 32(1)(a)). It is age's format, which the program age
// opens as well. A recipient is a public key as age writes it, age1... . A package that Close did not end does not open to its end: whoever reads it
// is told.
func SealPackage(w io.Writer, recipients ...string) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nil, errors.New("seal package: no recipient")
	}
	to := make([]age.Recipient, len(recipients))
	for i, text := range recipients {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fmt.Errorf("seal package: recipient %d is not a public key of age", i+1) // its own words repeat the text
		}
		to[i] = r
	}
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("seal package: %w", err)
	}
	return sealed, nil
}

// SealPackageFor is SealPackage for whoever knows a passphrase, of at least 12 characters: its key is derived by scrypt, which takes a second on purpose.
func SealPackageFor(w io.Writer, passphrase string) (io.WriteCloser, error) {
	if utf8.RuneCountInString(passphrase) < 12 {
		return nil, errors.New("seal package: a passphrase has at least 12 characters")
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, errors.New("seal package: not a passphrase")
	}
	sealed, err := age.Encrypt(w, to)
	if err != nil {
		return nil, fmt.Errorf("seal package: %w", err)
	}
	return sealed, nil
}

// OpenPackage returns what SealPackage has sealed, for a recipient's private key as age writes it, AGE-SECRET-KEY-1... . Read it to its end: a package that
// was cut off or changed fails there at the latest, and nothing of it may be relied on before.
func OpenPackage(r io.Reader, key string) (io.Reader, error) {
	identity, err := age.ParseX25519Identity(key)
	if err != nil {
		return nil, errors.New("open package: not a private key of age") // its own words may repeat the key
	}
	return openPackage(r, identity)
}

// OpenPackageWith is OpenPackage for what SealPackageFor has sealed.
func OpenPackageWith(r io.Reader, passphrase string) (io.Reader, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, errors.New("open package: not a passphrase")
	}
	identity.SetMaxWorkFactor(20) // a package of somebody else's making may not keep us busy for long
	return openPackage(r, identity)
}

func openPackage(r io.Reader, identity age.Identity) (io.Reader, error) {
	opened, err := age.Decrypt(r, identity)
	if err != nil {
		return nil, fmt.Errorf("open package: %w", err)
	}
	return opened, nil
}
