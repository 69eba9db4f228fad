package crashtest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// model is what the journal says.
type model struct {
	at      int64 // how far it was read
	n       int   // lines
	acts    map[string]*act
	pending map[string]*act
	records map[string]*record
	fates   map[string]*fate
	holds   map[gdpr.ID]*act // that were acknowledged
	wrong   []string
	tally   map[string]int
}

// act is an act from line to line.
type act struct {
	line
	begin, end int // line numbers
	records    []*record
}

// record is one that an act stores, or would have stored.
type record struct {
	act   *act
	name  string
	who   []string
	texts []string // that the question of the first person may have
	// Of the first purpose, for all persons: it may have been ended, and it was.
	mayEnd, ended bool
}

// fate is what erasures did to a person.
type fate struct {
	last   int // line before which the last one that may have done something has ended
	surely int // line after which the last one that was acknowledged has begun
}

func newModel() *model {
	return &model{acts: map[string]*act{}, pending: map[string]*act{}, records: map[string]*record{}, fates: map[string]*fate{}, holds: map[gdpr.ID]*act{},
		tally: map[string]int{}}
}

// nameOf is the name of the record in a question.
func nameOf(question string) string {
	name, _, _ := strings.Cut(question, "|")
	return name
}

func (m *model) add(l line) {
	m.n++
	a := m.acts[l.Act]
	switch {
	case l.Wrong != "":
		m.wrong = append(m.wrong, l.Wrong)
	case l.Do != "":
		a = &act{line: l, begin: m.n, end: math.MaxInt}
		m.acts[l.Act], m.pending[l.Act] = a, a
		m.begin(a)
	case len(l.Held) > 0:
		a.Held = l.Held
	case l.End != "":
		a.line.End, a.Err, a.ID, a.Stored, a.end = l.End, l.Err, l.ID, l.Stored, m.n
		m.ended(a)
	}
}

// bury ends the acts that nobody will: their processes are dead, and so is what these had begun on the servers.
func (m *model) bury() {
	for _, a := range m.pending {
		a.line.End, a.Err, a.end = unknown, "its process was killed", m.n
		m.ended(a)
	}
}

func (m *model) begin(a *act) {
	switch a.Do {
	case doPut, doHost:
		m.record(a, 0, a.Who)
	case doPutAll:
		for i, who := range a.Who {
			m.record(a, i, []string{who})
		}
	case doUpdate:
		r := m.records[a.On]
		r.texts = append(r.texts, a.Text)
	case doObject:
		m.records[a.On].mayEnd = true
	}
}

func (m *model) record(a *act, i int, who []string) {
	name := fmt.Sprintf("%s/%d", a.Act, i)
	r := &record{act: a, name: name, who: who, texts: []string{name + "|"}}
	m.records[name] = r
	a.records = append(a.records, r)
}

func (m *model) ended(a *act) {
	delete(m.pending, a.Act)
	m.tally[a.Do+" "+a.line.End]++
	switch a.Do {
	case doUpdate:
		r := m.records[a.On]
		switch a.line.End {
		case done:
			r.texts = []string{a.Text}
		case failed:
			r.texts = slices.DeleteFunc(r.texts, func(text string) bool { return text == a.Text })
		}
	case doObject:
		r := m.records[a.On]
		r.ended = r.ended || a.line.End == done
	case doErase:
		f := m.fateOf(a.Who[0])
		if a.line.End != failed {
			f.last = max(f.last, a.end)
		}
		if a.line.End == done {
			f.surely = max(f.surely, a.begin)
		}
	case doHold:
		if a.line.End == done {
			m.holds[a.ID] = a
		}
	}
}

func (m *model) fateOf(who string) *fate {
	f := m.fates[who]
	if f == nil {
		f = &fate{}
		m.fates[who] = f
	}
	return f
}

// parts is how many parts the record has, when it is whole.
func (r *record) parts() int {
	switch {
	case r.act.Do == doHost:
		return 1
	case r.act.Two:
		return 4
	}
	return 2
}

// person is whose a part is.
func (r *record) person(part int) string { return r.who[(part-1)/2] }

// first reports whether a part serves the first purpose alone.
func (r *record) first(part int) bool { return r.act.Do != doHost && part%2 == 1 }

// due reports whether the period of a part has run out.
func (r *record) due(part int) bool {
	return r.act.Age == old || r.act.Age == half && r.first(part)
}

// mayGo reports whether something could have erased a part; mustGo whether it must be gone, unless a hold is on it.
func (m *model) mayGo(r *record, part int) bool {
	return r.due(part) || r.first(part) && r.mayEnd || m.fateOf(r.person(part)).last > r.act.begin
}

func (m *model) mustGo(r *record, part int) bool {
	return r.due(part) || r.first(part) && r.ended || r.sure(1) && m.fateOf(r.person(part)).surely > r.act.end
}

// sure reports whether nothing but an erasure takes a part whose purpose needs its person's identifier: as long as it is there, its person is
// found by it.
func (r *record) sure(part int) bool {
	return r.act.Do == doHost || r.first(part) && r.act.Age == fresh && !r.mayEnd
}

// story is what the journal says of a record, for somebody who looks for the reason.
func (m *model) story(r *record) string {
	var b strings.Builder
	for _, a := range m.acts {
		about := a == r.act || a.On == r.name
		for _, who := range a.Who {
			about = about || a.Do != doPut && a.Do != doPutAll && slices.Contains(r.who, who)
		}
		if about {
			text, _ := json.Marshal(a.line)
			fmt.Fprintf(&b, "\n  lines %d to %d: %s", a.begin, a.end, text)
		}
	}
	return b.String()
}

// recordPart is a part wherever its person is.
type recordPart struct {
	record gdpr.ID
	part   int
}

func placeOf(p storage.PartRef) recordPart { return recordPart{p.Record, p.Part} }
