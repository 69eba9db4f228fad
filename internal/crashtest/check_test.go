package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// inspector compares what is stored with the journal, while nobody works.
type inspector struct {
	*office
	*model
	journal *journal

	trail  map[string][]audit.Entry // acts that were done, by name; sweeps, which have none, are left out
	lanes  map[gdpr.ID]uint64       // as far as they were read
	stored map[gdpr.ID]*act         // records, by the trail: which act stored them
	proven map[recordPart]uint64    // by which proof it was erased
	buried map[gdpr.ID]uint64       // persons, likewise
	proofs uint64
}

func newInspector(o *office, j *journal) *inspector {
	return &inspector{office: o, model: newModel(), journal: j, trail: map[string][]audit.Entry{}, lanes: map[gdpr.ID]uint64{}, stored: map[gdpr.ID]*act{},
		proven: map[recordPart]uint64{}, buried: map[gdpr.ID]uint64{}}
}

// stock is what is stored at one moment.
type stock struct {
	parts    map[recordPart]storage.Part
	subjects map[gdpr.ID]int // with the holds on them
	files    map[gdpr.ID]int // agreements, likewise
	holds    map[gdpr.ID]holdRow
	found    map[recordPart]*gdpr.Stored // opened, by the first part of each person that is there
	known    map[gdpr.ID]bool            // persons who have an identifier
}

// holdRow is a hold in force, as it is stored.
type holdRow struct {
	Parts     []storage.PartRef
	Subject   gdpr.ID
	Agreement gdpr.ID
}

// look reads everything anew, in an engine of its own, and asserts that each promise was kept.
func (in *inspector) look(t *testing.T, last bool) {
	t.Helper()
	ctx := t.Context()
	var err error
	in.at, err = in.journal.read(in.at, in.add)
	require.NoError(t, err)
	in.bury()
	s, err := in.open(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	if last {
		in.releaseAll(t, s)
	}
	in.sweepAll(t, s)
	require.NoError(t, s.Seal(ctx))
	report, err := s.Verify(ctx)
	require.NoError(t, err, "the trail")
	in.readTrail(t, s)
	in.readProofs(t, s)
	require.Equal(t, int(in.proofs), report.Proofs)
	st := in.readStock(t, s)

	in.checkActs()
	in.checkParts(st)
	in.checkHolds(st)
	in.checkRecords(st)
	in.checkPersons(st)
	in.checkKeys(t, s, st)
	if len(in.wrong) > 0 {
		slices.Sort(in.wrong)
		more := len(in.wrong) - 10
		require.Fail(t, strings.Join(in.wrong[:min(10, len(in.wrong))], "\n"), "and %d more", max(0, more))
	}
	if last {
		require.Empty(t, st.holds)
		require.NotZero(t, len(st.parts), "nothing is left to look at")
	}
}

func (in *inspector) complain(format string, args ...any) {
	in.wrong = append(in.wrong, fmt.Sprintf(format, args...))
}

// sweepAll erases what is due. What imports have brought in overdue wants a plan.
func (in *inspector) sweepAll(t *testing.T, s *staff) {
	t.Helper()
	ctx := t.Context()
	for began := time.Now(); ; {
		p, err := s.Plan(ctx)
		require.NoError(t, err)
		res, err := s.Sweep(ctx, &gdpr.SweepOptions{Plan: p})
		require.NoError(t, err)
		if !res.Leased {
			break
		}
		require.Less(t, time.Since(began), 30*time.Second, "the lease of a killed sweep does not end")
		time.Sleep(20 * time.Millisecond)
	}
	p, err := s.Plan(ctx)
	require.NoError(t, err)
	require.Zero(t, p.Erase, "due after a sweep")
	require.Zero(t, p.Overdue)
}

// releaseAll releases all holds.
func (in *inspector) releaseAll(t *testing.T, s *staff) {
	t.Helper()
	files, err := s.data.Files(t.Context(), storage.FileQuery{Kind: "hold", State: "active", Limit: 1000})
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, s.As(dpo, gdpr.Retention).Release(t.Context(), f.ID))
		delete(in.holds, f.ID)
	}
}

