package crypto

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// SealPackage returns a writer; what is written to it only the recipients open (ELA-XFER; Art. 32(1)(a)). It is age's format, which the program age opens as well.
// A recipient is a public key as age writes it, age1... . A package that Close did not end does not open to its end: whoever reads it is told.
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
