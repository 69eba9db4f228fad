package report

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// held is what is said first of an activity: how much is held for it, of which kinds, and until when. A survey of all records makes it.
type held struct {
	id       string
	count    int
	fields   []string // that hold a value in any record, in their order
	purposes []string
	last     end
}

// sourceState is how far a source could be read.
type sourceState struct {
	count    int
	complete bool
}

// arrange sorts the records that are in memory, by the register's order of activities and then by day, into a stream.
func (c *content) arrange() error {
	for _, r := range c.Records {
		if err := c.check1(r); err != nil {
			return err
		}
	}
	order := c.Register.ActivityIDs()
	place := func(r Record) int {
		if at := slices.Index(order, r.Stored.Activity); at >= 0 {
			return at
		}
		at := slices.IndexFunc(c.Records, func(o Record) bool { return o.Stored.Activity == r.Stored.Activity })
		return len(order) + at // one that the register no longer knows comes last
	}
	sorted := slices.Clone(c.Records)
	slices.SortStableFunc(sorted, func(x, y Record) int { return x.Stored.Collected.Compare(y.Stored.Collected) })
	places := map[string]int{}
	for _, r := range sorted {
		if _, ok := places[r.Stored.Activity]; !ok {
			places[r.Stored.Activity] = place(r)
		}
	}
	slices.SortStableFunc(sorted, func(x, y Record) int { return places[x.Stored.Activity] - places[y.Stored.Activity] })
	c.Records = nil
	c.Stream = func(yield func(Record, error) bool) {
		for _, r := range sorted {
			if !yield(r, nil) {
				return
			}
		}
	}
	return nil
}

// check1 refuses a record that has no place in the report.
func (c *content) check1(r Record) error {
	switch {
	case r.Stored == nil || r.Why == nil || r.Why.Record != r.Stored.ID:
		return refuse("Records", "one without its explanation")
	case r.Stored.Sealed() || r.Stored.Role.ForOther():
		return refuse("Records", "one that belongs to another controller, who answers for it")
	case c.Person.IsZero() || !slices.Contains(r.Stored.Subjects(), c.Person):
		return refuse("Records", "one that is about somebody else")
	}
	return nil
}

// survey reads everything once, and keeps what must be said first.
func (c *content) survey() error {
	t := newTally()
	var at *held
	for r, err := range c.Stream {
		if err != nil {
			return fmt.Errorf("make report: %w", err)
		}
		if err := c.check1(r); err != nil {
			return err
		}
		if at == nil || at.id != r.Stored.Activity {
			if slices.ContainsFunc(c.held, func(h *held) bool { return h.id == r.Stored.Activity }) {
				return refuse("Stream", "records of an activity stand apart: they come one after the other")
			}
			at = &held{id: r.Stored.Activity}
			c.held = append(c.held, at)
		}
		at.add(c, r)
		t.add(r)
	}
	c.count, c.sum = t.end()
	for i := range c.Sources {
		if err := c.surveySource(&c.Sources[i]); err != nil {
			return err
		}
	}
	return nil
}

func (h *held) add(c *content, r Record) {
	h.count++
	for _, name := range c.fieldNames(r.Stored.Activity, r.Stored.FieldsOf(c.Person)) {
		if !slices.Contains(h.fields, name) {
			h.fields = append(h.fields, name)
		}
	}
	for _, p := range r.Stored.Purposes {
		if !slices.Contains(h.purposes, p) {
			h.purposes = append(h.purposes, p)
		}
	}
	e := endOf(r, c.Person)
	if h.count == 1 {
		h.last = e
	} else {
		h.last = later(h.last, e)
	}
}

// surveySource counts what a source hands out. A failure is noted, and no failure of the report: what can be said is said.
func (c *content) surveySource(s *Source) error {
	state := sourceState{complete: true}
	for item, err := range s.Items {
		if err != nil {
			state.complete = false
			c.problems = append(c.problems, fmt.Errorf("source %q: %w", s.Name, err))
			break
		}
		act, ok := c.Register.Activity(item.Activity)
		if !ok || act.Processor() {
			return refuse("Sources", "an item of no activity that the organization is controller for")
		}
		state.count++
		head := c.Register.Head(item.Activity)
		at := slices.IndexFunc(c.held, func(h *held) bool { return h.id == head })
		if at < 0 {
			at = len(c.held)
			c.held = append(c.held, &held{id: head})
		}
		if h := c.held[at]; !slices.Contains(h.purposes, item.Activity) {
			h.purposes = append(h.purposes, item.Activity)
		}
	}
	c.sources = append(c.sources, state)
	return nil
}

