package storagetest

import (
	"context"

	"github.com/gallra/gallra/gdpr/storage"
)

// Races about conditions on rows that the batch does not write: they hold until it is stored.

// raceNoSchedule: a part is put under an agreement of which no clock runs, while the clock is started. If the part came later, no clock would
// wake it.
func raceNoSchedule(a *arena) {
	a.overtakes(700, func() bool {
		p := newPart(newSubject())
		r := storage.Schedule{Owner: storage.NewID(), Family: p.Family, Rev: 1, Due: day(1)}
		return a.overtaken(
			storage.Batch{Schedules: []storage.ScheduleCond{{Owner: r.Owner, Family: r.Family}}, PutParts: []storage.Part{p}},
			func(ctx context.Context, s storage.Store) error {
				return s.Apply(ctx, &storage.Batch{PutSchedules: []storage.Schedule{r}})
			},
			a.there(p), storage.KindSchedule, storage.Exists)
	})
}

// raceSchedule: the same with a clock that runs and is set anew.
func raceSchedule(a *arena) {
	a.overtakes(500, func() bool {
		p := newPart(newSubject())
		r := storage.Schedule{Owner: storage.NewID(), Family: p.Family, Rev: 1}
		apply(a, a.a, storage.Batch{PutSchedules: []storage.Schedule{r}})
		r.Rev, r.Due = 2, day(1)
		return a.overtaken(
			storage.Batch{Schedules: []storage.ScheduleCond{{Owner: r.Owner, Family: r.Family, Rev: 1}}, PutParts: []storage.Part{p}},
			func(ctx context.Context, s storage.Store) error {
				return s.Apply(ctx, &storage.Batch{PutSchedules: []storage.Schedule{r}})
			},
			a.there(p), storage.KindSchedule, storage.Changed)
	})
}

// raceState: a part is put under an agreement that is active, in whatever revision, while the agreement ends.
func raceState(a *arena) {
	a.overtakes(700, func() bool {
		p := newPart(newSubject())
		f := storage.File{Kind: "agreement", ID: storage.NewID(), Rev: 1, State: "active"}
		apply(a, a.a, storage.Batch{PutFiles: []storage.File{f}})
		f.Rev, f.State = 2, "ended"
		return a.overtaken(
			storage.Batch{Files: []storage.FileCond{{Kind: f.Kind, ID: f.ID, State: "active"}}, PutParts: []storage.Part{p}},
			func(ctx context.Context, s storage.Store) error {
				return s.Apply(ctx, &storage.Batch{PutFiles: []storage.File{f}})
			},
			a.there(p), storage.KindFile, storage.Changed)
	})
}

// raceFence: a process that was thought dead writes while another takes over its work.
func raceFence(a *arena) {
	ctx := context.Background()
	turn := 0
	a.overtakes(500, func() bool {
		p := newPart(newSubject())
		fence, err := a.a.Acquire(ctx, "svep", "a", day(turn), day(turn+1))
		if err != nil {
			a.Fatal(err)
		}
		turn++
		return a.overtaken(
			storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}, PutParts: []storage.Part{p}},
			func(ctx context.Context, s storage.Store) error {
				if turn%2 == 0 {
					return s.Release(ctx, "svep", fence)
				}
				_, err := s.Acquire(ctx, "svep", "b", day(turn), day(turn+1))
				turn++
				return err
			},
			a.there(p), storage.KindLease, storage.Stale)
	})
}
