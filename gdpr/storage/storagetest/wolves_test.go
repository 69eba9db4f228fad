package storagetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// A wolf looks like a store and breaks one promise. The suite has to notice.
type wolf struct {
	caught string // by this subtest, at least
	make   func(storage.Store) storage.Store
}

var wolves = map[string]wolf{
	"applies the first rows, and then fails": {
		"apply/Apply must do all of the batch or nothing of it",
		onApply(func(s storage.Store, b *storage.Batch) error {
			if err := s.Apply(context.Background(), &storage.Batch{PutMeta: b.PutMeta}); err != nil {
				return err
			}
			return s.Apply(context.Background(), b)
		}),
	},
	"names one failure of several": {
		"apply/When a condition does not hold it must write nothing and return a ConditionError that names every row that failed",
		onApply(func(s storage.Store, b *storage.Batch) error {
			err := s.Apply(context.Background(), b)
			var e *storage.ConditionError
			if errors.As(err, &e) {
				e.Failures = e.Failures[:1]
			}
			return err
		}),
	},
	"applies the same batch twice": {
		"apply/Apply: where an entry of the batch fails as stale because the very same one, with the same MAC, stands there already, " +
			"the whole batch was stored: it must then write nothing and return nil",
		onApply(func(s storage.Store, b *storage.Batch) error {
			again := *b
			again.Entries = nil
			for _, e := range b.Entries {
				e.MAC = newMAC()
				again.Entries = append(again.Entries, e)
			}
			return s.Apply(context.Background(), &again)
		}),
	},
	"looks at conditions first, and writes later": {
		"races/what needs a state of a file does not come after its end", onApply(looksFirst),
	},
	"looks at holds first, and erases later": {
		"races/a hold on an agreement that was acknowledged stops an erasure", onApply(looksFirst),
	},
	"looks whether a subject is bare, and erases later": {
		"races/a new part and the erasure of its bare subject do not miss each other", onApply(looksFirst),
	},
	"looks whether a schedule is missing, and writes later": {
		"races/what needs a schedule not to exist does not come after it", onApply(looksFirst),
	},
	"locks rows in the order it was given": {
		"races/Where two batches lock the same rows, an adapter must lock subjects, identifiers, files, schedules and parts in that order, each by id",
		func(s storage.Store) storage.Store {
			return &locking{Store: s, locks: map[storage.PartRef]*sync.Mutex{}}
		},
	},
	"makes two persons of one": {
		"races/of two first writes of one identifier one fails",
		onApply(func(s storage.Store, b *storage.Batch) error {
			err := s.Apply(context.Background(), b)
			var e *storage.ConditionError
			if errors.As(err, &e) && e.Has(storage.KindIndex, storage.Exists) {
				rest := *b
				rest.PutIndex = nil
				return s.Apply(context.Background(), &rest)
			}
			return err
		}),
	},
	"keeps milliseconds": {
		"contract/It must keep instants to the microsecond, in UTC, and return the zero time for none",
		onApply(func(s storage.Store, b *storage.Batch) error {
			for i := range b.PutParts {
				b.PutParts[i].Due = b.PutParts[i].Due.Truncate(time.Millisecond)
			}
			return s.Apply(context.Background(), b)
		}),
	},
	"writes although nobody waits": {
		"contract/It must honor a context that is done: nothing is written after that, and the error must match ctx.Err()",
		onApply(func(s storage.Store, b *storage.Batch) error { return s.Apply(context.Background(), b) }),
	},
	"writes, and then says that the context was done": {
		"contract/a context that ends within a batch", func(s storage.Store) storage.Store { return lateAnswer{s} },
	},
	"folds case": {
		"contract/It must compare text byte by byte: case and accents matter", func(s storage.Store) storage.Store { return folding{s} },
	},
	"hands out what it keeps": {
		"contract/It must not keep a reference to a slice or map that it was handed, nor hand out one that it keeps",
		func(s storage.Store) storage.Store { return &sharing{Store: s} },
	},
	"has an order of its own": {
		"parts/Parts must return at most q.Limit parts that match q and follow q.After, in the order of (bucket, record, part)",
		func(s storage.Store) storage.Store { return backwards{s} },
	},
	"has no limit": {
		"contract/Limit must be over 0", func(s storage.Store) storage.Store { return endless{s} },
	},
	"returns empty for nil": {
		"contract/Nil and empty mean the same in slices and maps; it must return nil for both", func(s storage.Store) storage.Store { return empty{s} },
	},
	"leaves out what is held": {
		"parts/Due: held parts must be among them", func(s storage.Store) storage.Store { return unheld{s} },
	},
	"gives a fence twice": {
		"races/a lease has one owner, and no two fences are the same", func(s storage.Store) storage.Store { return oneFence{s} },
	},
	"closes once": {
		"contract/A second Close must do nothing", func(s storage.Store) storage.Store { return &closing{Store: s} },
	},
}

