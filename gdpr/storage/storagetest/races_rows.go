package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// Races for one row: it may be new once, and each revision or number is taken once.

// raceIdentifier: three write to somebody with one new e-mail address, each as the first. Otherwise one person would be three.
func raceIdentifier(a *arena) {
	ctx := context.Background()
	controller := storage.NewID()
	for range a.tries(700) {
		token := storage.NewID()
		var all []storage.Batch
		for range 3 {
			sub := newSubject()
			sub.Controller = controller
			p := newPart(sub)
			all = append(all, storage.Batch{
				PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p},
				PutIndex: []storage.IndexRow{identifierRow(sub, "user.contact.email", string(token[:]))},
				Keys:     storage.KeyBatch{PutSubjects: []storage.SubjectKey{{ID: sub.ID, Controller: controller, Wrapped: []byte("w")}}},
			})
		}
		winner, errs := a.one(all...)
		for i, err := range errs {
			if i == winner {
				continue
			}
			failedWith(a, err, storage.KindIndex, storage.Exists)
			_, err = a.a.Subject(ctx, all[i].PutSubjects[0].ID)
			require.ErrorIs(a, err, storage.ErrNotFound)
			require.Empty(a, a.record(a.a, all[i].PutParts[0].Record))
		}
		rows, err := a.a.Lookup(ctx, [][]byte{token[:]})
		require.NoError(a, err)
		require.Equal(a, all[winner].PutIndex, rows)
	}
}

// raceUnique: two new files, or a new one and another that takes its name.
func raceUnique(a *arena) {
	ctx := context.Background()
	for i := range a.tries(500) {
		name := storage.NewID()
		first := storage.File{Kind: "grant", ID: storage.NewID(), Rev: 1, Name: name[:], Unique: true}
		second := first
		second.ID = storage.NewID()
		if i%2 == 0 {
			old := second
			old.Name = second.ID[:]
			apply(a, a.a, storage.Batch{PutFiles: []storage.File{old}})
			second.Rev = 2
		}
		winner, errs := a.one(storage.Batch{PutFiles: []storage.File{first}}, storage.Batch{PutFiles: []storage.File{second}})
		failedWith(a, errs[1-winner], storage.KindFile, storage.Exists)
		got, err := a.a.Files(ctx, storage.FileQuery{Kind: "grant", Names: [][]byte{name[:]}, Limit: 9})
		require.NoError(a, err)
		require.Equal(a, []storage.File{[]storage.File{first, second}[winner]}, got)
	}
}

func raceRevision(a *arena) {
	sub := newSubject()
	p := newPart(sub)
	f := storage.File{Kind: "agreement", ID: sub.ID, Rev: 1}
	r := storage.Schedule{Owner: sub.ID, Family: "a", Rev: 1}
	apply(a, a.a, storage.Batch{PutParts: []storage.Part{p}, PutFiles: []storage.File{f}, PutSchedules: []storage.Schedule{r}})
	for i := range a.tries(150) {
		rev := int64(i)
		next := p
		next.Rev = rev + 2
		retime := storage.Retime{PartRef: p.PartRef, Rev: rev + 1}
		f.Rev, r.Rev = rev+2, rev+2
		for kind, all := range map[storage.Kind][]storage.Batch{
			storage.KindPart:     {{RevisePart: []storage.Part{next}}, {RetimeParts: []storage.Retime{retime}}, {RevisePart: []storage.Part{next}}},
			storage.KindFile:     {{PutFiles: []storage.File{f}}, {PutFiles: []storage.File{f}}},
			storage.KindSchedule: {{PutSchedules: []storage.Schedule{r}}, {PutSchedules: []storage.Schedule{r}}},
		} {
			winner, errs := a.one(all...)
			for i, err := range errs {
				if i != winner {
					failedWith(a, err, kind, storage.Changed)
				}
			}
		}
	}
}

func raceEntries(a *arena) {
	lane := storage.NewID()
	var prev []byte
	n := uint64(0)
	for range a.tries(150) {
		n++
		var all []storage.Batch
		for range 3 {
			p := proof(n, "{}")
			p.Prev = prev
			all = append(all, storage.Batch{Entries: []storage.Entry{entry(lane, n)}, Segments: []storage.Segment{{N: n}}, Proofs: []storage.Proof{p}})
		}
		winner, errs := a.one(all...)
		prev = all[winner].Proofs[0].Digest
		for i, err := range errs {
			if i != winner {
				assertRefused(a, err,
					storage.Failure{Kind: storage.KindEntry, ID: lane, Reason: storage.Stale}, storage.Failure{Kind: storage.KindSegment, Reason: storage.Stale},
					storage.Failure{Kind: storage.KindProof, ID: all[i].Proofs[0].ID, Reason: storage.Stale})
			}
		}
	}
	lanes, err := a.a.Lanes(context.Background())
	require.NoError(a, err)
	assert.Equal(a, []storage.Lane{{ID: lane, Last: n}}, lanes)
}

