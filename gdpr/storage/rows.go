package storage

import (
	"cmp"
	"time"
)

// Part is the fields of one record that die together: same subject, same set of purposes, one ciphertext, one key.
type Part struct {
	PartRef
	Rev        int64 // raised by every change of the row, from 1
	Version    int   // of the content, from 1; each has a key of its own
	Controller ID
	Subject    ID
	Family     string   // the first activity of its family: scope of the key
	Purposes   []string // whose fields these are, sorted; without commas
	Role       string   // controller, joint-controller, processor, sub-processor
	Class      string
	Agreement  ID // zero: none
	Assignment ID // zero: none
	Owner      ID // whose schedule dates it: the assignment, else the agreement, else zero
	Hangs      bool
	Due        time.Time // its own due, exclusive end; zero: none
	Held       int       // holds on this part; set by [Batch.HoldParts] alone
	Restricted bool
	Labels     map[string]string // clear values that are not personal
	Facts      []byte            // days of events, JSON; see docs/format.md
	Sealed     []byte

	// What a read adds.
	Key        []byte    // wrapped part key, if this store holds keys
	SubjectKey []byte    // wrapped subject key, if this store holds keys
	Schedule   *Schedule // of (Owner, Family), if there is one
}

// PartRef names a part. Its bucket is that of its subject.
type PartRef struct {
	Bucket int
	Record ID
	Part   int // from 1
}

// Compare orders parts by (bucket, record, part): -1, 0 or 1.
func (r PartRef) Compare(other PartRef) int {
	return cmp.Or(cmp.Compare(r.Bucket, other.Bucket), r.Record.Compare(other.Record), cmp.Compare(r.Part, other.Part))
}

// Remainder says that a subject still has a part, and of what kind one of them is.
type Remainder struct {
	Subject  ID
	Family   string
	Purposes []string
}

// Subject is one data subject of one controller. A hold on the person counts here.
type Subject struct {
	ID         ID
	Controller ID
	Rev        int64
	Held       int
	Created    time.Time
}

// IndexRow leads from a keyed hash to a subject.
//
// A row with Part 0 is an identifier: it decides who a subject is and must be unique for (controller, kind, token); its value is
// kept in sealed form. A row with a part is a find-by field: it need not be unique and dies with its part.
type IndexRow struct {
	Subject    ID
	Record     ID  // zero for an identifier
	Part       int // 0 for an identifier
	Kind       string
	Token      []byte // 16 bytes
	Controller ID
	Sealed     []byte
}

// Schedule is a clock that many parts hang on: one line for (agreement or assignment, family).
type Schedule struct {
	Owner  ID
	Family string
	Rev    int64
	Held   int
	Due    time.Time // zero: not started, or all its parts were looked at
	Facts  []byte
}

// Event is something that happened to an object: a record, subject, agreement or assignment. Append-only.
type Event struct {
	ID     ID
	Object ID
	At     time.Time
	Body   []byte
}

// File is a low-volume row, typed in Go and stored as JSON, sealed where personal.
type File struct {
	Kind   string
	ID     ID
	Rev    int64
	Held   int // holds on an agreement
	Parent ID
	State  string
	Name   []byte // indexed with Kind; unique when Unique is set
	Unique bool
	Due    time.Time
	Body   []byte
}

// Lane is a chain of trail entries.
type Lane struct {
	ID   ID
	Last uint64
}

// Entry is one line of the trail.
type Entry struct {
	Lane ID
	Seq  uint64
	At   time.Time
	Body []byte
	MAC  []byte
}

// Segment puts entries of all lanes into one log.
type Segment struct {
	N    uint64
	Body []byte
}

// Proof shows that something was erased.
type Proof struct {
	N         uint64
	ID        ID
	At        time.Time
	Prev      []byte
	Digest    []byte
	MAC       []byte
	Body      []byte
	Confirmed bool // keys destroyed and ledger written
}

// StoreKey is a keyset of the store itself.
type StoreKey struct {
	Name     string
	Wrapped  []byte
	Recovery []byte // the same keyset under the recovery KEK; nil without one
}

// ControllerKey is the keyset of one controller. Wrapped is nil in a tombstone.
type ControllerKey struct {
	ID        ID
	Wrapped   []byte
	Recovery  []byte
	Destroyed bool
}

// SubjectKey is the key of one data subject. Wrapped is nil in a tombstone.
type SubjectKey struct {
	ID         ID
	Controller ID
	Wrapped    []byte
	Destroyed  bool
}

// PartKeyRef names the key of one version of a part.
type PartKeyRef struct {
	PartRef
	Version int
}

// PartKey is the key of one version of a part.
type PartKey struct {
	PartKeyRef
	Wrapped []byte
}
