// Package crypto is the keyring: it seals and opens what the engine stores, and makes erasure final by destroying keys
// (GDPR Art. 17, Art. 32(1)(a); Art. 5(1)(e) and (f)).
//
// # Keys
//
// Three levels of keys stand under a key encryption key, and the reach of each is what one erasure reaches:
//
//	KEK                 any Tink AEAD, in production that of a key service
//	 ├ store keysets    trail MAC, checkpoint signature, blind index, suppression
//	 └ controller       a Tink keyset; destroying it off-boards a whole customer
//	    └ subject       a typed AES-256-GCM key; destroying it erases the person
//	       └ part       the same for each version of each part; destroying it erases just that
//
// Keys are random, never derived: what can be derived again is not destroyed. Associated data binds every ciphertext and
// every wrapped key to its place, so that one that was moved does not open. The bytes are those of docs/format.md.
//
// # Rows
//
// A [Ring] never reads nor writes a row. It returns rows for the caller to store and takes rows that the caller has
// read; the only call that leaves the process is the one to the KEK: once for each keyset that is opened, never for a record.
//
//	ring, storeKeys, err := crypto.Create(ctx, kek, storeID, nil)    // a new store: keep the rows
//	customer, row, err := ring.NewController(ctx, controllerID)      // keep the row
//	anna, row, err := customer.NewSubject(subjectID)                 // keep the row
//	sealed, key, err := anna.SealPart(place, plaintext)              // keep both
//
// # Cache
//
// Opened controllers and subjects are kept for [Options.TTL] in a bounded cache; a new one from when its stored row is opened.
// [Ring.Forget] and [Ring.ForgetSubject] empty it at once in this process, also against an opening that is under way or comes with a row
// read before. Another process uses a destroyed key for at most TTL. A controller or subject in hand stays usable, so hold it for one
// operation and no longer.
//
// # Errors
//
// [ErrDestroyed]: a tombstone. [ErrSealed]: a ciphertext or key does not open here, whatever the reason. [ErrKeysUnavailable]: the KEK
// did not answer or does not fit. [ErrPlace]: what is to be sealed names no place.
//
// What holds keys prints as [redacted] and does not marshal. Go cannot wipe memory reliably: nothing is promised about that.
package crypto
