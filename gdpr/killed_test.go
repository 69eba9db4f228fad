package gdpr_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

var killSeed = flag.Uint64("seed", 1, "of TestKilledAtRandom")

// mortal is an act that a process is killed in.
type mortal struct {
	name    string
	prepare func(t *testing.T, s *site) []gdpr.ID // the site before it; the records
	later   bool                                  // it is the opening with the later register, and the sweep that follows
	do      func(t *testing.T, r *running) error
}

var mortals = []mortal{
	{name: "sweep", prepare: peopled, do: sweepSmall},
	{name: "replay", prepare: forgetful, do: func(t *testing.T, r *running) error {
		_, err := r.As(dpo, gdpr.Retention).Replay(t.Context())
		return err
	}},
	{name: "adoption", prepare: peopled, later: true, do: sweepSmall},
}

// sweepSmall sweeps to the end in many batches.
func sweepSmall(t *testing.T, r *running) error {
	res, err := r.Sweep(t.Context(), &gdpr.SweepOptions{Batch: 4, MaxShare: 1})
	if err == nil && res.Leased {
		return storage.ErrLeased
	}
	return err
}

// villagers are persons, of whom some have what is due, in whole or in part, what is held, what will be due by the later register, and what stays.
func villagers(t *testing.T, r *running, n int) (records []gdpr.ID) {
	t.Helper()
	ctx := t.Context()
	for i := range n {
		days := []string{"2023-05-01", "2025-02-01", "2025-02-01", "2025-08-01", "2026-02-01"}
		rec := gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("person%d@byn.example", i)), CollectedAt: on(days[i%5]).at,
			Fields: gdpr.Fields{"name": "Åke", "question": fmt.Sprintf("Fråga %d", i)}}
		if i%7 == 0 {
			rec.Also = []gdpr.Share{{Subject: gdpr.Email(fmt.Sprintf("person%d@byn.example", i+1)), Fields: gdpr.Fields{"question": "Också"}}}
		}
		id, err := r.As(support, "inquiry").Put(ctx, rec)
		require.NoError(t, err)
		records = append(records, id)
		if i%5 == 2 {
			_, err := r.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2026-09-01")})
			require.NoError(t, err)
		}
	}
	return records
}

// guests are data held for a customer.
func guests(t *testing.T, r *running, name string, n int) (party, agreement gdpr.ID, records []gdpr.ID) {
	t.Helper()
	party, agreement, _ = r.lease(t, name)
	for i := range n {
		id, err := r.As(support, "hosted").Under(agreement).Put(t.Context(), gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("gäst-%d", i)),
			CollectedAt: on("2025-06-01").at, Fields: gdpr.Fields{"content": name}})
		require.NoError(t, err)
		records = append(records, id)
	}
	return party, agreement, records
}

// leaves ends an agreement on a day; without one, today, and the customer is off-boarded.
func leaves(t *testing.T, r *running, party, agreement gdpr.ID, on string) {
	t.Helper()
	ev := gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}
	if on != "" {
		ev.Day = day(t, on)
	}
	require.NoError(t, r.As(boss, gdpr.Retention).RecordEvent(t.Context(), ev))
	if on == "" {
		_, err := r.As(dpo, gdpr.Retention).Offboard(t.Context(), party)
		require.NoError(t, err)
	}
}

// peopled is a site with something of everything that a sweep finds.
func peopled(t *testing.T, s *site) []gdpr.ID {
	t.Helper()
	r := s.run(t)
	defer r.stop()
	r.grant(t, support, "clerk")
	r.grant(t, dpo, "privacy")
	records := villagers(t, r, 40)
	_, agreement, held := guests(t, r, "Kvarnen", 7)
	party, left, gone := guests(t, r, "Smedjan", 7)
	_, _, stay := guests(t, r, "Bageriet", 3)
	leaves(t, r, gdpr.ID{}, agreement, "2026-01-15")
	leaves(t, r, party, left, "")
	return append(append(append(records, held...), gone...), stay...)
}

