package storagetest

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// A race is two or three acts at the same moment, of which the promises of the port leave few outcomes.
type raceTest struct {
	name string
	run  func(*arena)
}

var allRaces = []raceTest{
	{"of two first writes of one identifier one fails", raceIdentifier},
	{"of two unique files of one name one fails", raceUnique},
	{"of two changes of one revision one fails", raceRevision},
	{"of two entries, segments or proofs of one number one fails", raceEntries},
	{"a lease has one owner, and no two fences are the same", raceLease},
	{"of two keys one fails, and none outlives its destruction", raceKeys},

	{"a hold on a part comes first, or finds nothing", raceHoldPart},
	{"a hold on a subject comes before its erasure, or finds nobody", raceHoldSubject},
	{"a hold on a subject that was acknowledged stops an erasure", raceHoldOnSubject},
	{"a hold on an agreement that was acknowledged stops an erasure", raceHoldOnFile},
	{"a hold on a schedule that was acknowledged stops an erasure", raceHoldOnSchedule},
	{"a new part and the erasure of its bare subject do not miss each other", raceBare},

	{"an erasure that leaves some parts does not come after another part", raceLeft},
	{"what needs an identifier does not come after its erasure", raceIdentified},

	{"what needs a schedule not to exist does not come after it", raceNoSchedule},
	{"what needs a revision of a schedule does not come after the next", raceSchedule},
	{"what needs a state of a file does not come after its end", raceState},
	{"what needs a lease does not come after the next owner", raceFence},

	{"Where two batches lock the same rows, an adapter must lock subjects, identifiers, files, schedules and parts in that order, each by id", raceLocks},
}

func raceTests() []subtest {
	var out []subtest
	for _, r := range allRaces {
		out = append(out, subtest{r.name, func(t *testing.T, s storage.Store) { r.run(&arena{T: t, a: s, b: s, part: 1}) }})
	}
	return out
}

// arena is where acts meet: two stores over the same rows, or one twice.
type arena struct {
	*testing.T
	a, b storage.Store
	part int // what part of the tries is run
	runs int
	took time.Duration // by the race before
}

// tries goes from 0 to n, as far as that is right for this run; but on a slow disk it ends early, unless the run may be long.
func (a *arena) tries(n int) iter.Seq[int] {
	n = max(1, tries(n)/a.part)
	end := time.Now().Add(10 * time.Second)
	return func(yield func(int) bool) {
		for i := range n {
			if !*long && i > n/10 && time.Now().After(end) {
				a.Logf("%d tries of %d: this takes long", i, n)
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

// race acts at the same moment, by turns on one store and the other, and returns what becomes of each. By turns one of them starts a little
// later or earlier than the others, by up to the time that the race before took, so that each moment of one act meets each moment of another.
func (a *arena) race(acts ...func(context.Context, storage.Store) error) []error {
	errs := make([]error, len(acts))
	start := make(chan struct{})
	a.runs++
	alone, early := a.runs%len(acts), a.runs/len(acts)%2 == 0
	wait := a.took * time.Duration(a.runs/len(acts)/2%10) / 10
	var wg sync.WaitGroup
	for i, act := range acts {
		s := a.a
		if i%2 == 1 {
			s = a.b
		}
		wg.Go(func() {
			<-start
			if (i == alone) != early {
				for began := time.Now(); time.Since(began) < wait; {
					time.Sleep(wait / 8)
				}
			}
			errs[i] = act(context.Background(), s)
		})
	}
	began := time.Now()
	close(start)
	wg.Wait()
	a.took = time.Since(began) - wait
	return errs
}

// batches are acts that apply one batch each.
func batches(all ...storage.Batch) []func(context.Context, storage.Store) error {
	var acts []func(context.Context, storage.Store) error
	for i := range all {
		acts = append(acts, func(ctx context.Context, s storage.Store) error { return s.Apply(ctx, &all[i]) })
	}
	return acts
}

// one races batches of which exactly one may succeed, and returns the number of that and all errors.
func (a *arena) one(all ...storage.Batch) (winner int, errs []error) {
	a.Helper()
	errs = a.race(batches(all...)...)
	winner = -1
	for i, err := range errs {
		if err == nil {
			require.Equal(a, -1, winner, "two succeeded")
			winner = i
		}
	}
	require.NotEqual(a, -1, winner, "none succeeded: %v", errs)
	return winner, errs
}

// overtaken races a batch that leans on a condition against an act that ends it. Whoever was told that the condition has ended and then does not
// see what leaned on it must never see it later: the batch comes first, or is refused.
func (a *arena) overtaken(leans storage.Batch, ends func(context.Context, storage.Store) error, came func(storage.Store) bool, kind storage.Kind, why storage.Reason) (first bool) {
	a.Helper()
	seen := false
	errs := a.race(
		func(ctx context.Context, s storage.Store) error { return s.Apply(ctx, &leans) },
		func(ctx context.Context, s storage.Store) error {
			err := ends(ctx, s)
			seen = err == nil && came(s)
			return err
		})
	require.NoError(a, errs[1])
	if errs[0] == nil {
		require.True(a, seen, "it came true after its condition had ended")
		require.True(a, came(a.a))
		return true
	}
	failedWith(a, errs[0], kind, why)
	require.False(a, came(a.a), "it was refused, and yet it came true")
	return false
}

// overtakes runs overtaken n times.
func (a *arena) overtakes(n int, once func() (first bool)) {
	first, all := 0, 0
	for range a.tries(n) {
		all++
		if once() {
			first++
		}
	}
	a.Logf("%d of %d came first, the others were refused", first, all)
}

// failedWith asserts that an error is the refusal of one row for one reason.
func failedWith(t require.TestingT, err error, kind storage.Kind, why storage.Reason) {
	var e *storage.ConditionError
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Failures, 1)
	require.True(t, e.Has(kind, why), "%v", e)
}

// there reports whether a part can be read.
func (a *arena) there(p storage.Part) func(storage.Store) bool {
	return func(s storage.Store) bool { return len(a.record(s, p.Record)) > 0 }
}

func (a *arena) gone(p storage.Part) func(storage.Store) bool {
	return func(s storage.Store) bool { return len(a.record(s, p.Record)) == 0 }
}

func (a *arena) record(s storage.Store, record storage.ID) []storage.Part {
	parts, err := s.Record(context.Background(), record)
	if err != nil { // not require: this may be a goroutine of its own
		a.Errorf("read record: %v", err)
	}
	return parts
}
