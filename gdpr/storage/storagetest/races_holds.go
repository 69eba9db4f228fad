package storagetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// Races about persons: a hold against an erasure, a new record against the destruction of its subject's keys.

// raceHoldPart: whoever places a hold on a part keeps it, or learns that it is gone.
func raceHoldPart(a *arena) {
	for range a.tries(500) {
		p := newPart(newSubject())
		apply(a, a.a, storage.Batch{PutParts: []storage.Part{p}})
		winner, errs := a.one(storage.Batch{HoldParts: []storage.PartHold{{PartRef: p.PartRef, N: 1}}}, storage.Batch{EraseParts: erase(p)})
		if winner == 0 {
			failedWith(a, errs[1], storage.KindPart, storage.Held)
			require.Len(a, a.record(a.a, p.Record), 1)
		} else {
			failedWith(a, errs[0], storage.KindPart, storage.Missing)
			require.Empty(a, a.record(a.a, p.Record))
		}
	}
}

// raceHoldSubject: the same for a person who is erased altogether.
func raceHoldSubject(a *arena) {
	for range a.tries(500) {
		sub := newSubject()
		p := newPart(sub)
		apply(a, a.a, storage.Batch{PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p}})
		winner, errs := a.one(storage.Batch{HoldSubjects: []storage.Count{{ID: sub.ID, N: 1}}}, storage.Batch{
			Subjects:   []storage.SubjectCond{{ID: sub.ID, Exclusive: true, NotHeld: true, Bare: true}},
			EraseParts: erase(p), EraseSubjects: []storage.SubjectErase{{ID: sub.ID}},
		})
		if winner == 0 {
			var e *storage.ConditionError
			require.ErrorAs(a, errs[1], &e)
			require.True(a, e.Has(storage.KindSubject, storage.Held))
			require.Len(a, a.record(a.a, p.Record), 1)
		} else {
			failedWith(a, errs[0], storage.KindSubject, storage.Missing)
			require.Empty(a, a.record(a.a, p.Record))
		}
	}
}

// holds places holds on what an erasure of a part leans on.
func (a *arena) holds(cond func(id storage.ID) storage.Batch, hold func(id storage.ID) storage.Batch, kind storage.Kind) {
	a.overtakes(500, func() bool {
		sub := newSubject()
		p := newPart(sub)
		p.Owner, p.Agreement, p.Hangs = sub.ID, sub.ID, true
		apply(a, a.a, storage.Batch{
			PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p},
			PutFiles:     []storage.File{{Kind: "agreement", ID: sub.ID, Rev: 1, State: "active"}},
			PutSchedules: []storage.Schedule{{Owner: sub.ID, Family: p.Family, Rev: 1, Due: t0}},
		})
		sweep := cond(sub.ID)
		sweep.EraseParts = []storage.PartErase{{PartRef: p.PartRef, Subject: p.Subject, Rev: 1}}
		counts := hold(sub.ID)
		return a.overtaken(sweep, func(ctx context.Context, s storage.Store) error { return s.Apply(ctx, &counts) }, a.gone(p), kind, storage.Held)
	})
}

func raceHoldOnSubject(a *arena) {
	a.holds(
		func(id storage.ID) storage.Batch {
			return storage.Batch{Subjects: []storage.SubjectCond{{ID: id, NotHeld: true}}}
		},
		func(id storage.ID) storage.Batch {
			return storage.Batch{HoldSubjects: []storage.Count{{ID: id, N: 1}}}
		}, storage.KindSubject)
}

func raceHoldOnFile(a *arena) {
	a.holds(
		func(id storage.ID) storage.Batch {
			return storage.Batch{Files: []storage.FileCond{{Kind: "agreement", ID: id, NotHeld: true}}}
		},
		func(id storage.ID) storage.Batch {
			return storage.Batch{HoldFiles: []storage.Count{{ID: id, Name: "agreement", N: 1}}}
		}, storage.KindFile)
}

func raceHoldOnSchedule(a *arena) {
	a.holds(
		func(id storage.ID) storage.Batch {
			return storage.Batch{Schedules: []storage.ScheduleCond{{Owner: id, Family: "förfrågan", Rev: 1, NotHeld: true}}}
		},
		func(id storage.ID) storage.Batch {
			return storage.Batch{HoldSchedules: []storage.Count{{ID: id, Name: "förfrågan", N: 1}}}
		}, storage.KindSchedule)
}

