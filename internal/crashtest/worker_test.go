package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// order is what a process is told when it is started: the test binary runs itself anew, with TestWorker alone.
type order struct {
	office
	Name string   // of the process, the beginning of the names of its acts
	Seed uint64   // of what it chooses
	Jobs []string // what its goroutines do: names of jobs
}

const orderEnv = "GALLRA_CRASH_ORDER"

// jobs are what goroutines do, again and again.
var jobs = map[string]func(*worker){
	"write": (*worker).write,
	"sweep": (*worker).sweep,
	"erase": (*worker).erase,
	"hold":  (*worker).hold,
}

// TestWorker does nothing by itself: TestCrash runs it in processes of their own, until they are killed.
func TestWorker(t *testing.T) {
	text := os.Getenv(orderEnv)
	if text == "" {
		return
	}
	var o order
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	p := &place{order: o}
	var err error
	p.journal, err = o.journal()
	require.NoError(t, err)
	for p.staff, err = o.open(t.Context()); err != nil; p.staff, err = o.open(t.Context()) {
		fmt.Println("cannot open:", err)
		time.Sleep(20 * time.Millisecond) // a server was killed, and is being started again
	}
	for i, job := range o.Jobs {
		w := &worker{place: p, name: fmt.Sprintf("%s-%d", o.Name, i), rng: rand.New(rand.NewPCG(o.Seed, uint64(i)))}
		go func() {
			for {
				p.gate.RLock()
				jobs[job](w)
				p.gate.RUnlock()
				time.Sleep(time.Duration(w.rng.IntN(1000)) * time.Microsecond)
			}
		}()
	}
	fmt.Println("> open")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "pause":
			p.gate.Lock() // when all have ended what they do
			fmt.Println("> paused")
		case "go on":
			p.gate.Unlock()
		}
	}
}

// place is a process: what its goroutines share.
type place struct {
	order
	*staff
	journal *journal
	gate    sync.RWMutex // held shared by each act, and by the pause between rounds

	mu   sync.Mutex
	kept []kept // the last records that were acknowledged
}

// kept is a record that this process has stored.
type kept struct {
	id   gdpr.ID
	name string
	age  int
	two  bool
}

const mostKept = 40

func (p *place) keep(k kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept = append(p.kept, k); len(p.kept) > mostKept {
		p.kept = p.kept[1:]
	}
}

func (p *place) someKept(rng *rand.Rand) (kept, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) == 0 {
		return kept{}, false
	}
	return p.kept[rng.IntN(len(p.kept))], true
}

// worker is one goroutine.
type worker struct {
	*place
	name  string
	rng   *rand.Rand
	n     int
	mine  []kept // records that nobody else updates
	holds []heldThing
	knows bool // the holds that were there before it
}

// heldThing is a hold with what it found.
type heldThing struct {
	id    gdpr.ID
	query storage.PartQuery // of a person or an agreement; else it is the record
	rec   gdpr.ID
	parts []storage.PartRef
}

// act does one thing between its two lines of the journal.
func (w *worker) act(before line, do func(ctx context.Context, name string, after *line) error) line {
	w.n++
	before.Act = fmt.Sprintf("%s-%d", w.name, w.n)
	w.journal.write(before)
	ctx := context.Background()
	if w.rng.IntN(30) == 0 { // somebody goes away before the answer
		limited, cancel := context.WithTimeout(ctx, time.Duration(w.rng.IntN(5000))*time.Microsecond)
		defer cancel()
		ctx = limited
	}
	after := line{Act: before.Act, End: done}
	if err := do(ctx, before.Act, &after); err != nil {
		after.Err = err.Error()
		if after.End = failed; errors.Is(err, storage.ErrOutcomeUnknown) {
			after.End = unknown
		}
	}
	w.journal.write(after)
	if after.End == failed {
		time.Sleep(5 * time.Millisecond) // perhaps the server is away
	}
	return after
}

const (
	persons = 32
	guests  = 8
	fresh   = 0
	half    = 400  // days: one part of two is due
	old     = 1000 // days: both are
)

func (w *worker) person() string { return fmt.Sprintf("person.%d@byn.example", w.rng.IntN(persons)) }
func (w *worker) guest() string  { return fmt.Sprintf("gäst-%d", w.rng.IntN(guests)) }
func (w *worker) age() int       { return []int{fresh, fresh, fresh, fresh, half, old, old}[w.rng.IntN(7)] }

func dayOf(at time.Time) civil.Date { return civil.DateOf(at, time.UTC) }

// recordOf is a record whose question says which it is.
func (w *worker) recordOf(name, who string, age int) gdpr.Record {
	r := gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"name": name, "question": name + "|"}}
	if age > 0 {
		r.CollectedAt = w.now().AddDate(0, 0, -age)
	}
	return r
}