// read hands out the records once more: open is called for each activity before its records. It fails with ErrChanged when they are not those of the survey.
func (c *content) read(open func(activity int) error, each func(r Record) error) error {
	t, at := newTally(), -1
	for r, err := range c.Stream {
		if err != nil {
			return err
		}
		if err := c.check1(r); err != nil {
			return err
		}
		if at < 0 || c.held[at].id != r.Stored.Activity {
			if at++; at == len(c.held) || c.held[at].id != r.Stored.Activity {
				return ErrChanged
			}
			if err := open(at); err != nil {
				return err
			}
		}
		t.add(r)
		if err := each(r); err != nil {
			return err
		}
	}
	if n, sum := t.end(); n != c.count || sum != c.sum {
		return ErrChanged
	}
	for at++; at < len(c.held); at++ { // only sources hold anything for these
		if err := open(at); err != nil {
			return err
		}
	}
	return nil
}

// readSource hands out a source's items once more, as many as the survey saw.
func (c *content) readSource(i int, each func(Item) error) error {
	n := 0
	for item, err := range c.Sources[i].Items {
		if err != nil || n == c.sources[i].count {
			break
		}
		n++
		if err := each(item); err != nil {
			return err
		}
	}
	if n != c.sources[i].count {
		return ErrChanged
	}
	return nil
}

// fieldNames are the names of values in the order of the register; what it does not declare comes last.
func (c *content) fieldNames(activity string, values gdpr.Fields) []string {
	var names []string
	if act, ok := c.Register.Activity(activity); ok {
		for _, f := range act.Fields {
			if _, has := values[f.Name]; has {
				names = append(names, f.Name)
			}
		}
	}
	if len(names) == len(values) {
		return names
	}
	for _, name := range values.Names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// tally counts records and sums up which they are.
type tally struct {
	n   int
	sum hash.Hash
	buf [24]byte
}

func newTally() *tally { return &tally{sum: sha256.New()} }

func (t *tally) add(r Record) {
	t.n++
	copy(t.buf[:], r.Stored.ID[:])
	binary.BigEndian.PutUint64(t.buf[16:], uint64(r.Stored.Version))
	_, _ = t.sum.Write(t.buf[:])
}

func (t *tally) end() (n int, sum [32]byte) { return t.n, [32]byte(t.sum.Sum(nil)) }

// end is until when data stays.
type end struct {
	day  civil.Date // zero when it is erased shortly, never while that is not known
	hold bool
}

// endOf is when the last of the person's parts of a record goes.
func endOf(r Record, person gdpr.ID) end {
	var out end
	first := true
	for _, p := range r.Why.Parts {
		if p.Subject != person {
			continue
		}
		if slices.ContainsFunc(p.Holds, func(h gdpr.HoldInfo) bool { return !h.Freeze }) {
			return end{never, true}
		}
		e := end{day: p.Until}
		if p.Verdict.Wake.IsZero() {
			e.day = never
		}
		if first {
			out, first = e, false
		} else {
			out = later(out, e)
		}
	}
	return out
}

// later picks the end that comes last: none known, else the latest day, else shortly.
func later(x, y end) end {
	if x.day == never || y.day != never && !y.day.After(x.day) {
		return x
	}
	return y
}

// words say an end in a cell of a table.
func (e end) words(w *words) string {
	switch {
	case e.hold:
		return w.kept.holdCell
	case e.day == never:
		return w.kept.noEndCell
	case e.day.IsZero():
		return w.kept.soonCell
	}
	return w.day(e.day)
}

// kinds are the kinds of data that are held for an activity, in words, each once.
func (h *held) kinds(b *builder) []string {
	var out []string
	for _, name := range h.fields {
		if text := b.know(h.id, name).category.Text; !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