// raceBare: two put a new part of a person each, while another erases the person's last part, the person and the key. A part without its
// subject's row and key would be lost for good.
func raceBare(a *arena) {
	ctx := context.Background()
	first, all := 0, 0
	for range a.tries(2000) {
		all++
		sub := newSubject()
		old := newPart(sub)
		key := storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: []byte("w")}
		apply(a, a.a, storage.Batch{
			PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{old}, Keys: storage.KeyBatch{PutSubjects: []storage.SubjectKey{key}},
		})
		put := func() storage.Batch {
			return storage.Batch{Subjects: []storage.SubjectCond{{ID: sub.ID}}, PutParts: []storage.Part{newPart(sub)}}
		}
		errs := a.race(batches(put(), storage.Batch{
			Subjects:   []storage.SubjectCond{{ID: sub.ID, Exclusive: true, NotHeld: true, Bare: true}},
			EraseParts: erase(old), EraseSubjects: []storage.SubjectErase{{ID: sub.ID}},
			Keys: storage.KeyBatch{DestroySubjects: []storage.SubjectKey{key}},
		}, put())...)
		parts, err := a.a.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{sub.ID}, Limit: 9})
		require.NoError(a, err)
		_, err = a.a.Subject(ctx, sub.ID)
		keys, errKeys := a.a.SubjectKeys(ctx, []storage.ID{sub.ID})
		require.NoError(a, errKeys)
		require.Len(a, keys, 1)
		if errs[1] == nil {
			failedWith(a, errs[0], storage.KindSubject, storage.Missing)
			failedWith(a, errs[2], storage.KindSubject, storage.Missing)
			require.Empty(a, parts)
			require.ErrorIs(a, err, storage.ErrNotFound)
			require.True(a, keys[0].Destroyed)
			continue
		}
		first++
		failedWith(a, errs[1], storage.KindSubject, storage.Exists)
		require.NoError(a, errs[0])
		require.NoError(a, errs[2])
		require.Len(a, parts, 3)
		for _, p := range parts {
			require.Equal(a, key.Wrapped, p.SubjectKey)
		}
		require.NoError(a, err)
	}
	a.Logf("new parts came first in %d of %d", first, all)
}

// raceLeft: a part of a person is erased on the ground that one other is left, while a third is put.
func raceLeft(a *arena) {
	a.overtakes(500, func() bool {
		sub := newSubject()
		old, left, third := newPart(sub), newPart(sub), newPart(sub)
		apply(a, a.a, storage.Batch{PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{old, left}})
		return a.overtaken(
			storage.Batch{Subjects: []storage.SubjectCond{{ID: sub.ID, Exclusive: true, Left: refs([]storage.Part{left})}}, EraseParts: erase(old)},
			func(ctx context.Context, s storage.Store) error {
				return s.Apply(ctx, &storage.Batch{Subjects: []storage.SubjectCond{{ID: sub.ID}}, PutParts: []storage.Part{third}})
			},
			a.gone(old), storage.KindSubject, storage.Changed)
	})
}

// raceIdentified: a part is put about a person who was found by an identifier, while that is taken away.
func raceIdentified(a *arena) {
	a.overtakes(500, func() bool {
		sub := newSubject()
		row := identifierRow(sub, "user.contact.email", sub.ID.String())
		p := newPart(sub)
		apply(a, a.a, storage.Batch{PutSubjects: []storage.Subject{sub}, PutIndex: []storage.IndexRow{row}})
		return a.overtaken(
			storage.Batch{
				Subjects: []storage.SubjectCond{{ID: sub.ID}}, PutParts: []storage.Part{p},
				Index: []storage.IndexCond{{Subject: sub.ID, Kind: row.Kind, Token: row.Token}},
			},
			func(ctx context.Context, s storage.Store) error {
				return s.Apply(ctx, &storage.Batch{EraseIndex: []storage.IndexRow{row}})
			},
			a.there(p), storage.KindIndex, storage.Missing)
	})
}
