package gdpr_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Whatever happens to agreements, assignments, records and register, a sweep leaves nothing that its verdict lets go, by way of no stored date.
func TestWakes(t *testing.T) {
	t.Parallel()
	for seed := range int64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewSource(seed))
			h := sqliteHouse(t, "epm.yaml", false)
			f := newFirm(h)
			ctx := t.Context()
			_, supplier := f.supplier()
			_, customer := h.customer("Bageriet")
			jobs := []gdpr.ID{f.assignment(supplier), f.assignment(supplier)}
			alive := map[gdpr.ID]bool{}
			var holds []gdpr.ID
			adopted := false
			today := func() civil.Date { return civil.DateOf(h.clock.at, time.UTC) }
			back := func() civil.Date { return today().AddDays(-rng.Intn(200)) }
			var log []string
			for step := range 45 {
				h.clock.at = h.clock.at.AddDate(0, 0, rng.Intn(40))
				var what string
				var err error
				ag := []gdpr.ID{supplier, customer}[rng.Intn(2)]
				job := jobs[rng.Intn(2)]
				pick := func() gdpr.ID {
					for id := range alive {
						return id
					}
					return gdpr.ID{}
				}
				switch rng.Intn(13) {
				case 0:
					what = "ticket"
					var id gdpr.ID
					r := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej"}, CollectedAt: h.clock.at.AddDate(0, 0, -rng.Intn(300))}
					switch rng.Intn(3) {
					case 0:
						r.Agreement = supplier
					case 1:
						r.Assignment = job
					}
					if id, err = f.support.Put(ctx, r); err == nil {
						alive[id] = true
					}
				case 1, 2:
					what = "hosted"
					var id gdpr.ID
					if id, err = f.operations.Under(customer).Put(ctx, gdpr.Record{Subject: gdpr.Ref("Pat"), Fields: gdpr.Fields{"content": "x"}}); err == nil {
						alive[id] = true
					}
				case 3, 4:
					what = "agreement ended"
					err = f.admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: ag, Day: back(), Approver: dpo})
				case 5:
					what = "assignment ended"
					err = f.admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: job, Day: back(), Approver: dpo})
				case 6, 7:
					what = "reopened"
					ev := gdpr.Event{Kind: gdpr.Reopened, Approver: dpo, Note: "x"}
					if rng.Intn(2) == 0 {
						ev.Agreement = ag
					} else {
						ev.Assignment = job
					}
					err = f.admin.RecordEvent(ctx, ev)
				case 8, 9:
					what = "hold"
					ho := gdpr.Hold{Ground: "tvist", ReviewBy: today().AddDays(1 + rng.Intn(300))}
					switch rng.Intn(3) {
					case 0:
						ho.Record = pick()
					case 1:
						ho.Agreement = ag
					case 2:
						ho.Subject = asa
					}
					var id gdpr.ID
					if id, err = h.As(dpo, gdpr.Retention).Hold(ctx, ho); err == nil {
						holds = append(holds, id)
					}
				case 10, 11:
					what = "release"
					if len(holds) > 0 {
						err = h.As(dpo, gdpr.Retention).Release(ctx, holds[0])
						require.NoError(t, err)
						holds = holds[1:]
					}
				case 12:
					if !adopted && step > 15 {
						what, adopted = "adopt", true
						h.adopt("epm.yaml", firstVersion, secondVersion, "P1Y after assignment-ended with agreement", "P6M after assignment-ended with agreement")
						f = &firm{h, h.As(support, "support-ticket"), h.As(books, "invoice"), h.As(ops, "hosted-customer-data"), h.As(dpo, gdpr.SubjectRights), h.As(boss, gdpr.Retention)}
					}
				}
				log = append(log, fmt.Sprint(today(), " ", what, " ", err))
				due := map[gdpr.ID]bool{}
				for id := range alive {
					parts, err := h.store.Record(ctx, id)
					require.NoError(t, err)
					require.NotEmpty(t, parts)
					who := f.rights
					if parts[0].Family == hostedPurpose {
						who = f.operations.Under(customer)
					}
					x, err := who.Explain(ctx, id)
					require.NoError(t, err)
					p := x.Parts[0]
					held := len(p.Holds) > 0
					v := p.Verdict
					due[id] = !held && !v.Wake.IsZero() && !v.Wake.After(h.clock.at.Add(72*time.Hour)) && !v.KeptUntil.After(h.clock.at)
				}
				h.sweep()
				for id := range alive {
					parts, err := h.store.Record(ctx, id)
					require.NoError(t, err)
					if due[id] != (len(parts) == 0) {
						t.Fatalf("seed %d: due %v, gone %v: %+v\n%v", seed, due[id], len(parts) == 0, parts, log)
					}
					if len(parts) == 0 {
						delete(alive, id)
					}
				}
			}
		})
	}
}