func (w *worker) write() {
	switch n := w.rng.IntN(20); {
	case n < 8:
		w.put()
	case n < 10:
		w.host()
	case n < 12:
		w.putAll()
	case n < 17:
		w.update()
	case n < 18:
		w.object()
	default:
		w.read()
	}
}

func (w *worker) put() {
	who, age := []string{w.person()}, w.age()
	if w.rng.IntN(4) == 0 {
		if other := w.person(); other != who[0] {
			who = append(who, other)
		}
	}
	after := w.act(line{Do: doPut, Who: who, Two: len(who) == 2, Age: age}, func(ctx context.Context, name string, after *line) (err error) {
		r := w.recordOf(name+"/0", who[0], age)
		if len(who) == 2 {
			r.Also = []gdpr.Share{{Subject: gdpr.Email(who[1]), Fields: gdpr.Fields{"question": name + "/0|2"}}}
		}
		after.ID, err = w.As(clerk, "inquiry").Case(name).Put(ctx, r)
		return err
	})
	if after.End != done {
		return
	}
	k := kept{id: after.ID, name: after.Act + "/0", age: age, two: len(who) == 2}
	w.keep(k)
	if w.mine = append(w.mine, k); len(w.mine) > 10 {
		w.mine = w.mine[1:]
	}
}

func (w *worker) host() {
	who := w.guest()
	after := w.act(line{Do: doHost, Who: []string{who}}, func(ctx context.Context, name string, after *line) (err error) {
		after.ID, err = w.As(clerk, "hosted").Under(w.Hosting).Case(name).Put(ctx,
			gdpr.Record{Subject: gdpr.Ref(who), Fields: gdpr.Fields{"content": name + "/0|"}})
		return err
	})
	if after.End == done {
		w.keep(kept{id: after.ID, name: after.Act + "/0"})
	}
}

// putAll stores several records, now and then so many that they are copied in.
func (w *worker) putAll() {
	n := 2 + w.rng.IntN(8)
	if w.rng.IntN(4) == 0 {
		n = 60
	}
	who, age := make([]string, n), []int{fresh, fresh, fresh, old}[w.rng.IntN(4)] // what imports bring in overdue waits for a plan
	for i := range who {
		who[i] = w.person()
	}
	w.act(line{Do: doPutAll, Who: who, Age: age}, func(ctx context.Context, name string, after *line) error {
		out, err := w.As(clerk, "inquiry").Case(name).PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for i := range who {
				if !yield(w.recordOf(fmt.Sprintf("%s/%d", name, i), who[i], age), nil) {
					return
				}
			}
		}, nil)
		after.Stored = out.Stored
		return err
	})
}

func (w *worker) update() {
	if len(w.mine) == 0 {
		return
	}
	k := w.mine[w.rng.IntN(len(w.mine))]
	if k.two || k.age != fresh {
		return
	}
	text := fmt.Sprintf("%s|%s.%d", k.name, w.name, w.n)
	w.act(line{Do: doUpdate, On: k.name, Text: text}, func(ctx context.Context, name string, _ *line) error {
		err := w.As(clerk, "inquiry").Case(name).Update(ctx, k.id, gdpr.Change{Fields: gdpr.Fields{"question": text}})
		if err != nil && w.Keys != "" { // perhaps it is stored, and only the key of the old version is still there
			err = errors.Join(storage.ErrOutcomeUnknown, err)
		}
		return err
	})
}

// object ends the purpose of the first part of each person.
func (w *worker) object() {
	if len(w.mine) == 0 {
		return
	}
	k := w.mine[w.rng.IntN(len(w.mine))]
	w.act(line{Do: doObject, On: k.name}, func(ctx context.Context, name string, _ *line) error {
		return w.As(dpo, gdpr.SubjectRights).Case(name).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: k.id, Purpose: "inquiry"})
	})
}

// read asks for what was acknowledged: it may be erased by now, and if it is not it opens.
func (w *worker) read() {
	k, ok := w.someKept(w.rng)
	if !ok || k.age != fresh {
		return
	}
	s := w.As(dpo, gdpr.SubjectRights)
	got, err := s.Get(context.Background(), k.id)
	if errors.Is(err, gdpr.ErrNotFound) && !errors.Is(err, gdpr.ErrErased) {
		w.journal.write(line{Act: w.name, Wrong: "the record " + k.name + " was never there: " + err.Error()})
	}
	if err == nil && !got.Sealed() {
		for _, subject := range got.Subjects() {
			question, _ := got.FieldsOf(subject)["question"].(string)
			if question != "" && nameOf(question) != k.name {
				w.journal.write(line{Act: w.name, Wrong: "the record " + k.name + " is another: " + question})
			}
		}
	}
}

// sweep may find that the other process sweeps, or that what it would erase was erased.
func (w *worker) sweep() {
	ctx, opt := context.Background(), &gdpr.SweepOptions{MaxShare: 1, Batch: 1 + w.rng.IntN(60)}
	_, err := w.Sweep(ctx, opt)
	if errors.Is(err, gdpr.ErrHalted) { // an import brought in what was overdue
		if opt.Plan, err = w.Plan(ctx); err == nil {
			_, _ = w.Sweep(ctx, opt)
		}
	}
	time.Sleep(time.Duration(w.rng.IntN(20)) * time.Millisecond)
}

