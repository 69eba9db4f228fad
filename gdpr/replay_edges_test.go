package gdpr_test

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// A hold on a customer that was off-boarded had ended before, whatever it was on.
func TestReplayHoldOnCustomer(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"record", "subject", "agreement"} {
		t.Run(on, func(t *testing.T) {
			ctx := t.Context()
			s := newSite(t, village, false)
			h := newHamlet(t, s)
			hold := gdpr.Hold{Ground: "tvist", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}}
			by := h.As(dpo, gdpr.Retention)
			switch on {
			case "record":
				hold.Record = h.guest
			case "agreement":
				hold.Agreement = h.agreement
			case "subject":
				got, err := h.As(support, "hosted").Under(h.agreement).Get(ctx, h.guest)
				require.NoError(t, err)
				hold.Subject = gdpr.Subject(got.Subject())
				by = h.As(dpo, "hosted").Under(h.agreement)
			}
			id, err := by.Hold(ctx, hold)
			require.NoError(t, err)
			h.stop()
			old, err := s.copyTo(t.TempDir())
			require.NoError(t, err)
			h.running = s.run(t)
			require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, id))
			require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: h.agreement}))
			_, err = h.As(dpo, gdpr.Retention).Offboard(ctx, h.party)
			require.NoError(t, err)
			h.stop()
			want := s.there(t)
			s.restored(t, old, dataFile)
			r := s.run(t)
			out, err := r.As(dpo, gdpr.Retention).Replay(ctx)
			require.NoError(t, err)
			assert.Equal(t, 1, out.Controllers)
			assert.Equal(t, want, s.there(t))
			r.stop()
			r = s.run(t)
			r.whole(t, r.data.Writer())
		})
	}
}

// Several processes replay at once: each ends with an open store, and every proof is there once.
func TestReplayTwice(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		ctx := t.Context()
		s := newSite(t, village, apart)
		h := newHamlet(t, s)
		h.stop()
		old, err := s.copyTo(t.TempDir())
		require.NoError(t, err)
		h.running = s.run(t)
		h.eraseSome(ctx)
		h.eraseBo(t)
		h.stop()
		s.restored(t, old, dataFile)
		var wg sync.WaitGroup
		rs := []*running{s.run(t), s.run(t), s.run(t)}
		errs := make([]error, 3)
		for i, r := range rs {
			wg.Add(1)
			go func() { defer wg.Done(); _, errs[i] = r.As(dpo, gdpr.Retention).Replay(ctx) }()
		}
		wg.Wait()
		assert.Contains(t, errs, nil, "one at least has done it")
		for i, r := range rs {
			if errs[i] != nil {
				_, err := r.As(dpo, gdpr.Retention).Replay(ctx)
				require.NoError(t, err)
			}
		}
		for _, r := range rs {
			_, err := r.As(support, "inquiry").Get(ctx, h.live)
			require.NoError(t, err)
			_, err = r.As(support, "inquiry").Get(ctx, h.eva)
			require.ErrorIs(t, err, gdpr.ErrErased)
			_, err = r.Verify(ctx)
			require.NoError(t, err)
			r.stop()
		}
	}
}

func (h *hamlet) eraseBo(t *testing.T) {
	_, err := h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("bo@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
}

// Persons who came and went after the copy cost a replay no batch of their own each.
func TestReplayManyAbsent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	for i := range 700 {
		who := gdpr.Email(fmt.Sprintf("ung%d@byn.example", i))
		h.put(gdpr.Record{Subject: who, Fields: gdpr.Fields{"question": "Ny"}})
		_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, who, gdpr.Unlawful)
		require.NoError(t, err)
	}
	h.stop()
	s.restored(t, old, dataFile)
	r := s.run(t)
	out, err := r.As(dpo, gdpr.Retention).Replay(ctx)
	require.NoError(t, err)
	assert.Equal(t, 700, out.Proofs)
	assert.Zero(t, out.Persons)
	_, err = r.As(support, "inquiry").Get(ctx, h.live)
	require.NoError(t, err)
	_, err = r.Verify(ctx)
	require.NoError(t, err)
}

