// Package storage is the port: what the engine needs of a place to keep rows.
//
// A store holds ciphertext, keyed hashes, ids, dates and states, and nothing else; it cannot leak what it never sees.
// It offers operations and no transactions: whatever must be atomic is one [Batch] handed to Apply, and every read
// is one call that returns plain rows.
//
// Whoever writes an adapter implements [Store] and runs package storagetest over it. The contract stands in the
// comments of this package, in sentences with "must"; storagetest has a subtest for each of them.
//
// # Contract for every method
//
//   - An adapter must be safe for concurrent use.
//   - It must honor a context that is done: nothing is written after that, and the error must match ctx.Err().
//   - It must keep instants to the microsecond, in UTC, and return the zero time for none.
//   - It must compare text byte by byte: case and accents matter, whatever the collation of the database.
//   - It must not keep a reference to a slice or map that it was handed, nor hand out one that it keeps.
//   - Nil and empty mean the same in slices and maps; it must return nil for both.
//   - A limit that is not over 0 must be refused with an error.
//   - Absent rows are not errors in reads of several rows; a read of one row must return [ErrNotFound].
//   - Rows must come back in the order that the method promises, on every call.
package storage

import (
	"context"
	"time"
)

// Buckets is the number of buckets over which parts, keys and index rows are spread.
const Buckets = 256

// Store is all that the engine asks of an adapter: a sum of small roles.
type Store interface {
	Batches
	Parts
	Index
	Schedules
	Events
	Files
	Leases
	Trail
	Proofs
	Keys

	// Caps says what this store can do. It must return the same value for the life of the store.
	Caps() Caps
	// Meta returns every stored setting (see [Batch.PutMeta]); an empty store must return an empty map.
	Meta(ctx context.Context) (map[string][]byte, error)
	// Count returns how many parts are stored, exactly or as the database last estimated it.
	Count(ctx context.Context) (int64, error)
	// Close releases what the store holds. A second Close must do nothing. After it every other method but Caps must return
	// an error that matches ErrClosed.
	Close() error
}

// Caps are the abilities of a store.
type Caps struct {
	// Span says what one batch may touch.
	Span Span
}

// Span says how far one batch of a store may reach.
type Span uint8

// The reaches of a batch.
const (
	SpanUnknown   Span = iota // invalid
	SpanAny                   // any rows
	SpanOneBucket             // parts, keys and index rows of one bucket
)

// Batches is the only way to change rows.
type Batches interface {
	// Apply must do all of the batch or nothing of it.
	//
	// When a condition does not hold it must write nothing and return a [*ConditionError] that names every row
	// that failed: a write that fails is passed over, and the others are looked at as if it were not there. When the outcome of the commit cannot be known it must return an error that matches
	// [ErrOutcomeUnknown]. Serialization failures and deadlocks are retried inside.
	//
	// Where an entry of the batch fails as stale because the very same one, with the same MAC, stands there already, the whole batch was stored by
	// an earlier call whose outcome was unknown: it must then write nothing and return nil.
	Apply(ctx context.Context, b *Batch) error
}

// Scrubber is an optional ability: to remove what erased rows leave behind in the store's files.
type Scrubber interface {
	// Scrub must return only when no copy of an erased row of an earlier Apply is left anywhere in the store's own files, or
	// return an error that matches [ErrBusy] when a reader prevents that; a later Scrub then finishes it.
	Scrub(ctx context.Context) error
}

// Parts reads parts. Every part comes with its schedule, if it names one, and with its wrapped keys, if the store holds them.
type Parts interface {
	// Record must return all parts of one record in the order of their numbers, wherever their buckets are;
	// none is no error.
	Record(ctx context.Context, record ID) ([]Part, error)
	// Parts must return at most q.Limit parts that match q and follow q.After, in the order of (bucket, record, part).
	Parts(ctx context.Context, q PartQuery) ([]Part, error)
	// Due must return at most q.Limit parts with a due of their own at or before q.Before, in the order of
	// (due, bucket, record, part), after q.After. Held parts must be among them.
	Due(ctx context.Context, q DueQuery) ([]Part, error)
	// Left must return one part of each of the given subjects that has a row and still has a part: subject, family and purposes, in any
	// order.
	Left(ctx context.Context, subjects []ID) ([]Remainder, error)
	// Subject must return the row of one data subject, or ErrNotFound.
	Subject(ctx context.Context, id ID) (Subject, error)
}

// PartQuery selects parts; fields that are set must all match.
type PartQuery struct {
	Subjects   []ID   // any of these; none is not set
	Controller ID     // of this controller
	Family     string // of this family
	Owner      ID     // of this agreement or assignment, by Part.Owner
	Hanging    bool   // only those that hang on their owner's schedule
	Labels     map[string]string
	Light      bool // leave Sealed, Key and SubjectKey empty
	After      PartRef
	Limit      int // must be over 0
}

// DueQuery selects parts whose own due has come.
type DueQuery struct {
	Before time.Time
	After  DueCursor
	Light  bool
	Limit  int // must be over 0
}