func (h *house) unapprovedOrNil(register string, changes ...string) error {
	kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
	require.NoError(h.t, err)
	_, err = gdpr.Open(h.t.Context(), h.store, kek, h.version(register, changes...), &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now})
	return err
}

// The same for records with floors and purposes of their own ends.
func TestWakesFloor(t *testing.T) {
	t.Parallel()
	for seed := range int64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewSource(seed))
			h := sqliteHouse(t, "family.yaml", false)
			ctx := t.Context()
			_, supplier := h.supplier()
			f := &firm{house: h, admin: h.As(boss, gdpr.Retention)}
			jobs := []gdpr.ID{f.assignment(supplier), f.assignment(supplier)}
			alive := map[gdpr.ID]bool{}
			var holds []gdpr.ID
			adopted := false
			today := func() civil.Date { return civil.DateOf(h.clock.at, time.UTC) }
			var log []string
			for step := range 45 {
				h.clock.at = h.clock.at.AddDate(0, 0, rng.Intn(120))
				var what string
				var err error
				job := jobs[rng.Intn(2)]
				var one gdpr.ID
				for id := range alive {
					one = id
				}
				switch rng.Intn(9) {
				case 0, 1:
					what = "put"
					var id gdpr.ID
					r := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"note": "Hej"}, CollectedAt: h.clock.at.AddDate(0, 0, -rng.Intn(300))}
					switch rng.Intn(3) {
					case 0:
						r.Agreement = supplier
					case 1:
						r.Assignment = job
					}
					if id, err = h.As(web, "supplier-contact").Put(ctx, r); err == nil {
						alive[id] = true
					}
				case 2, 3:
					what = "end"
					err = h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: supplier, Day: today().AddDays(-rng.Intn(300)), Approver: dpo})
				case 4:
					what = "reopened"
					err = h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.Reopened, Agreement: supplier, Approver: dpo, Note: "x"})
				case 5:
					what = "hold"
					ho := gdpr.Hold{Ground: "tvist", ReviewBy: today().AddDays(1 + rng.Intn(300))}
					switch rng.Intn(3) {
					case 0:
						ho.Record = one
					case 1:
						ho.Agreement = supplier
					case 2:
						ho.Subject = asa
					}
					var id gdpr.ID
					if id, err = h.As(dpo, gdpr.SubjectRights).Hold(ctx, ho); err == nil {
						holds = append(holds, id)
					}
				case 6:
					what = "release"
					if len(holds) > 0 {
						require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, holds[0]))
						holds = holds[1:]
					}
				case 7:
					what = "named"
					err = h.As(web, "supplier-contact").RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementNamed, Record: one, Agreement: supplier})
				case 8:
					if !adopted && step > 15 {
						what, adopted = "adopt", true
						h.adopt("family.yaml", firstVersion, secondVersion, "keep: P2Y after agreement-ended", "keep: P6M after agreement-ended")
					}
				}
				log = append(log, fmt.Sprint(today(), " ", what, " ", err))
				due := map[gdpr.ID]bool{}
				for id := range alive {
					x, err := h.As(dpo, gdpr.SubjectRights).Explain(ctx, id)
					require.NoError(t, err)
					p := x.Parts[0]
					v := p.Verdict
					due[id] = len(p.Holds) == 0 && !v.Wake.IsZero() && !v.Wake.After(h.clock.at.Add(72*time.Hour)) && !v.KeptUntil.After(h.clock.at)
				}
				h.sweep()
				for id := range alive {
					parts, err := h.store.Record(ctx, id)
					require.NoError(t, err)
					if due[id] != (len(parts) == 0) {
						t.Fatalf("seed %d: due %v, gone %v: %+v\n%v", seed, due[id], len(parts) == 0, parts, log)
					}
					if len(parts) == 0 {
						delete(alive, id)
					}
				}
			}
		})
	}
}

// What goes on again in the middle of a sweep is erased no further, and ends when it ends.
func TestReopenedDuringSweep(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		for _, planned := range []bool{false, true} {
			ctx := t.Context()
			_, agreement := h.customer("Bageriet")
			for i := range 40 {
				f.hosted(agreement, gdpr.Ref(fmt.Sprint("Pat-", planned, i)))
			}
			h.clock.at = h.clock.at.AddDate(0, 2, 0)
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement, Day: civil.DateOf(h.clock.at, time.UTC).AddDays(-40)})
			opt := &gdpr.SweepOptions{MaxShare: 1, Batch: 10}
			if planned {
				plan, err := h.Plan(ctx)
				require.NoError(t, err)
				opt.Plan = plan
			}
			once, at := sync.Once{}, 0
			opt.Progress = func(r retention.Result) {
				once.Do(func() {
					at = h.count()
					f.event(f.admin, gdpr.Event{Kind: gdpr.Reopened, Agreement: agreement, Approver: dpo, Note: "Fortsatte"})
				})
			}
			_, err := h.Sweep(ctx, opt)
			require.NoError(t, err)
			assert.Equal(t, at, h.count())
			require.Positive(t, at)
			h.sweep()
			assert.Equal(t, at, h.count())
			// and it ends after all: everything wakes
			h.clock.at = h.clock.at.AddDate(0, 0, 2)
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement, Day: civil.DateOf(h.clock.at, time.UTC).AddDays(-40)})
			h.sweep()
			assert.Equal(t, 0, h.count())
		}
		h.verified()
	})
}