func raceLease(a *arena) {
	ctx := context.Background()
	var mu sync.Mutex
	fences := map[int64]bool{}
	var holders, most atomic.Int64
	var wg sync.WaitGroup
	for worker := range 4 {
		s := a.a
		if worker%2 == 1 {
			s = a.b
		}
		wg.Go(func() {
			owner := fmt.Sprint("ägare ", worker)
			for range a.tries(100) {
				fence, err := s.Acquire(ctx, "svep", owner, t0, day(1))
				if errors.Is(err, storage.ErrLeased) {
					continue
				}
				if !assert.NoError(a, err) {
					return
				}
				if now := holders.Add(1); now > most.Load() {
					most.Store(now)
				}
				mu.Lock()
				assert.False(a, fences[fence], "fence %d was given twice", fence)
				fences[fence] = true
				mu.Unlock()
				assert.NoError(a, s.Apply(ctx, &storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}}))
				holders.Add(-1)
				assert.NoError(a, s.Release(ctx, "svep", fence))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(a, 1, most.Load(), "owners at the same time")
	assert.NotEmpty(a, fences)
}

func raceKeys(a *arena) {
	ctx := context.Background()
	for range a.tries(150) {
		sub := newSubject()
		key := storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}
		put := storage.Batch{Keys: storage.KeyBatch{PutSubjects: []storage.SubjectKey{key}}}
		errs := a.race(batches(put, put, storage.Batch{Keys: storage.KeyBatch{DestroySubjects: []storage.SubjectKey{key}}})...)
		require.NoError(a, errs[2])
		require.False(a, errs[0] == nil && errs[1] == nil, "two keys")
		for _, err := range errs[:2] {
			var e *storage.ConditionError
			require.True(a, err == nil || errors.As(err, &e), "%v", err)
		}
		got, err := a.a.SubjectKeys(ctx, []storage.ID{sub.ID})
		require.NoError(a, err)
		require.Equal(a, []storage.SubjectKey{{ID: sub.ID, Controller: sub.Controller, Destroyed: true}}, got)
	}
}

// raceLocks: batches that name the same rows, each in another order. If one locked them in the order it was given, both would wait for each
// other.
func raceLocks(a *arena) {
	const n = 4
	var setup storage.Batch
	var parts []storage.Part
	for range n {
		sub := newSubject()
		p := newPart(sub)
		setup.PutSubjects = append(setup.PutSubjects, sub)
		setup.PutIndex = append(setup.PutIndex, identifierRow(sub, "ref", sub.ID.String()))
		setup.PutFiles = append(setup.PutFiles, storage.File{Kind: "agreement", ID: sub.ID, Rev: 1, State: "active"})
		setup.PutSchedules = append(setup.PutSchedules, storage.Schedule{Owner: sub.ID, Family: "a", Rev: 1})
		parts = append(parts, p)
	}
	setup.PutParts = parts
	apply(a, a.a, setup)
	inOrder := func(order []int, share bool) storage.Batch {
		var b storage.Batch
		for _, i := range order {
			id := setup.PutSubjects[i].ID
			if share {
				b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, NotHeld: true})
				b.Index = append(b.Index, storage.IndexCond{Subject: id, Kind: "ref", Token: []byte(id.String())})
				b.Files = append(b.Files, storage.FileCond{Kind: "agreement", ID: id, State: "active"})
				b.Schedules = append(b.Schedules, storage.ScheduleCond{Owner: id, Family: "a", Rev: 1})
			} else {
				b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id, Exclusive: true})
			}
			due := day(i)
			b.HoldParts = append(b.HoldParts, storage.PartHold{PartRef: parts[i].PartRef, N: 1, Due: &due})
		}
		return b
	}
	acts := 0
	for i := range a.tries(150) {
		acts++
		for _, err := range a.race(batches(inOrder([]int{0, 1, 2, 3}, i%2 == 0), inOrder([]int{3, 2, 1, 0}, i%3 == 0), inOrder([]int{2, 0, 3, 1}, true))...) {
			require.NoError(a, err)
		}
	}
	for _, p := range parts {
		require.Equal(a, 3*acts, a.record(a.a, p.Record)[0].Held)
	}
}