// forgetful is a site that was restored from a copy of before much was erased.
func forgetful(t *testing.T, s *site) []gdpr.ID {
	t.Helper()
	r := s.run(t)
	r.grant(t, support, "clerk")
	r.grant(t, dpo, "privacy")
	records := villagers(t, r, 40)
	type customer struct{ party, agreement gdpr.ID }
	customers := make([]customer, 8)
	for i := range customers {
		var more []gdpr.ID
		customers[i].party, customers[i].agreement, more = guests(t, r, fmt.Sprint("Kund ", i), 3)
		records = append(records, more...)
	}
	r.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	r = s.run(t)
	for i, c := range customers[1:] { // whoever replays begins a batch after each
		leaves(t, r, c.party, c.agreement, "")
		_, err := r.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email(fmt.Sprintf("person%d@byn.example", i*5+4)), gdpr.NoLongerNeeded)
		require.NoError(t, err)
		if i == 3 {
			require.NoError(t, sweepSmall(t, r))
		}
	}
	r.stop()
	s.restored(t, old, s.files()...)
	return records
}

// killedAtRandom is the process that is killed: it says when it begins and when it has ended.
func killedAtRandom(t *testing.T, c *child) {
	var m mortal
	for _, one := range mortals {
		if one.name == c.Args[0] {
			m = one
		}
	}
	var r *running
	if !m.later {
		r = c.site.run(t)
	}
	c.say("ready")
	c.hear()
	if m.later {
		c.site.register = laterVillage
		r = c.site.run(t)
	}
	require.NoError(t, m.do(t, r))
	c.say("done")
	c.hear() // so that its end is not part of what is measured
}

// TestKilledAtRandom kills processes at any moment of a sweep, a replay and an adoption: what the next process makes of it is what one that is never killed
// leaves. Fifty rounds of each; a short run does six.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 6
	}
	t.Logf("seed %d", *killSeed)
	for i, m := range mortals {
		for k, layout := range bothLayouts {
			t.Run(m.name+", "+layout.name, func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(*killSeed, uint64(10*i+k)))
				s := newSite(t, village, layout.apart)
				records := m.prepare(t, s)
				usual, want := m.undisturbed(t, s, records)
				killed := 0
				for round := range rounds / 2 { // of each layout
					at := time.Duration(rng.Int64N(int64(usual)))
					where := fmt.Sprintf("seed %d, round %d, killed after %s of %s", *killSeed, round, at, usual)
					killed += m.killOnce(t, s, records, at, want, where)
				}
				t.Logf("usually %s; killed before the end: %d of %d", usual.Round(time.Millisecond), killed, rounds/2)
				require.True(t, killed > 0 || testing.Short(), "nobody was killed in it")
			})
		}
	}
}

// undisturbed lets processes do it to the end: how long that takes, and what is there then.
func (m mortal) undisturbed(t *testing.T, s *site, records []gdpr.ID) (usual time.Duration, want string) {
	t.Helper()
	for i := range 2 {
		c := m.copy(t, s)
		p := startChild(t, c, "killed at random", m.name)
		require.Equal(t, "ready", p.hear())
		began := time.Now()
		require.Equal(t, "done", p.ask("go"))
		took := time.Since(began)
		require.False(t, p.end())
		end := m.finished(t, c, records, "undisturbed")
		if i == 0 {
			usual, want = took, end
		}
		usual = min(usual, took)
		require.Equal(t, want, end, "a second time")
	}
	return usual, want
}

// killOnce kills a process in it, and lets another finish. It returns 1 if the process had not ended by itself.
func (m mortal) killOnce(t *testing.T, s *site, records []gdpr.ID, at time.Duration, want, where string) int {
	t.Helper()
	c := m.copy(t, s)
	p := startChild(t, c, "killed at random", m.name)
	require.Equal(t, "ready", p.hear())
	_, err := fmt.Fprintln(p.in, "go")
	require.NoError(t, err)
	time.Sleep(at)
	require.NoError(t, p.cmd.Process.Kill())
	require.True(t, p.end(), where)
	m.between(t, c, records, where)
	require.Equal(t, want, m.finished(t, c, records, where), where)
	if strings.Contains(p.text.String(), "> done") {
		return 0
	}
	return 1
}

func (m mortal) copy(t *testing.T, s *site) *site {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(s.dir), "run")
	require.NoError(t, err)
	c, err := s.copyTo(dir)
	require.NoError(t, err)
	clock := *s.clock
	c.clock = &clock
	return c
}