func onApply(do func(storage.Store, *storage.Batch) error) func(storage.Store) storage.Store {
	return func(s storage.Store) storage.Store { return applying{s, do} }
}

type applying struct {
	storage.Store
	do func(storage.Store, *storage.Batch) error
}

func (s applying) Apply(_ context.Context, b *storage.Batch) error { return s.do(s.Store, b) }

func looksFirst(s storage.Store, b *storage.Batch) error {
	conditions := storage.Batch{Subjects: b.Subjects, Files: b.Files, Schedules: b.Schedules, Lease: b.Lease}
	for i := range conditions.Subjects {
		conditions.Subjects[i].Bare = false
	}
	if err := s.Apply(context.Background(), &conditions); err != nil {
		return err
	}
	runtime.Gosched()
	rest := *b
	rest.Subjects, rest.Files, rest.Schedules, rest.Lease = nil, nil, nil, nil
	return s.Apply(context.Background(), &rest)
}

// locking takes a lock for each part that is held, and gives up when somebody else keeps one for long.
type locking struct {
	storage.Store
	mu    sync.Mutex
	locks map[storage.PartRef]*sync.Mutex
}

func (s *locking) lock(ref storage.PartRef) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[ref] == nil {
		s.locks[ref] = &sync.Mutex{}
	}
	return s.locks[ref]
}

func (s *locking) Apply(ctx context.Context, b *storage.Batch) error {
	for _, h := range b.HoldParts {
		lock := s.lock(h.PartRef)
		for began := time.Now(); !lock.TryLock(); runtime.Gosched() {
			if time.Since(began) > 100*time.Millisecond {
				return errors.New("deadlock detected")
			}
		}
		defer lock.Unlock()
		runtime.Gosched()
	}
	return s.Store.Apply(ctx, b)
}

type lateAnswer struct{ storage.Store }

func (s lateAnswer) Apply(ctx context.Context, b *storage.Batch) error {
	if err := s.Store.Apply(context.WithoutCancel(ctx), b); err != nil {
		return err
	}
	return ctx.Err()
}

type folding struct{ storage.Store }

func (s folding) Apply(ctx context.Context, b *storage.Batch) error {
	for i := range b.PutParts {
		b.PutParts[i].Family = strings.ToLower(b.PutParts[i].Family)
	}
	return s.Store.Apply(ctx, b)
}

func (s folding) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	q.Family = strings.ToLower(q.Family)
	return s.Store.Parts(ctx, q)
}

type sharing struct {
	storage.Store
	meta map[string][]byte
}

func (s *sharing) Meta(ctx context.Context) (map[string][]byte, error) {
	if s.meta != nil {
		return s.meta, nil
	}
	var err error
	s.meta, err = s.Store.Meta(ctx)
	return s.meta, err
}

type backwards struct{ storage.Store }

func (s backwards) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	parts, err := s.Store.Parts(ctx, q)
	if n := len(parts); n > 1 {
		parts[n-2], parts[n-1] = parts[n-1], parts[n-2]
	}
	return parts, err
}

type endless struct{ storage.Store }

func (s endless) Files(ctx context.Context, q storage.FileQuery) ([]storage.File, error) {
	if q.Limit < 1 {
		return nil, nil
	}
	return s.Store.Files(ctx, q)
}

type empty struct{ storage.Store }

func (s empty) File(ctx context.Context, kind string, id storage.ID) (storage.File, error) {
	f, err := s.Store.File(ctx, kind, id)
	if f.Body == nil {
		f.Body = []byte{}
	}
	return f, err
}

type unheld struct{ storage.Store }

func (s unheld) Due(ctx context.Context, q storage.DueQuery) ([]storage.Part, error) {
	parts, err := s.Store.Due(ctx, q)
	var out []storage.Part
	for _, p := range parts {
		if p.Held == 0 {
			out = append(out, p)
		}
	}
	return out, err
}

type oneFence struct{ storage.Store }

func (s oneFence) Acquire(ctx context.Context, name, owner string, now, until time.Time) (int64, error) {
	_, err := s.Store.Acquire(ctx, name, owner, now, until)
	return 1, err
}

type closing struct {
	storage.Store
	closed bool
}

