package gdpr_test

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// spy counts what an engine asks of its store, and how many batches change more than the trail.
type spy struct {
	storage.Store
	mu      sync.Mutex
	asked   []string // statements, by method
	written int
	before  func(*storage.Batch)       // Apply
	fail    func(*storage.Batch) error // instead of Apply

	failKeys func() error // instead of ApplyKeys
	failFile func() error // instead of File, of an agreement
}

// spied is a house over the same store, through a spy.
func (h *house) spied() (*house, *spy) {
	h.t.Helper()
	s := &spy{Store: h.store}
	two := *h
	two.store = s
	if h.keys != nil {
		two.keys = &spyKeys{h.keys, s}
	}
	two.open()
	s.reset()
	return &two, s
}

// spyKeys is a key store of its own, under the same spy.
type spyKeys struct {
	storage.Keys
	s *spy
}

func (k *spyKeys) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	k.s.ask("ApplyKeys")
	k.s.mu.Lock()
	k.s.written++
	k.s.mu.Unlock()
	return k.Keys.ApplyKeys(ctx, b)
}

func (k *spyKeys) SubjectKeys(ctx context.Context, ids []storage.ID) ([]storage.SubjectKey, error) {
	k.s.ask("SubjectKeys")
	return k.Keys.SubjectKeys(ctx, ids)
}

func (k *spyKeys) PartKeys(ctx context.Context, refs []storage.PartKeyRef) ([]storage.PartKey, error) {
	k.s.ask("PartKeys")
	return k.Keys.PartKeys(ctx, refs)
}

func (s *spy) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.written = nil, 0
}

func (s *spy) ask(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
}

// Apply counts a batch that changes anything but the trail.
func (s *spy) Apply(ctx context.Context, b *storage.Batch) error {
	s.ask("Apply")
	rest := *b
	rest.Entries, rest.Subjects, rest.Files, rest.Schedules, rest.Lease = nil, nil, nil, nil, nil
	if !reflect.DeepEqual(rest, storage.Batch{}) {
		s.mu.Lock()
		s.written++
		s.mu.Unlock()
	}
	if s.before != nil {
		s.before(b)
	}
	if s.fail != nil {
		if err := s.fail(b); err != nil {
			return err
		}
	}
	return s.Store.Apply(ctx, b)
}

func (s *spy) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	s.ask("ApplyKeys")
	if s.failKeys != nil {
		if err := s.failKeys(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.written++
	s.mu.Unlock()
	return s.Store.ApplyKeys(ctx, b)
}

func (s *spy) Meta(ctx context.Context) (map[string][]byte, error) {
	s.ask("Meta")
	return s.Store.Meta(ctx)
}

func (s *spy) Count(ctx context.Context) (int64, error) {
	s.ask("Count")
	return s.Store.Count(ctx)
}

func (s *spy) Record(ctx context.Context, id storage.ID) ([]storage.Part, error) {
	s.ask("Record")
	return s.Store.Record(ctx, id)
}

func (s *spy) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	s.ask("Parts")
	return s.Store.Parts(ctx, q)
}

func (s *spy) Due(ctx context.Context, q storage.DueQuery) ([]storage.Part, error) {
	s.ask("Due")
	return s.Store.Due(ctx, q)
}

func (s *spy) Subject(ctx context.Context, id storage.ID) (storage.Subject, error) {
	s.ask("Subject")
	return s.Store.Subject(ctx, id)
}

func (s *spy) Lookup(ctx context.Context, tokens [][]byte) ([]storage.IndexRow, error) {
	s.ask("Lookup")
	return s.Store.Lookup(ctx, tokens)
}

func (s *spy) IndexOf(ctx context.Context, id storage.ID) ([]storage.IndexRow, error) {
	s.ask("IndexOf")
	return s.Store.IndexOf(ctx, id)
}

func (s *spy) SchedulesOf(ctx context.Context, id storage.ID) ([]storage.Schedule, error) {
	s.ask("SchedulesOf")
	return s.Store.SchedulesOf(ctx, id)
}

func (s *spy) DueSchedules(ctx context.Context, before time.Time, limit int) ([]storage.Schedule, error) {
	s.ask("DueSchedules")
	return s.Store.DueSchedules(ctx, before, limit)
}

func (s *spy) EventsOf(ctx context.Context, id storage.ID) ([]storage.Event, error) {
	s.ask("EventsOf")
	return s.Store.EventsOf(ctx, id)
}

func (s *spy) File(ctx context.Context, kind string, id storage.ID) (storage.File, error) {
	s.ask("File")
	if s.failFile != nil && kind == "agreement" {
		return storage.File{}, s.failFile()
	}
	return s.Store.File(ctx, kind, id)
}

func (s *spy) Files(ctx context.Context, q storage.FileQuery) ([]storage.File, error) {
	s.ask("Files")
	return s.Store.Files(ctx, q)
}

func (s *spy) ProofOf(ctx context.Context, id storage.ID) ([]storage.Proof, error) {
	s.ask("ProofOf")
	return s.Store.ProofOf(ctx, id)
}

func (s *spy) LastProof(ctx context.Context) (storage.Proof, error) {
	s.ask("LastProof")
	return s.Store.LastProof(ctx)
}

func (s *spy) Proofs(ctx context.Context, after uint64, limit int) ([]storage.Proof, error) {
	s.ask("Proofs")
	return s.Store.Proofs(ctx, after, limit)
}

func (s *spy) ControllerKey(ctx context.Context, id storage.ID) (storage.ControllerKey, error) {
	s.ask("ControllerKey")
	return s.Store.ControllerKey(ctx, id)
}

func (s *spy) SubjectKeys(ctx context.Context, ids []storage.ID) ([]storage.SubjectKey, error) {
	s.ask("SubjectKeys")
	return s.Store.SubjectKeys(ctx, ids)
}

func (s *spy) PartKeys(ctx context.Context, refs []storage.PartKeyRef) ([]storage.PartKey, error) {
	s.ask("PartKeys")
	return s.Store.PartKeys(ctx, refs)
}
