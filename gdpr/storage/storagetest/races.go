package storagetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var raceTests = []subtest{
	{"of two first writes of one identifier one must fail", raceIdentifier},
	{"a hold comes first, or finds nothing and must be refused", raceHold},
	{"a new part and the erasure of its bare subject must not miss each other", raceBare},
	{"of two changes of one revision one must fail", raceRevision},
	{"of two entries of one number one must fail", raceEntries},
	{"a lease must have one owner, and no two fences be the same", raceLease},
	{"of two keys one must fail, and none must outlive its destruction", raceKeys},
}

// tries is how often a race is run.
func tries(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// race applies batches at the same moment and returns what becomes of each.
func race(s storage.Store, batches ...storage.Batch) []error {
	errs := make([]error, len(batches))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range batches {
		wg.Go(func() {
			<-start
			errs[i] = s.Apply(context.Background(), &batches[i])
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// failedWith asserts that an error is the refusal of one row for one reason.
func failedWith(t *testing.T, err error, kind storage.Kind, why storage.Reason) {
	t.Helper()
	var e *storage.ConditionError
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Failures, 1)
	require.True(t, e.Has(kind, why), "%v", e)
}

func won(errs []error) (winners int) {
	for _, err := range errs {
		if err == nil {
			winners++
		}
	}
	return winners
}

func raceIdentifier(t *testing.T, s storage.Store) {
	controller := storage.NewID()
	for range tries(200) {
		token := storage.NewID()
		var batches []storage.Batch
		for range 3 {
			sub := newSubject()
			sub.Controller = controller
			batches = append(batches, storage.Batch{
				PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{newPart(sub)},
				PutIndex: []storage.IndexRow{identifierRow(sub, "user.contact.email", string(token[:]))},
			})
		}
		errs := race(s, batches...)
		require.Equal(t, 1, won(errs))
		for i, err := range errs {
			if err != nil {
				failedWith(t, err, storage.KindIndex, storage.Exists)
				_, err = s.Subject(context.Background(), batches[i].PutSubjects[0].ID)
				require.ErrorIs(t, err, storage.ErrNotFound)
			}
		}
		rows, err := s.Lookup(context.Background(), [][]byte{token[:]})
		require.NoError(t, err)
		require.Len(t, rows, 1)
	}
}

func raceHold(t *testing.T, s storage.Store) {
	ctx := context.Background()
	n := tries(400)
	subs := make([]storage.Subject, n)
	var setup storage.Batch
	for i := range subs {
		subs[i] = newSubject()
		setup.PutSubjects = append(setup.PutSubjects, subs[i])
		setup.PutParts = append(setup.PutParts, newPart(subs[i]))
	}
	apply(t, s, setup)
	for i, p := range setup.PutParts {
		if i%2 == 0 { // a hold on the part
			errs := race(s, storage.Batch{HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1}}}, storage.Batch{EraseParts: erase(p)})
			require.Equal(t, 1, won(errs))
			left, err := s.Record(ctx, p.Record)
			require.NoError(t, err)
			if errs[0] == nil {
				failedWith(t, errs[1], storage.KindPart, storage.Held)
				require.Len(t, left, 1)
			} else {
				failedWith(t, errs[0], storage.KindPart, storage.Missing)
				require.Empty(t, left)
			}
			continue
		}
		// A hold on the person.
		errs := race(s, storage.Batch{HoldSubjects: []storage.Count{{ID: subs[i].ID, N: 1}}}, storage.Batch{
			Subjects:   []storage.SubjectCond{{ID: subs[i].ID, Exclusive: true, NotHeld: true, Bare: true}},
			EraseParts: erase(p), EraseSubjects: []storage.SubjectErase{{ID: subs[i].ID}},
		})
		require.Equal(t, 1, won(errs))
		var e *storage.ConditionError
		if errs[0] == nil {
			require.ErrorAs(t, errs[1], &e)
			require.True(t, e.Has(storage.KindSubject, storage.Held))
			require.Len(t, mustRecord(t, s, p.Record), 1)
		} else {
			failedWith(t, errs[0], storage.KindSubject, storage.Missing)
			require.Empty(t, mustRecord(t, s, p.Record))
		}
	}
}

func mustRecord(t *testing.T, s storage.Store, record storage.ID) []storage.Part {
	t.Helper()
	parts, err := s.Record(context.Background(), record)
	require.NoError(t, err)
	return parts
}

// raceBare: one puts a new part of a person while another erases the person's last part and the person. A part without its
// subject's row and key would be lost.
func raceBare(t *testing.T, s storage.Store) {
	ctx := context.Background()
	n := tries(2000)
	subs := make([]storage.Subject, n)
	var setup storage.Batch
	for i := range subs {
		subs[i] = newSubject()
		setup.PutSubjects = append(setup.PutSubjects, subs[i])
		setup.PutParts = append(setup.PutParts, newPart(subs[i]))
	}
	apply(t, s, setup)
	firstWins := 0
	for i, sub := range subs {
		errs := race(s,
			storage.Batch{Subjects: []storage.SubjectCond{{ID: sub.ID}}, PutParts: []storage.Part{newPart(sub)}},
			storage.Batch{
				Subjects:   []storage.SubjectCond{{ID: sub.ID, Exclusive: true, NotHeld: true, Bare: true}},
				EraseParts: erase(setup.PutParts[i]), EraseSubjects: []storage.SubjectErase{{ID: sub.ID}},
				Keys: storage.KeyBatch{DestroySubjects: []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller}}},
			})
		require.Equal(t, 1, won(errs))
		parts, err := s.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{sub.ID}, Light: true, Limit: 9})
		require.NoError(t, err)
		_, err = s.Subject(ctx, sub.ID)
		if errs[0] == nil {
			firstWins++
			failedWith(t, errs[1], storage.KindSubject, storage.Exists)
			require.Len(t, parts, 2)
			require.NoError(t, err)
		} else {
			failedWith(t, errs[0], storage.KindSubject, storage.Missing)
			require.Empty(t, parts)
			require.ErrorIs(t, err, storage.ErrNotFound)
		}
	}
	t.Logf("%d of %d new parts came first", firstWins, n)
}