// between looks at what a killed process has left: of what is proven erased nothing is there, and no key is old; a store that is behind its ledger reads
// nobody.
func (m mortal) between(t *testing.T, s *site, records []gdpr.ID, where string) {
	t.Helper()
	ctx := t.Context()
	r, err := s.start(ctx)
	if errors.Is(err, gdpr.ErrOldRegister) || m.later && err != nil {
		return // adopted already: the version before opens nothing any more
	}
	require.NoError(t, err, where)
	defer r.stop()
	health, err := r.Health(ctx)
	require.NoError(t, err, where)
	if health.Restored {
		for _, id := range records {
			_, err := r.As(support, "inquiry").Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestored, where)
		}
		return
	}
	for _, line := range proven(t, r) {
		if place, is := strings.CutPrefix(line, "part "); is {
			place, _, _ = strings.Cut(place, " ")
			require.Empty(t, column(t, r.data.Writer(), `SELECT part FROM gallra_parts WHERE CONCAT(lower(hex(record)), '/', part) = ?`, place), where)
		}
	}
	if s.apart {
		r.noOldKeys(t)
	}
}

// proven are the things that proofs say are erased: each as often as it is said.
func proven(t *testing.T, r *running) (out []string) {
	t.Helper()
	for _, body := range column(t, r.data.Writer(), `SELECT body FROM gallra_proofs`) {
		p, err := audit.DecodeProof([]byte(body))
		require.NoError(t, err)
		for _, gone := range p.Parts {
			again := strings.HasPrefix(p.Because[gone.Because].Ground, "again")
			out = append(out, fmt.Sprintf("part %x/%d version %d again %v", gone.Record[:], gone.Part, gone.Version, again))
		}
		for _, id := range p.Subjects {
			out = append(out, fmt.Sprintf("person %x", id[:]))
		}
		if p.Kind == audit.ErasedController {
			out = append(out, fmt.Sprintf("controller %x", p.Controller[:]))
		}
	}
	sort.Strings(out)
	return out
}

// finished does it once more, and then sweeps; it says all that is there then.
func (m mortal) finished(t *testing.T, s *site, records []gdpr.ID, where string) string {
	t.Helper()
	ctx := t.Context()
	defer func() { _ = os.RemoveAll(s.dir) }()
	s.clock.at = s.clock.at.Add(11 * time.Minute) // the lease of who was killed has ended
	if m.later {
		s.register = laterVillage
	}
	r, err := s.start(ctx)
	require.NoError(t, err, where)
	defer r.stop()
	require.NoError(t, m.do(t, r), where)
	require.NoError(t, sweepSmall(t, r), where)
	_, err = r.Verify(ctx)
	require.NoError(t, err, where)
	r.whole(t, r.data.Writer())
	if s.apart {
		r.noOldKeys(t)
	}
	out := append([]string{s.there(t)}, proven(t, r)...)
	for _, query := range []string{
		`SELECT CONCAT('due ', hex(record), part, ' ', COALESCE(due, 0), ' ', held) FROM gallra_parts ORDER BY 1`,
		`SELECT CONCAT('schedule ', hex(owner), family, ' ', COALESCE(due, 0)) FROM gallra_schedules ORDER BY 1`,
		`SELECT CONCAT('file ', kind, ' ', hex(id), ' ', state) FROM gallra_files WHERE kind <> 'deviation' ORDER BY 1`,
	} {
		out = append(out, column(t, r.data.Writer(), query)...)
	}
	late := map[string]int{} // there is one deviation for each batch, and in which batch a part went is no matter
	for d, err := range r.As(dpo, gdpr.Retention).Deviations(ctx) {
		require.NoError(t, err, where)
		late[fmt.Sprintf("late by %s: %s, %s", d.Cause, d.Activity, d.Rule)] += d.Parts
	}
	out = append(out, fmt.Sprint(late)) // in the order of the keys
	for _, id := range records {
		for _, purpose := range []string{"inquiry", "statistics"} {
			rec, err := r.As(support, purpose).Get(ctx, id)
			if err != nil {
				out = append(out, fmt.Sprintf("%s for %s: %v", id, purpose, err))
				continue
			}
			out = append(out, fmt.Sprintf("%s for %s: %s", id, purpose, r.describe(rec)))
		}
	}
	return strings.Join(out, "\n")
}
