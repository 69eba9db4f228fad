// Package memory is the reference adapter: everything in maps behind one mutex, gone with the process.
//
// It is for tests and trials, and it is what the other adapters are compared with: where a comment of package
// storage leaves a doubt, what memory does is meant. Reads without a subject or record walk over everything.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

var errLimit = errors.New("limit must be over 0")

// Store is a [storage.Store] in memory. It is safe for concurrent use. New makes one.
type Store struct {
	mu     sync.Mutex
	closed bool

	meta     map[string][]byte
	subjects map[storage.ID]storage.Subject
	parts    map[storage.PartRef]storage.Part
	index    map[indexKey]storage.IndexRow

	schedules map[scheduleKey]storage.Schedule
	events    map[storage.ID][]storage.Event
	files     map[fileKey]storage.File
	leases    map[string]lease

	entries  map[storage.ID][]storage.Entry // by lane
	segments []storage.Segment
	proofs   []storage.Proof

	storeKeys      map[string]storage.StoreKey
	controllerKeys map[storage.ID]storage.ControllerKey
	subjectKeys    map[storage.ID]storage.SubjectKey
	partKeys       map[storage.PartKeyRef][]byte

	// Ways to the rows above.
	partsOfRecord  sets[storage.ID, storage.PartRef]
	partsOfSubject sets[storage.ID, storage.PartRef]
	indexOfSubject sets[storage.ID, indexKey]
	indexOfPart    sets[storage.PartRef, indexKey]
	indexOfToken   sets[string, indexKey]
	identifiers    map[identifier]indexKey
	uniqueNames    map[uniqueName]storage.ID
	keysOfPart     sets[storage.PartRef, storage.PartKeyRef]
}

type indexKey struct {
	subject, record storage.ID
	part            int
	kind, token     string
}

func (k indexKey) compare(o indexKey) int {
	return cmp.Or(k.subject.Compare(o.subject), k.record.Compare(o.record), cmp.Compare(k.part, o.part), cmp.Compare(k.kind, o.kind),
		cmp.Compare(k.token, o.token))
}

type identifier struct {
	controller  storage.ID
	kind, token string
}

type scheduleKey struct {
	owner  storage.ID
	family string
}

type fileKey struct {
	kind string
	id   storage.ID
}

type uniqueName struct{ kind, name string }

type lease struct {
	owner string
	until time.Time
	fence int64
}

var _ storage.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{
		meta:           map[string][]byte{},
		subjects:       map[storage.ID]storage.Subject{},
		parts:          map[storage.PartRef]storage.Part{},
		index:          map[indexKey]storage.IndexRow{},
		schedules:      map[scheduleKey]storage.Schedule{},
		events:         map[storage.ID][]storage.Event{},
		files:          map[fileKey]storage.File{},
		leases:         map[string]lease{},
		entries:        map[storage.ID][]storage.Entry{},
		storeKeys:      map[string]storage.StoreKey{},
		controllerKeys: map[storage.ID]storage.ControllerKey{},
		subjectKeys:    map[storage.ID]storage.SubjectKey{},
		partKeys:       map[storage.PartKeyRef][]byte{},
		partsOfRecord:  sets[storage.ID, storage.PartRef]{},
		partsOfSubject: sets[storage.ID, storage.PartRef]{},
		indexOfSubject: sets[storage.ID, indexKey]{},
		indexOfPart:    sets[storage.PartRef, indexKey]{},
		indexOfToken:   sets[string, indexKey]{},
		identifiers:    map[identifier]indexKey{},
		uniqueNames:    map[uniqueName]storage.ID{},
		keysOfPart:     sets[storage.PartRef, storage.PartKeyRef]{},
	}
}

// enter takes the mutex, unless the context is done or the store is closed.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return storage.ErrClosed
	}
	return nil
}

// Caps reports that a batch may span any rows.
func (s *Store) Caps() storage.Caps { return storage.Caps{Span: storage.SpanAny} }

// Meta returns every stored setting.
func (s *Store) Meta(ctx context.Context) (map[string][]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := make(map[string][]byte, len(s.meta))
	for k, v := range s.meta {
		out[k] = bytes.Clone(v)
	}
	return out, nil
}

// Count returns how many parts are stored, exactly.
func (s *Store) Count(ctx context.Context) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return int64(len(s.parts)), nil
}

// Close ends the use of the store: all but Caps and Close then return [storage.ErrClosed].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// What is stored and what is handed out are copies, with empty slices and maps as nil and instants to the microsecond in UTC.

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func clonePart(p storage.Part) storage.Part {
	p.Purposes, p.Labels = slices.Clone(p.Purposes), maps.Clone(p.Labels)
	if len(p.Purposes) == 0 {
		p.Purposes = nil
	}
	if len(p.Labels) == 0 {
		p.Labels = nil
	}
	p.Due, p.Facts, p.Sealed = instant(p.Due), clone(p.Facts), clone(p.Sealed)
	p.Key, p.SubjectKey, p.Schedule = nil, nil, nil
	return p
}

func cloneSchedule(r storage.Schedule) storage.Schedule {
	r.Due, r.Facts = instant(r.Due), clone(r.Facts)
	return r
}

func cloneIndex(r storage.IndexRow) storage.IndexRow {
	r.Token, r.Sealed = clone(r.Token), clone(r.Sealed)
	return r
}

func cloneEvent(r storage.Event) storage.Event {
	r.At, r.Body = instant(r.At), clone(r.Body)
	return r
}

func cloneFile(r storage.File) storage.File {
	r.Name, r.Due, r.Body = clone(r.Name), instant(r.Due), clone(r.Body)
	return r
}

func cloneEntry(r storage.Entry) storage.Entry {
	r.At, r.Body, r.MAC = instant(r.At), clone(r.Body), clone(r.MAC)
	return r
}

func cloneSegment(r storage.Segment) storage.Segment {
	r.Body = clone(r.Body)
	return r
}

func cloneProof(r storage.Proof) storage.Proof {
	r.At, r.Prev, r.Digest, r.MAC, r.Body = instant(r.At), clone(r.Prev), clone(r.Digest), clone(r.MAC), clone(r.Body)
	return r
}