func (s *closing) Close() error {
	if s.closed {
		return errors.New("closed already")
	}
	s.closed = true
	return s.Store.Close()
}

// fragile is a store whose calls fail, with one flaw or none.
type fragile struct {
	storage.Store
	f    *Faults
	flaw string
}

var errAgain = errors.New("somebody else was there first: try again")

var flaws = map[string]string{ // and what notices them
	"stores half before the other half": "Apply must do all of the batch or nothing of it",
	"is never in doubt":                 "When the outcome of the commit cannot be known it must return an error that matches ErrOutcomeUnknown",
	"is always in doubt":                "Apply must do all of the batch or nothing of it",
	"gives up at once":                  "Serialization failures and deadlocks are retried inside",
	"sees nothing where it cannot look": "a read that is cut short is no answer",
	"takes a broken call for a refusal": "a lease that was not given is nobody's",
}

func (s fragile) commit(do func() error) error {
	for {
		var said error // by the store itself
		doubt := s.flaw == "is always in doubt"
		err := s.f.Do("write", func() error { return nil })
		if err == nil {
			doubt = s.flaw != "is never in doubt"
			err = s.f.Do(Commit, func() error { said = do(); return said })
		}
		switch {
		case errors.Is(err, errAgain) && s.flaw != "gives up at once":
			continue
		case !errors.Is(err, said) && doubt:
			return errors.Join(storage.ErrOutcomeUnknown, err)
		}
		return err
	}
}

func (s fragile) Apply(ctx context.Context, b *storage.Batch) error {
	if s.flaw == "stores half before the other half" {
		if err := s.Store.Apply(ctx, &storage.Batch{PutMeta: b.PutMeta}); err != nil {
			return err
		}
	}
	return s.commit(func() error { return s.Store.Apply(ctx, b) })
}

func (s fragile) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	return s.commit(func() error { return s.Store.ApplyKeys(ctx, b) })
}

func (s fragile) Acquire(ctx context.Context, name, owner string, now, until time.Time) (fence int64, err error) {
	err = s.commit(func() error { fence, err = s.Store.Acquire(ctx, name, owner, now, until); return err })
	if err != nil && s.flaw == "takes a broken call for a refusal" {
		err = storage.ErrLeased
	}
	return fence, err
}

func (s fragile) Release(ctx context.Context, name string, fence int64) error {
	return s.commit(func() error { return s.Store.Release(ctx, name, fence) })
}

func (s fragile) Subject(ctx context.Context, id storage.ID) (row storage.Subject, err error) {
	err = s.f.Do("read", func() error { row, err = s.Store.Subject(ctx, id); return err })
	if err != nil && s.flaw == "sees nothing where it cannot look" {
		return storage.Subject{}, storage.ErrNotFound
	}
	return row, err
}

// TestSuiteCanFail runs the suite over each wolf in a process of its own, where it may fail, and over a sheep beside it.
func TestSuiteCanFail(t *testing.T) {
	if name, child := os.LookupEnv("STORAGETEST_WOLF"); child {
		meet(t, name)
		return
	}
	t.Parallel()
	caught := map[string]string{}
	for name, w := range wolves {
		caught[name] = w.caught
	}
	for flaw, by := range flaws {
		caught[flaw] = "faults/" + by
	}
	for name, by := range caught {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var path []string
			for _, part := range append([]string{"TestSuiteCanFail"}, strings.SplitN(by, "/", 2)...) {
				path = append(path, "^"+regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_"))+"$")
			}
			for _, who := range []string{name, "a sheep"} {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+strings.Join(path, "/"), "-test.v")
				cmd.Env = append(os.Environ(), "STORAGETEST_WOLF="+who)
				out, err := cmd.CombinedOutput()
				verdict := "--- PASS: "
				if who == name {
					verdict = "--- FAIL: "
					require.Error(t, err, "the wolf was not caught")
				} else {
					require.NoError(t, err, "%s", out)
				}
				assert.Contains(t, string(out), verdict+"TestSuiteCanFail/"+strings.ReplaceAll(by, " ", "_"))
			}
		})
	}
}

func meet(t *testing.T, name string) {
	t.Run("faults", func(t *testing.T) {
		RunWithFaults(t, func(*testing.T) (storage.Store, *Faults) {
			f := Break(nil)
			return fragile{memory.New(), f, name}, f
		}, errAgain)
	})
	Run(t, func(*testing.T) storage.Store {
		if w, is := wolves[name]; is {
			return w.make(memory.New())
		}
		return memory.New()
	})
}
