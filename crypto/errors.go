package crypto

import "errors"

// The conditions that this package reports, wrapped with the operation.
var (
	// ErrKeysUnavailable: the KEK failed, is another one, or a keyset's row is missing. It wraps what the KEK said.
	ErrKeysUnavailable = errors.New("keys unavailable")
	// ErrDestroyed: the row is a tombstone; nothing brings the key back (Art. 17).
	ErrDestroyed = errors.New("key was destroyed")
	// ErrSealed: a ciphertext or wrapped key does not open: changed, cut, or bound to another place. Why is not said.
	ErrSealed = errors.New("does not open")
	// ErrPlace: a place to bind to is incomplete or out of range.
	ErrPlace = errors.New("not a place to bind to")
)