// After random acts, copies and restores exactly what was proven erased is gone.
func TestReplayRandom(t *testing.T) {
	t.Parallel()
	for seed := range int64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewSource(seed))
			ctx := context.Background()
			apart := rng.Intn(2) == 0
			s := newSite(t, village, apart)
			h := newHamlet(t, s)
			r := h.running
			var holds []gdpr.ID
			who := func() gdpr.Identity { return gdpr.Email(fmt.Sprintf("p%d@byn.example", rng.Intn(6))) }
			var log []string
			ops := func(n int) {
				for range n {
					var err error
					what := ""
					desk := r.As(dpo, gdpr.SubjectRights)
					switch rng.Intn(9) {
					case 0, 1:
						what = "put"
						rec := gdpr.Record{Subject: who(), Fields: gdpr.Fields{"name": "N", "question": "Q"}}
						if rng.Intn(3) == 0 {
							rec.Also = []gdpr.Share{{Subject: who(), Fields: gdpr.Fields{"question": "R"}}}
						}
						if rng.Intn(3) == 0 {
							rec.CollectedAt = s.clock.at.AddDate(0, -rng.Intn(20), 0)
						}
						_, err = r.As(support, "inquiry").Put(ctx, rec)
					case 2, 3:
						what = "erase"
						_, err = desk.Erase(ctx, who(), gdpr.Unlawful)
					case 4:
						what = "objection"
						err = desk.RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Subject: who(), Purpose: "inquiry"})
					case 5:
						what = "sweep"
						s.clock.at = s.clock.at.AddDate(0, rng.Intn(8), 0)
						_, err = r.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
						require.NoError(t, err)
					case 6, 7:
						what = "hold"
						id, e := desk.Hold(ctx, gdpr.Hold{Subject: who(), Ground: "tvist", ReviewBy: civil.DateOf(s.clock.at, time.UTC).AddDays(100)})
						if err = e; err == nil {
							holds = append(holds, id)
						}
					case 8:
						what = "release"
						if len(holds) > 0 {
							err = r.As(dpo, gdpr.Retention).Release(ctx, holds[0])
							holds = holds[1:]
						}
					}
					log = append(log, fmt.Sprint(what, " ", err))
				}
			}
			type place struct {
				r storage.ID
				p int
			}
			parts := func(st storage.Store) map[place]storage.Part {
				out := map[place]storage.Part{}
				all, err := st.Parts(ctx, storage.PartQuery{Limit: 10000})
				require.NoError(t, err)
				for _, p := range all {
					out[place{p.Record, p.PartRef.Part}] = p
				}
				return out
			}
			var copies []*site
			for range 4 {
				ops(6 + rng.Intn(10))
				r.stop()
				old, err := s.copyTo(t.TempDir())
				require.NoError(t, err)
				copies = append(copies, old)
				r = s.run(t)
				ops(6 + rng.Intn(10))
				gone, persons := map[place]bool{}, map[storage.ID]bool{}
				rows, err := r.data.Proofs(ctx, 0, 100000)
				require.NoError(t, err)
				for _, row := range rows {
					p, err := audit.DecodeProof(row.Body)
					require.NoError(t, err)
					for _, x := range p.Parts {
						gone[place{x.Record, x.Part}] = true
					}
					for _, id := range p.Subjects {
						persons[id] = true
					}
				}
				r.stop()
				old = copies[rng.Intn(len(copies))]
				files := []string{dataFile}
				if apart && rng.Intn(2) == 0 {
					files = append(files, keysFile)
				}
				s.restored(t, old, files...)
				was, err := s.start(ctx)
				require.NoError(t, err)
				before := parts(was.data)
				was.stop()
				r = s.run(t)
				out, err := r.As(dpo, gdpr.Retention).Replay(ctx)
				require.NoError(t, err, log)
				log = append(log, fmt.Sprintf("replay %+v", *out))
				after := parts(r.data)
				for at, p := range before {
					_, there := after[at]
					should := !gone[at] && !persons[p.Subject]
					if there != should {
						t.Fatalf("seed %d: there %v, should %v\n%v", seed, there, should, log)
					}
				}
				for id := range persons {
					_, err := r.data.Subject(ctx, id)
					require.ErrorIs(t, err, storage.ErrNotFound)
				}
				_, err = r.Verify(ctx)
				require.NoError(t, err)
				r.whole(t, r.data.Writer())
				holds = nil
			}
		})
	}
}

// Where data is restored and keys are those of today, a part that was rectified since has lost its key: it says nothing, takes no new values, and goes
// with its person.
func TestReplayChanged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	grown := h.put(gdpr.Record{Subject: gdpr.Email("gun@byn.example"), Fields: gdpr.Fields{"question": "Fråga"}, CollectedAt: on("2026-02-01").at})
	small := h.put(gdpr.Record{Subject: gdpr.Ref("liten"), Fields: gdpr.Fields{"question": "Fråga"}})
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	require.NoError(t, h.As(support, "inquiry").Update(ctx, small, gdpr.Change{Fields: gdpr.Fields{"name": "Liten"}}))
	require.NoError(t, h.As(support, "inquiry").Update(ctx, h.changed, gdpr.Change{Fields: gdpr.Fields{"question": "Efter"}}))
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("eva@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
	h.stop()
	s.restored(t, old, dataFile)
	r := s.run(t)
	_, err = r.As(dpo, gdpr.Retention).Replay(ctx)
	require.NoError(t, err)
	_, err = r.As(support, "inquiry").Get(ctx, grown)
	require.NoError(t, err)
	assert.NoError(t, r.As(support, "inquiry").Update(ctx, small, gdpr.Change{Fields: gdpr.Fields{"name": "Liten"}}), "new part whose key is there already")
	got, err := r.As(support, "inquiry").Get(ctx, small)
	require.NoError(t, err)
	assert.Equal(t, "Liten", got.Fields().Text("name"))
	got, err = r.As(support, "inquiry").Get(ctx, h.changed)
	require.NoError(t, err)
	assert.Equal(t, []string{"email", "name"}, got.Fields().Names())
	require.ErrorIs(t, r.As(support, "inquiry").Update(ctx, h.changed, gdpr.Change{Fields: gdpr.Fields{"question": "Nu"}}), gdpr.ErrErased)
	_, err = r.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("cajsa@byn.example"), gdpr.Unlawful)
	assert.NoError(t, err)
}