// readTrail reads the entries that are new.
func (in *inspector) readTrail(t *testing.T, s *staff) {
	t.Helper()
	lanes, err := s.data.Lanes(t.Context())
	require.NoError(t, err)
	for _, lane := range lanes {
		for in.lanes[lane.ID] < lane.Last {
			rows, err := s.data.Entries(t.Context(), lane.ID, in.lanes[lane.ID], 1000)
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			for _, row := range rows {
				e, err := audit.DecodeEntry(row.Body)
				require.NoError(t, err)
				in.lanes[lane.ID] = row.Seq
				if e.Case != "" && e.Outcome == audit.Done {
					in.trail[e.Case] = append(in.trail[e.Case], e)
				}
			}
		}
	}
}

// readProofs reads the proofs that are new: each part and each person goes once.
func (in *inspector) readProofs(t *testing.T, s *staff) {
	t.Helper()
	for {
		rows, err := s.data.Proofs(t.Context(), in.proofs, 1000)
		require.NoError(t, err)
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			p, err := audit.DecodeProof(row.Body)
			require.NoError(t, err)
			in.proofs = row.N
			if !row.Confirmed {
				in.complain("proof %d is not confirmed", row.N)
			}
			for _, gone := range p.Parts {
				at := recordPart{gone.Record, gone.Part}
				if n, ok := in.proven[at]; ok {
					in.complain("part %d of record %s is proven erased twice, by proof %d and proof %d", gone.Part, gone.Record, n, row.N)
				}
				in.proven[at] = row.N
			}
			for _, id := range p.Subjects {
				if n, ok := in.buried[id]; ok {
					in.complain("person %s is proven erased twice, by proof %d and proof %d", id, n, row.N)
				}
				in.buried[id] = row.N
			}
		}
	}
}

func (in *inspector) readStock(t *testing.T, s *staff) *stock {
	t.Helper()
	ctx := t.Context()
	st := &stock{parts: map[recordPart]storage.Part{}, subjects: map[gdpr.ID]int{}, files: map[gdpr.ID]int{}, holds: map[gdpr.ID]holdRow{}, found: map[recordPart]*gdpr.Stored{}, known: map[gdpr.ID]bool{}}
	require.NoError(t, s.eachPart(ctx, storage.PartQuery{}, func(p *storage.Part) { st.parts[placeOf(p.PartRef)] = *p }))
	rows, err := s.data.Writer().QueryContext(ctx, `SELECT id, held, EXISTS (SELECT 1 FROM gallra.index i WHERE i.subject = s.id AND i.part = 0) FROM gallra.subjects s`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id []byte
		var held int
		var known bool
		require.NoError(t, rows.Scan(&id, &held, &known))
		st.subjects[gdpr.ID(id)], st.known[gdpr.ID(id)] = held, known
	}
	require.NoError(t, rows.Err())
	f, err := s.data.File(ctx, "agreement", in.Hosting)
	require.NoError(t, err)
	st.files[f.ID] = f.Held
	holds, err := s.data.Files(ctx, storage.FileQuery{Kind: "hold", State: "active", Limit: 10_000})
	require.NoError(t, err)
	for _, f := range holds {
		var h holdRow
		require.NoError(t, json.Unmarshal(f.Body, &h))
		st.holds[f.ID] = h
	}
	var all gdpr.Identity
	for i := range persons {
		all = all.And(gdpr.Email(fmt.Sprintf("person.%d@byn.example", i)))
	}
	desk := s.As(dpo, gdpr.SubjectRights)
	for rec, err := range desk.Find(ctx, all) {
		require.NoError(t, err)
		st.find(in, rec)
	}
	for id, known := range st.known {
		if known {
			continue
		}
		for rec, err := range desk.Find(ctx, gdpr.Subject(id)) { // of whom only what needs no address is left
			require.NoError(t, err)
			st.find(in, rec)
		}
	}
	for rec, err := range s.As(clerk, "hosted").Under(in.Hosting).Records(ctx, gdpr.Query{}) {
		require.NoError(t, err)
		st.find(in, rec)
	}
	return st
}

