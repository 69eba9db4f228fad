package crypto

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/gallra/gallra/gdpr/storage"
)

// format is the number of the format of docs/format.md.
const format = 1

// The kinds of associated data and of keyed input, docs/format.md parts 2 and 4.
const (
	kindStore      byte = 1
	kindController byte = 2
	kindSubject    byte = 3
	kindPartKey    byte = 4
	kindPart       byte = 5
	kindIdentifier byte = 6
	kindText       byte = 7
	kindToken      byte = 16
	kindSuppressed byte = 19
)

// bound is what a ciphertext is bound to. Fields that do not apply are zero.
type bound struct {
	kind       byte
	controller storage.ID
	subject    storage.ID
	record     storage.ID
	part       uint16
	version    uint32
	name       string // at most 255 bytes
}

// Where things stand in associated data.
const (
	kindAt    = len("gallra") + 1
	controlAt = kindAt + 1
	subjectAt = controlAt + len(storage.ID{})
	recordAt  = subjectAt + len(storage.ID{})
	partAt    = recordAt + len(storage.ID{})
	versionAt = partAt + 2
	lengthAt  = versionAt + 4
	nameAt    = lengthAt + 1
)

// scratch is room for the length of one call. It saves allocations on the hot path, and copies of keys on the heap. Whoever writes
// a key or a value to it clears that.
type scratch struct {
	data [nameAt + math.MaxUint8]byte // any associated data fits
	key  [keySize]byte
}

// scratches are used again.
type scratches struct{ pool sync.Pool }

func (p *scratches) get() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (p *scratches) put(s *scratch) { p.pool.Put(s) }

// in writes the associated data to the scratch and returns it.
func (b *bound) in(s *scratch) []byte {
	d := &s.data
	copy(d[:], "gallra")
	d[kindAt-1] = format
	d[kindAt] = b.kind
	*(*storage.ID)(d[controlAt:]) = b.controller
	*(*storage.ID)(d[subjectAt:]) = b.subject
	*(*storage.ID)(d[recordAt:]) = b.record
	binary.BigEndian.PutUint16(d[partAt:], b.part)
	binary.BigEndian.PutUint32(d[versionAt:], b.version)
	d[lengthAt] = byte(len(b.name))
	return d[:nameAt+copy(d[nameAt:], b.name)]
}

// digest returns the associated data for a KEK: a key service may log it, so it gets a hash.
func (b *bound) digest() []byte {
	sum := sha256.Sum256(b.in(new(scratch)))
	return sum[:]
}

func checkName(what, name string) error {
	if name == "" || len(name) > math.MaxUint8 {
		return fmt.Errorf("%w: %s must have 1 to 255 bytes", ErrPlace, what)
	}
	return nil
}

func checkID(what string, id storage.ID) error {
	if id.IsZero() {
		return fmt.Errorf("%w: %s is missing", ErrPlace, what)
	}
	return nil
}

func checkNumber(what string, n, most int64) error {
	if n < 1 || n > most {
		return fmt.Errorf("%w: %s must be 1 to %d", ErrPlace, what, most)
	}
	return nil
}
