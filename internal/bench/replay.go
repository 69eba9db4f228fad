package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// replayBench is how fast a restored store takes over what its ledger knows: persons who came after the copy was made, of whom there is nothing to erase again,
// and persons who are in the copy.
func replayBench(ctx context.Context, p plan) ([]Result, error) {
	n, rounds := p.of(20_000, 2_000), p.of(5, 2)
	t, err := newTown(ctx, p.dir, "replay")
	if err != nil {
		return nil, err
	}
	defer t.close()
	t.leave()
	if err := t.keep("empty"); err != nil {
		return nil, err
	}
	if err := t.again(ctx); err != nil {
		return nil, err
	}
	for i := range n {
		if _, err := t.desk.Put(ctx, gdpr.Record{Subject: gdpr.Email(person(i)), Fields: gdpr.Fields{"message": "Hej"}}); err != nil {
			return nil, err
		}
	}
	t.leave()
	if err := t.keep("full"); err != nil {
		return nil, err
	}
	if err := t.again(ctx); err != nil {
		return nil, err
	}
	rights := t.As(gdpr.Person("Örjan Dataskydd"), gdpr.SubjectRights)
	for i := range n {
		if _, err := rights.Erase(ctx, gdpr.Email(person(i)), gdpr.NoLongerNeeded); err != nil {
			return nil, err
		}
	}
	t.leave()
	if err := copyTo(t.ledger(), filepath.Join(t.dir, "ledger")); err != nil {
		return nil, err
	}
	var out []Result
	for _, c := range []struct {
		copy, name, target string
		persons            int
	}{{"empty", "who came after the copy", ">= 50", 0}, {"full", "who are in the copy", "", n}} {
		var rates []float64
		for range rounds {
			rate, err := t.replay(ctx, c.copy, n, c.persons)
			if err != nil {
				return nil, err
			}
			rates = append(rates, rate)
		}
		slices.Sort(rates)
		r := exact(fmt.Sprintf("SQLite replay of %d persons %s, thousand proofs a second", n, c.name), c.target, "1000 proofs/s", quantile(rates, .5))
		r.P25, r.P75, r.Rounds = quantile(rates, .25), quantile(rates, .75), rounds
		out = append(out, r)
	}
	return out, t.again(ctx) // so that close closes something
}

func (t *town) ledger() string { return filepath.Join(t.dir, "bench.kek.ledger") }

// keep copies the data of a town that is closed.
func (t *town) keep(name string) error {
	return copyTo(filepath.Join(t.dir, "data.db"), filepath.Join(t.dir, name))
}

// again opens a town that was left.
func (t *town) again(ctx context.Context) error {
	next, err := newTown(ctx, filepath.Dir(t.dir), filepath.Base(t.dir))
	if err == nil {
		t.Engine, t.store, t.db, t.calls, t.admin, t.desk = next.Engine, next.store, next.db, next.calls, next.admin, next.desk
	}
	return err
}

// replay brings a copy back, with the ledger of now, and returns how many thousand proofs a second were taken over.
func (t *town) replay(ctx context.Context, from string, proofs, persons int) (float64, error) {
	for _, log := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(t.dir, "data.db"+log)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	if err := errors.Join(copyTo(filepath.Join(t.dir, from), filepath.Join(t.dir, "data.db")), copyTo(filepath.Join(t.dir, "ledger"), t.ledger())); err != nil {
		return 0, err
	}
	if err := t.again(ctx); err != nil {
		return 0, err
	}
	defer t.leave()
	began := time.Now()
	out, err := t.admin.Replay(ctx)
	took := time.Since(began)
	if err == nil && (out.Proofs != proofs || out.Persons != persons) {
		err = fmt.Errorf("replayed %d proofs and %d persons, not %d and %d", out.Proofs, out.Persons, proofs, persons)
	}
	return float64(proofs) / took.Seconds() / 1000, err
}

func copyTo(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