// find notes what a person has in a record that was opened.
func (st *stock) find(in *inspector, rec *gdpr.Stored) {
	for part := 1; part <= 4; part++ {
		p, ok := st.parts[recordPart{rec.ID, part}]
		if ok && p.Subject == rec.Subject() {
			st.found[recordPart{rec.ID, part}] = rec
			return
		}
	}
	in.complain("record %s opens and has no parts", rec.ID)
}

// checkActs: each act is in the trail as often as it was acknowledged.
func (in *inspector) checkActs() {
	for name, a := range in.acts {
		entries := in.trail[name]
		n := len(entries)
		switch {
		case a.line.End == done && a.Err == "" && n == 0 && !in.again(a):
			in.complain("%s was acknowledged and is not in the trail: %+v", name, a.line)
		case a.line.End == failed && n > 0 && a.Do != doPutAll:
			in.complain("%s failed (%s) and is in the trail: %+v", name, a.Err, entries)
		case n > 1 && a.Do != doPutAll:
			in.complain("%s was done %d times: %+v", name, n, entries)
		}
		if a.Do == doPut || a.Do == doHost || a.Do == doPutAll {
			in.checkStored(a, entries)
		}
	}
	for name := range in.trail {
		if in.acts[name] == nil {
			in.complain("%s is in the trail and was never begun", name)
		}
	}
}

// again reports whether an act released a hold that an act before it, of which nobody knew that it had, has released.
func (in *inspector) again(a *act) bool {
	if a.Do != doRelease {
		return false
	}
	for name, other := range in.acts {
		if other.Do == doRelease && other.Hold == a.Hold && other.begin < a.begin && len(in.trail[name]) == 1 {
			return true
		}
	}
	return false
}

// checkStored notes the records that an act stored by the trail: as many as it said.
func (in *inspector) checkStored(a *act, entries []audit.Entry) {
	n := 0
	for _, e := range entries {
		for _, o := range e.Objects {
			text, is := strings.CutPrefix(o, "record:")
			if !is {
				continue
			}
			id, err := gdpr.ParseID(text)
			if err != nil {
				in.complain("%s: %v", a.Act, err)
			}
			if other := in.stored[id]; other != nil && other != a {
				in.complain("record %s was stored by %s and by %s", id, other.Act, a.Act)
			}
			in.stored[id] = a
			n++
			if !a.ID.IsZero() && a.ID != id {
				in.complain("%s was told the record %s and stored %s", a.Act, a.ID, id)
			}
		}
	}
	want := a.Stored
	if a.Do != doPutAll && a.line.End == done {
		want = 1
	}
	if n > len(a.records) || n < want || n > want && a.line.End == done {
		in.complain("%s stored %d records of %d, by the trail %d: %+v", a.Act, want, len(a.records), n, a.line)
	}
}

// checkParts: each part of each record that was stored is there or proven erased, and there are no others.
func (in *inspector) checkParts(st *stock) {
	for id, a := range in.stored {
		for part := 1; part <= a.records[0].parts(); part++ {
			at := recordPart{id, part}
			_, there := st.parts[at]
			n, gone := in.proven[at]
			switch {
			case there && gone:
				in.complain("part %d of record %s is there, and proof %d says that it was erased", part, id, n)
			case !there && !gone:
				in.complain("part %d of record %s is lost: %+v", part, id, a.line)
			}
		}
	}
	for at := range st.parts {
		if a := in.stored[at.record]; a == nil || at.part > a.records[0].parts() {
			in.complain("part %d of record %s is there, and nobody stored it", at.part, at.record)
		}
	}
	for at, n := range in.proven {
		if a := in.stored[at.record]; a == nil || at.part > a.records[0].parts() {
			in.complain("part %d of record %s was erased by proof %d, and nobody stored it", at.part, at.record, n)
		}
	}
}