// DueCursor is a place in the order of [Parts.Due].
type DueCursor struct {
	Due  time.Time
	Part PartRef
}

// Index reads the blind index.
type Index interface {
	// Lookup must return every row whose token is among tokens, in the order of (bucket, subject, record, part, kind, token).
	Lookup(ctx context.Context, tokens [][]byte) ([]IndexRow, error)
	// Identifiers must return the rows of Lookup that are identifiers, in the same order, without reading the others.
	Identifiers(ctx context.Context, tokens [][]byte) ([]IndexRow, error)
	// IndexOf must return every row of one subject, in the same order.
	IndexOf(ctx context.Context, subject ID) ([]IndexRow, error)
}

// Schedules reads the clocks that many parts hang on.
type Schedules interface {
	// SchedulesOf must return the schedules of one agreement or assignment, ordered by family.
	SchedulesOf(ctx context.Context, owner ID) ([]Schedule, error)
	// DueSchedules must return the schedules with due at or before the given instant, ordered by (due, owner, family), at most limit.
	DueSchedules(ctx context.Context, before time.Time, limit int) ([]Schedule, error)
}

// Events reads what started or ended something.
type Events interface {
	// EventsOf must return the events of one object in the order in which they were appended.
	EventsOf(ctx context.Context, object ID) ([]Event, error)
}

// Files reads the low-volume rows: parties, agreements, assignments, grants, holds, registers, requests, reviews.
type Files interface {
	// File must return one row, or ErrNotFound.
	File(ctx context.Context, kind string, id ID) (File, error)
	// Files must return at most q.Limit rows that match q and follow q.After, ordered by id.
	Files(ctx context.Context, q FileQuery) ([]File, error)
}

// FileQuery selects files; fields that are set must all match.
type FileQuery struct {
	Kind    string // required
	Parents []ID   // any of these
	State   string
	Names   [][]byte  // any of these: a keyed hash or another clear key that is not personal
	Before  time.Time // due at or before
	After   ID
	Limit   int // must be over 0
}

// Leases hand out work to one process at a time.
type Leases interface {
	// Acquire must give the lease to owner until the given instant and return its fence, which is higher than any
	// fence that this lease had before. It must return ErrLeased while another owner's lease lasts at now; the same owner
	// gets it again, with a new fence.
	Acquire(ctx context.Context, name, owner string, now, until time.Time) (fence int64, err error)
	// Release must end the lease if it still has that fence, and do nothing otherwise. The fence must not be used again: a
	// [LeaseCond] with it must fail from then on.
	Release(ctx context.Context, name string, fence int64) error
}

// Trail reads the audit trail.
type Trail interface {
	// Lanes must return each lane with its last number, ordered by lane id.
	Lanes(ctx context.Context) ([]Lane, error)
	// Entries must return the entries of one lane with a number over after, in order, at most limit.
	Entries(ctx context.Context, lane ID, after uint64, limit int) ([]Entry, error)
	// Segments must return the segments with a number over after, in order, at most limit.
	Segments(ctx context.Context, after uint64, limit int) ([]Segment, error)
	// LastSegment must return the segment with the highest number, or ErrNotFound.
	LastSegment(ctx context.Context) (Segment, error)
}

// Proofs reads the proofs of erasure.
type Proofs interface {
	// Proofs must return the proofs with a number over after, in order, at most limit.
	Proofs(ctx context.Context, after uint64, limit int) ([]Proof, error)
	// LastProof must return the proof with the highest number, without its body, or ErrNotFound. A body can name thousands of parts.
	LastProof(ctx context.Context) (Proof, error)
	// ProofOf must return the proofs whose body names the given id, in order.
	ProofOf(ctx context.Context, id ID) ([]Proof, error)
	// OpenProofs must return the proofs that are not confirmed, in order.
	OpenProofs(ctx context.Context) ([]Proof, error)
}

// Keys is the role of a key store. Every [Store] has it; an engine may be given a second store for it alone, so that
// keys live and are backed up apart from data.
type Keys interface {
	// ApplyKeys must do all of the batch or nothing of it. It must refuse to put a key over a tombstone, or
	// over another key, with a *ConditionError. To destroy what is not there must leave a tombstone all the same (for a part key: nothing).
	ApplyKeys(ctx context.Context, b *KeyBatch) error
	// StoreKeys must return the store's own keysets, ordered by name.
	StoreKeys(ctx context.Context) ([]StoreKey, error)
	// ControllerKey must return one row, a tombstone included, or ErrNotFound.
	ControllerKey(ctx context.Context, id ID) (ControllerKey, error)
	// SubjectKeys must return the rows of the given subjects, tombstones included, in the order of (bucket, id).
	SubjectKeys(ctx context.Context, ids []ID) ([]SubjectKey, error)
	// PartKeys must return the rows of the given part versions, in the order of (bucket, record, part, version).
	PartKeys(ctx context.Context, refs []PartKeyRef) ([]PartKey, error)
	// AllPartKeys must return at most limit part keys that follow after, in the same order: an inventory walks them.
	AllPartKeys(ctx context.Context, after PartKeyRef, limit int) ([]PartKeyRef, error)
}