func (w *worker) erase() {
	s, ground, who := w.As(dpo, gdpr.SubjectRights), gdpr.Unlawful, w.person()
	identity := gdpr.Email(who)
	if w.rng.IntN(6) == 0 {
		s, ground, who = w.As(dpo, "hosted").Under(w.Hosting), gdpr.Instructed, w.guest()
		identity = gdpr.Ref(who)
	}
	w.act(line{Do: doErase, Who: []string{who}}, func(ctx context.Context, name string, after *line) error {
		_, err := s.Case(name).Erase(ctx, identity, ground)
		switch {
		case errors.Is(err, gdpr.ErrOnHold), errors.Is(err, gdpr.ErrNotFound):
			after.Err = err.Error() // whatever is not held is gone
			return nil
		case err != nil && !errors.Is(err, gdpr.ErrConflict):
			return errors.Join(storage.ErrOutcomeUnknown, err) // it has several steps
		}
		return err
	})
	time.Sleep(time.Duration(w.rng.IntN(5)) * time.Millisecond)
}

const mostHolds = 6

// hold places a hold, or releases one after a look at what it kept.
func (w *worker) hold() {
	ctx := context.Background()
	if !w.knows {
		files, err := w.data.Files(ctx, storage.FileQuery{Kind: "hold", State: "active", Limit: 1000})
		if err != nil {
			time.Sleep(time.Millisecond)
			return
		}
		w.holds, w.knows = nil, true
		for _, f := range files { // of somebody who was killed
			w.holds = append(w.holds, heldThing{id: f.ID})
		}
	}
	if len(w.holds) < mostHolds && w.rng.IntN(5) < 3 {
		w.newHold(ctx)
	} else if len(w.holds) > 0 {
		w.release(ctx)
	}
	time.Sleep(time.Duration(w.rng.IntN(10)) * time.Millisecond)
}

func (w *worker) newHold(ctx context.Context) {
	h := gdpr.Hold{Ground: "A17-3-e", ReviewBy: dayOf(w.now()).AddDays(30), Note: "Tvist"}
	before, thing := line{Do: doHold}, heldThing{}
	switch k, ok := w.someKept(w.rng); {
	case ok && w.rng.IntN(3) > 0:
		h.Record, before.On, thing.rec = k.id, k.name, k.id
	case w.rng.IntN(10) == 0:
		h.Agreement, thing.query = w.Hosting, storage.PartQuery{Owner: w.Hosting}
	default:
		who := w.person()
		h.Subject, before.Who = gdpr.Email(who), []string{who}
	}
	after := w.act(before, func(ctx context.Context, name string, after *line) (err error) {
		after.ID, err = w.As(dpo, gdpr.Retention).Case(name).Hold(ctx, h)
		return err
	})
	switch after.End {
	case unknown:
		w.knows = false
		return
	case failed:
		return
	}
	thing.id = after.ID
	if before.Who != nil {
		f, err := w.data.File(ctx, "hold", after.ID)
		if err != nil {
			w.holds = append(w.holds, heldThing{id: after.ID})
			return
		}
		thing.query = storage.PartQuery{Subjects: []gdpr.ID{f.Parent}}
	}
	var err error
	if thing.parts, err = w.under(ctx, &thing); err == nil {
		w.journal.write(line{Act: after.Act, Held: thing.parts})
	}
	w.holds = append(w.holds, thing)
}

// under returns the parts that a hold keeps.
func (w *worker) under(ctx context.Context, h *heldThing) (refs []storage.PartRef, err error) {
	if h.rec.IsZero() {
		return w.partsOf(ctx, h.query)
	}
	parts, err := w.data.Record(ctx, h.rec)
	for _, p := range parts {
		refs = append(refs, p.PartRef)
	}
	return refs, err
}

func (w *worker) release(ctx context.Context) {
	i := w.rng.IntN(len(w.holds))
	h := &w.holds[i]
	if len(h.parts) > 0 {
		there, err := w.under(ctx, h)
		if err != nil {
			return
		}
		for _, p := range h.parts {
			if !slices.Contains(there, p) {
				w.journal.write(line{Act: w.name, Wrong: fmt.Sprintf("part %d of record %s was erased while hold %s was on it", p.Part, p.Record, h.id)})
			}
		}
	}
	after := w.act(line{Do: doRelease, Hold: h.id}, func(ctx context.Context, name string, _ *line) error {
		return w.As(dpo, gdpr.Retention).Case(name).Release(ctx, h.id)
	})
	switch after.End {
	case done:
		w.holds = slices.Delete(w.holds, i, i+1)
	case unknown:
		h.parts = nil // perhaps it keeps nothing any more
	}
}