// checkHolds: what a hold in force is on is there, and every counter is the number of its holds.
func (in *inspector) checkHolds(st *stock) {
	onPart, onOther := map[recordPart]int{}, map[gdpr.ID]int{}
	for id, h := range st.holds {
		for _, p := range h.Parts {
			onPart[placeOf(p)]++
			if _, there := st.parts[placeOf(p)]; !there {
				in.complain("part %d of record %s was erased while hold %s is on it", p.Part, p.Record, id)
			}
		}
		onOther[h.Subject]++
		onOther[h.Agreement]++
		if a := in.holds[id]; a != nil {
			for _, p := range a.Held {
				if _, there := st.parts[placeOf(p)]; !there {
					in.complain("part %d of record %s was erased while hold %s, of %s, is on it", p.Part, p.Record, id, a.Act)
				}
			}
		}
	}
	for at, p := range st.parts {
		if p.Held != onPart[at] {
			in.complain("part %d of record %s counts %d holds and has %d", at.part, at.record, p.Held, onPart[at])
		}
	}
	for _, rows := range []map[gdpr.ID]int{st.subjects, st.files} {
		for id, held := range rows {
			if held != onOther[id] {
				in.complain("person or agreement %s counts %d holds and has %d", id, held, onOther[id])
			}
		}
	}
	for id, a := range in.holds {
		if _, there := st.holds[id]; !there && !in.released(id) {
			in.complain("hold %s of %s was acknowledged, and nobody released it: it is lost", id, a.Act)
		}
	}
}

func (in *inspector) released(hold gdpr.ID) bool {
	for _, a := range in.acts {
		if a.Do == doRelease && a.Hold == hold {
			return true
		}
	}
	return false
}

// checkRecords: what is there is what was stored, nothing acknowledged is lost, nothing due or erased is left.
func (in *inspector) checkRecords(st *stock) {
	live := map[string]gdpr.ID{}
	opened := map[recordPart]bool{}
	for at, rec := range st.found {
		name := in.nameOf(rec)
		r := in.records[name]
		if r == nil || in.stored[rec.ID] != r.act {
			in.complain("record %s is not what its question says: %q", rec.ID, name)
			continue
		}
		if other, ok := live[name]; ok && other != rec.ID {
			in.complain("%s is there twice, as record %s and record %s:%s", name, other, rec.ID, in.story(r))
		}
		live[name] = rec.ID
		in.checkContent(r, at, rec)
		for part := 1; part <= r.parts(); part++ {
			if p, there := st.parts[recordPart{rec.ID, part}]; there && p.Subject == rec.Subject() {
				opened[recordPart{rec.ID, part}] = true
			}
		}
	}
	for at, p := range st.parts {
		sealed := p.Restricted && p.Family == "hosted" // for SubjectRights alone, unopened
		if !opened[at] && !sealed {
			in.complain("part %d of record %s does not open", at.part, at.record)
		}
	}
	for name, r := range in.records {
		id, there := live[name]
		if !there && r.act.Do != doPutAll {
			for other, a := range in.stored { // a part that does not open has no name
				if a == r.act {
					id, there = other, true
				}
			}
		}
		for part := 1; part <= r.parts(); part++ {
			p, is := st.parts[recordPart{id, part}]
			is = is && there
			held := is && (p.Held > 0 || st.subjects[p.Subject] > 0 || st.files[p.Agreement] > 0)
			switch {
			case !is && r.act.line.End == done && !in.mayGo(r, part):
				in.complain("part %d of %s was acknowledged, nothing erases it, and it is not there:%s", part, name, in.story(r))
			case is && !held && !st.known[p.Subject] && r.sure(part):
				in.complain("%s is there, and its person %s has no identifier any more:%s", name, p.Subject, in.story(r))
			case is && !held && in.mustGo(r, part):
				in.complain("part %d of %s, record %s, must be gone and is there (due %s, restricted %v, facts %s):%s", part, name, id, p.Due, p.Restricted, p.Facts, in.story(r))
			}
		}
	}
}