func raceRevision(t *testing.T, s storage.Store) {
	sub := newSubject()
	p := newPart(sub)
	f := storage.File{Kind: "agreement", ID: sub.ID, Rev: 1}
	apply(t, s, storage.Batch{PutParts: []storage.Part{p}, PutFiles: []storage.File{f}})
	for rev := range int64(tries(100)) {
		next := p
		next.Rev = rev + 2
		retime := storage.Retime{PartRef: p.PartRef, Rev: rev + 1}
		errs := race(s, storage.Batch{RevisePart: []storage.Part{next}}, storage.Batch{RetimeParts: []storage.Retime{retime}}, storage.Batch{RevisePart: []storage.Part{next}})
		require.Equal(t, 1, won(errs))
		for _, err := range errs {
			if err != nil {
				failedWith(t, err, storage.KindPart, storage.Changed)
			}
		}
		f.Rev = rev + 2
		errs = race(s, storage.Batch{PutFiles: []storage.File{f}}, storage.Batch{PutFiles: []storage.File{f}})
		require.Equal(t, 1, won(errs))
	}
}

func raceEntries(t *testing.T, s storage.Store) {
	lane := storage.NewID()
	var prev []byte
	for i := range uint64(tries(100)) {
		var batches []storage.Batch
		for range 3 {
			p := proof(i+1, "{}")
			p.Prev = prev
			batches = append(batches, storage.Batch{Entries: []storage.Entry{entry(lane, i+1)}, Segments: []storage.Segment{{N: i + 1}}, Proofs: []storage.Proof{p}})
		}
		errs := race(s, batches...)
		require.Equal(t, 1, won(errs))
		prev = batches[0].Proofs[0].Digest
		for _, err := range errs {
			var e *storage.ConditionError
			if errors.As(err, &e) {
				require.Len(t, e.Failures, 3)
			}
		}
	}
	lanes, err := s.Lanes(context.Background())
	require.NoError(t, err)
	assert.EqualValues(t, tries(100), lanes[0].Last)
}

func raceLease(t *testing.T, s storage.Store) {
	ctx := context.Background()
	var mu sync.Mutex
	fences := map[int64]bool{}
	var holders, most atomic.Int64
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			owner := string(rune('a' + worker))
			for range tries(100) {
				fence, err := s.Acquire(ctx, "svep", owner, t0, day(1))
				if errors.Is(err, storage.ErrLeased) {
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				if now := holders.Add(1); now > most.Load() {
					most.Store(now)
				}
				mu.Lock()
				assert.False(t, fences[fence], "fence %d was given twice", fence)
				fences[fence] = true
				mu.Unlock()
				assert.NoError(t, s.Apply(ctx, &storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}}))
				holders.Add(-1)
				assert.NoError(t, s.Release(ctx, "svep", fence))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, most.Load(), "owners at the same time")
	assert.NotEmpty(t, fences)
}

func raceKeys(t *testing.T, s storage.Store) {
	ctx := context.Background()
	for range tries(100) {
		sub := newSubject()
		key := storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}
		put := storage.Batch{Keys: storage.KeyBatch{PutSubjects: []storage.SubjectKey{key}}}
		errs := race(s, put, put, storage.Batch{Keys: storage.KeyBatch{DestroySubjects: []storage.SubjectKey{key}}})
		require.NoError(t, errs[2])
		require.LessOrEqual(t, won(errs[:2]), 1)
		got, err := s.SubjectKeys(ctx, []storage.ID{sub.ID})
		require.NoError(t, err)
		require.Equal(t, []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Destroyed: true}}, got)
	}
}