// Of several processes that open with a new register one adopts it; all may sweep then.
func TestAdoptTogether(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		for range 5 {
			f.ticket(gdpr.ID{}, gdpr.ID{})
		}
		reg := h.version("epm.yaml", firstVersion, secondVersion, "P1Y after collected without agreement", "P6M after collected without agreement")
		var wg sync.WaitGroup
		es, errs := make([]*gdpr.Engine, 4), make([]error, 4)
		kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
		require.NoError(t, err)
		for i := range es {
			wg.Add(1)
			go func() {
				defer wg.Done()
				es[i], errs[i] = gdpr.Open(t.Context(), h.store, kek, reg, &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now})
			}()
		}
		wg.Wait()
		for i := range es {
			require.NoError(t, errs[i])
		}
		n := 0
		entries, _ := h.trail()
		for _, e := range entries {
			if e.Action == "AdoptRegister" && e.Outcome == audit.Done {
				n++
			}
		}
		assert.Equal(t, 2, n, "the first version, and the second once")
		h.clock.set("2026-09-01")
		for i := range es {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, errs[i] = es[i].Sweep(t.Context(), &gdpr.SweepOptions{MaxShare: 1, Batch: 2})
			}()
		}
		wg.Wait()
		for i := range es {
			require.NoError(t, errs[i], "one sweeps, the others find the lease taken, or nothing to do")
		}
		_, err = es[0].Sweep(t.Context(), &gdpr.SweepOptions{MaxShare: 1})
		require.NoError(t, err)
		assert.Zero(t, h.count())
		_, err = es[0].Verify(t.Context())
		require.NoError(t, err)
	})
}

// An activity that was out of the register when an agreement ended knows of the end when it is back.
func TestActivityAwayAtTheEnd(t *testing.T) {
	t.Parallel()
	const second, third = "version: 2, from: 2026-06-01, change: Bort,", "version: 3, from: 2026-06-01, change: Tillbaka,"
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	_, agreement := f.supplier()
	id := f.ticket(agreement, gdpr.ID{})
	f.ticket(gdpr.ID{}, gdpr.ID{})
	text := epmWithout(t, "support-ticket", "sales-contact")
	h.approved("epm.yaml", firstVersion, second, text, "", "  support: {may: [read, write], for: [support-ticket]}\n", "")
	require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(t.Context(), gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}))
	h.adopt("epm.yaml", firstVersion, third)
	f2 := &firm{house: h}
	assert.NotEqual(t, "never", f2.goesOn(id, "2027-02-20", "2027-03-20"), "its year after the end is over")
}

func epmWithout(t *testing.T, from, to string) string {
	t.Helper()
	text := readRegister(t, "epm.yaml")
	return text[strings.Index(text, "  "+from+":"):strings.Index(text, "  "+to+":")]
}

// A second instruction moves the customer's own day no later.
func TestLaterBy(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	_, agreement := h.customer("Bageriet")
	id := f.hosted(agreement, gdpr.Ref("Pat-1"))
	s := f.operations.Under(agreement)
	f.event(s, gdpr.Event{Kind: gdpr.ErasureInstructed, Record: id, By: day(t, "2026-03-10")})
	f.event(s, gdpr.Event{Kind: gdpr.ErasureInstructed, Record: id, By: day(t, "2026-05-10")})
	x, err := s.Explain(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "2026-03-10", x.Parts[0].Until.String())
}

func readRegister(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../testdata/registers/" + name)
	require.NoError(t, err)
	return string(b)
}

// A register whose copies outlive what an agreement in force promises is refused.
func TestCopiesOfAgreements(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	ctx := t.Context()
	admin := h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Bageriet", Contact: "dso@kund.example", Country: "SE"})
	require.NoError(t, err)
	put := func(rule string) error {
		_, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: day(t, "2024-01-01"), Activities: []string{hostedPurpose},
			Terms: "service-agreement", Erase: []string{"P30D after agreement-ended", rule}, AtEnd: "erase"})
		return err
	}
	require.Error(t, put("P35D after erasure-instructed"), "does not fit")
	require.NoError(t, put("P45D after erasure-instructed"))
	err = h.unapprovedOrNil("epm.yaml", firstVersion, secondVersion, "kept: P35D", "kept: P80D")
	assert.Error(t, err, "the agreement cannot be kept any more, and nobody says so")
}