// nameOf is the name that an opened record gives itself.
func (in *inspector) nameOf(rec *gdpr.Stored) string {
	f := rec.Fields()
	for _, field := range []string{"question", "content", "name"} {
		if text, ok := f[field].(string); ok {
			return nameOf(text)
		}
	}
	if a := in.stored[rec.ID]; a != nil { // a second person's address alone is left
		return a.records[0].name
	}
	return ""
}

func (in *inspector) checkContent(r *record, at recordPart, rec *gdpr.Stored) {
	f := rec.Fields()
	texts := r.texts
	if at.part > 2 {
		texts = []string{r.name + "|2"}
	}
	for _, field := range []string{"question", "content"} {
		if text, ok := f[field].(string); ok && !slices.Contains(texts, text) {
			in.complain("%s says %q, and was to say one of %q:%s", r.name, text, texts, in.story(r))
		}
	}
	if mail, ok := f["email"].(string); ok && mail != r.person(at.part) {
		in.complain("%s is about %s", r.name, mail)
	}
}

// checkPersons: a person of whom nothing is left is gone too, and one who was erased stays so.
func (in *inspector) checkPersons(st *stock) {
	has := map[gdpr.ID]bool{}
	for at, p := range st.parts {
		has[p.Subject] = true
		if _, ok := st.subjects[p.Subject]; !ok {
			in.complain("part %d of record %s is nobody's", at.part, at.record)
		}
	}
	for id, held := range st.subjects {
		if !has[id] && held == 0 {
			in.complain("person %s is there, with nothing left", id)
		}
		if n, ok := in.buried[id]; ok {
			in.complain("person %s is there, and proof %d says that they were erased", id, n)
		}
	}
}

// checkKeys: what is there has its key, and what was erased has none.
func (in *inspector) checkKeys(t *testing.T, s *staff, st *stock) {
	t.Helper()
	ctx := context.Background()
	have := map[recordPart]int{}
	after := storage.PartKeyRef{}
	for {
		refs, err := s.keys.AllPartKeys(ctx, after, 1000)
		require.NoError(t, err)
		for _, k := range refs {
			at := placeOf(k.PartRef)
			p, there := st.parts[at]
			n, gone := in.proven[at]
			switch {
			case gone:
				in.complain("part %d of record %s was erased by proof %d, and its key is there", at.part, at.record, n)
			case there && k.Version < p.Version:
				in.complain("part %d of record %s has version %d, and the key of %d is there", at.part, at.record, p.Version, k.Version)
			case !there && in.Keys == "":
				in.complain("a key of part %d of record %s is there without it", at.part, at.record)
			}
			if there && k.Version == p.Version {
				have[at]++
			}
		}
		if len(refs) < 1000 {
			break
		}
		after = refs[len(refs)-1]
	}
	for at := range st.parts {
		if have[at] != 1 {
			in.complain("part %d of record %s has %d keys", at.part, at.record, have[at])
		}
	}
	for id, n := range in.buried {
		keys, err := s.keys.SubjectKeys(ctx, []gdpr.ID{id})
		if err != nil || len(keys) != 1 || !keys[0].Destroyed || len(keys[0].Wrapped) > 0 {
			in.complain("person %s was erased by proof %d, and their key was not destroyed (%d rows, %v)", id, n, len(keys), err)
		}
	}
}
