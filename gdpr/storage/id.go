package storage

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// ID names a row: 16 bytes, in text 8-4-4-4-12 lower-case hexadecimal. The zero ID means none.
// An id is never derived from what it names, so it leads nowhere once the rows are gone.
type ID [16]byte

// NewID returns a random id.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // crypto/rand.Read never returns an error
	return id
}

// NewRecordID returns an id in the bucket of the given subject, ordered by time within that bucket.
func NewRecordID(subject ID, now time.Time) ID {
	id := NewID()
	id[0] = subject[0]
	ms := uint64(now.UnixMilli())
	for i := 6; i >= 1; i-- {
		id[i] = byte(ms)
		ms >>= 8
	}
	return id
}

// Bucket is the id's bucket, 0 to 255.
func (id ID) Bucket() int { return int(id[0]) }

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids byte by byte: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// String returns the text form.
func (id ID) String() string {
	var b [36]byte
	id.encode(&b)
	return string(b[:])
}

func (id ID) encode(b *[36]byte) {
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
}

// MarshalText returns the text form, nothing for the zero id.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads the text form, or nothing for the zero id.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	got, err := ParseID(string(text))
	if err == nil {
		*id = got
	}
	return err
}

// ErrID says that a text is not an id.
var ErrID = errors.New("not an id: want 32 lower-case hexadecimal digits as 8-4-4-4-12")

// ParseID reads the text form of an id. It returns [ErrID] for anything else.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ID{}, ErrID
	}
	digits := text[0:8] + text[9:13] + text[14:18] + text[19:23] + text[24:36]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil || id.String() != text {
		return ID{}, ErrID
	}
	return id, nil
}
