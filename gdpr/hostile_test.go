package gdpr_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// frozen freezes the person of a record for some days.
func (f *firm) frozen(record gdpr.ID, number string, days int) *gdpr.CaseFile {
	f.t.Helper()
	x, err := f.As(dpo, gdpr.SubjectRights).Explain(f.t.Context(), record)
	require.NoError(f.t, err)
	c := newCase(f.house, number, days, asa)
	f.freeze(c, x.Parts[0].Subject, days)
	return c
}

func (f *firm) freeze(c *gdpr.CaseFile, who gdpr.ID, days int) {
	f.t.Helper()
	until := civil.DateOf(f.clock.at.AddDate(0, 0, days), time.UTC)
	act := gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{c}, Freeze: &gdpr.Freeze{Subject: who, Until: until}}
	require.NoError(f.t, f.As(dpo, gdpr.SubjectRights).PutCase(f.t.Context(), act))
}

// A freeze lets data be put right; what is taken away is gone before the copy is sealed.
func TestHostileFrozenFieldTakenAway(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx := t.Context()
		ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
		f.frozen(ticket, "1", 30)
		require.NoError(t, f.support.Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"name": "Åsa Östberg"}}), "put right")
		require.ErrorIs(t, f.support.Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"message": nil}}), gdpr.ErrOnHold)
		require.ErrorIs(t, h.As(dpo, gdpr.SubjectRights).Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"message": nil}}), gdpr.ErrOnHold)
		got, err := f.support.Get(ctx, ticket)
		require.NoError(t, err)
		assert.NotEmpty(t, got.Text("message"))
	})
}

// A real hold on somebody who is frozen keeps what a freeze does not, and the other way round.
func TestHostileHoldAndFreeze(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
		ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
		one, two := f.frozen(ticket, "1", 30), f.frozen(ticket, "2", 60)
		change := gdpr.Change{Fields: gdpr.Fields{"name": "Åsa Östberg"}}
		require.NoError(t, f.support.Update(ctx, ticket, change))
		hold, err := desk.Hold(ctx, gdpr.Hold{Subject: asa, Ground: "Tvist", ReviewBy: civil.DateOf(h.clock.at.AddDate(0, 11, 0), time.UTC)})
		require.NoError(t, err)
		require.ErrorIs(t, f.support.Update(ctx, ticket, change), gdpr.ErrOnHold)
		require.NoError(t, desk.PutCase(ctx, gdpr.CaseAct{Action: "Answer", May: "read", Put: []*gdpr.CaseFile{one}, Thaw: true}))
		require.NoError(t, desk.PutCase(ctx, gdpr.CaseAct{Action: "Answer", May: "read", Put: []*gdpr.CaseFile{one}, Thaw: true}), "again")
		h.clock.at = h.clock.at.AddDate(0, 0, 70) // the second has lapsed
		require.NoError(t, sweepAll(h))
		require.ErrorIs(t, f.support.Update(ctx, ticket, change), gdpr.ErrOnHold)
		_, err = desk.Erase(ctx, asa, gdpr.Unlawful)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		require.NoError(t, desk.Release(ctx, hold))
		two.State = "executing"
		require.NoError(t, putCase(h, two))
		require.NoError(t, sweepAll(h))
		x, err := desk.Explain(ctx, ticket)
		require.NoError(t, err)
		assert.Empty(t, x.Parts, "restricted for the hold: gone with it")
		h.verified()
	})
}

// A freeze whose last day comes nearer again ends on that day, whatever the sweep knew meanwhile.
func TestHostileFreezeMovedBack(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx := t.Context()
		ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
		got, err := f.support.Get(ctx, ticket)
		require.NoError(t, err)
		h.clock.at = h.clock.at.AddDate(1, 0, -10)
		c := f.frozen(ticket, "1", 200)
		h.clock.at = h.clock.at.AddDate(0, 0, 20)
		require.NoError(t, sweepAll(h)) // which dates it to the last day
		x, err := f.desk().Explain(ctx, ticket)
		require.NoError(t, err)
		require.NotEmpty(t, x.Parts)
		f.freeze(c, got.Subject(), 5)
		h.clock.at = h.clock.at.AddDate(0, 0, 10)
		require.NoError(t, sweepAll(h))
		_, err = f.support.Get(ctx, ticket)
		require.ErrorIs(t, err, gdpr.ErrErased, "the freeze is over since days")
	})
}

func (f *firm) desk() *gdpr.Session { return f.As(dpo, gdpr.SubjectRights) }

// The key of a case that has gone is in no file any more, nor is what it sealed.
func TestHostileNoCaseRemains(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	c := &gdpr.CaseFile{Kind: "request", Number: "2026-1", State: "received", Due: s.clock.at, Secret: []byte("Eva vill veta allt som vi vet om henne, och bor på Byvägen 1"), Who: gdpr.Email("eva@byn.example")}
	put := func() {
		require.NoError(t, h.As(dpo, gdpr.SubjectRights).PutCase(ctx, gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{c}}))
	}
	put()
	db := s.raw(t, dataFile)
	r := residue{}
	look := func() {
		var key []byte
		require.NoError(t, db.QueryRow(`SELECT wrapped FROM gallra_subject_keys WHERE id = ?`, c.ID[:]).Scan(&key))
		r.add("key of a case", key)
	}
	look()
	require.NotEmpty(t, r.remains(t, s))
	c.State, c.Closed, c.Due = "closed", true, s.clock.at.AddDate(0, 0, 1)
	put()
	s.clock.at = s.clock.at.AddDate(0, 0, 2)
	_, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(t, err)
	_, err = h.As(dpo, gdpr.SubjectRights).CaseFile(ctx, "request", c.ID)
	require.ErrorIs(t, err, gdpr.ErrNotFound)
	require.Empty(t, r.remains(t, s))
}

// A restored copy has cases that are gone since: Replay removes them, so that lists, the outbox and the job that looks for what is overdue go on.
func TestHostileReplayOfCases(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("keys apart %t", apart), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			s := newSite(t, village, apart)
			h := newHamlet(t, s)
			desk := func(r *running) *gdpr.Session { return r.As(dpo, gdpr.SubjectRights) }
			c := &gdpr.CaseFile{Kind: "request", Number: "2026-1", State: "received", Due: s.clock.at, Who: gdpr.Email("eva@byn.example"), ID: gdpr.NewID()}
			n := &gdpr.CaseFile{Kind: "notice", Case: c.ID, State: "waiting", Due: s.clock.at, Secret: []byte("till Eva")}
			require.NoError(t, desk(h.running).PutCase(ctx, gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{c, n}}))
			h.stop()
			old, err := s.copyTo(t.TempDir())
			require.NoError(t, err)
			h.running = s.run(t)
			c.State, c.Closed, c.Due = "withdrawn", true, s.clock.at.AddDate(0, 0, 1)
			require.NoError(t, desk(h.running).PutCase(ctx, gdpr.CaseAct{Action: "Withdraw", May: "read", Put: []*gdpr.CaseFile{c}, Drop: []*gdpr.CaseFile{n}}))
			s.clock.at = s.clock.at.AddDate(0, 0, 2)
			_, err = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
			require.NoError(t, err)
			h.stop()
			s.restored(t, old, dataFile)
			r := s.run(t)
			_, err = r.As(dpo, gdpr.Retention).Replay(ctx)
			require.NoError(t, err)
			_, err = desk(r).CaseFile(ctx, "request", c.ID)
			require.ErrorIs(t, err, gdpr.ErrNotFound)
			for _, kind := range []string{"request", "notice"} {
				open, err := desk(r).OpenCaseFiles(ctx, kind, gdpr.ID{})
				require.NoError(t, err)
				assert.Empty(t, open, kind)
			}
			about, err := desk(r).CaseFilesAbout(ctx, "request", gdpr.Email("eva@byn.example"))
			require.NoError(t, err)
			assert.Empty(t, about)
			_, err = r.Verify(ctx)
			require.NoError(t, err)
			require.NoError(t, desk(r).PutCase(ctx, gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{{Kind: "request", Number: "2026-1", State: "received", Due: s.clock.at,
				Who: gdpr.Email("eva@byn.example")}}}), "its number is free")
		})
	}
}

// Two processes sweep; both are well.
func TestHostileTwoSweepsOfCases(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		for i := range 450 {
			c := newCase(h, fmt.Sprint(i), 1, gdpr.Ref(fmt.Sprint("k-", i)))
			require.NoError(t, putCase(h, c))
			c.State, c.Closed = "closed", true
			require.NoError(t, putCase(h, c))
		}
		h.clock.at = h.clock.at.AddDate(0, 0, 2)
		other := h.second()
		var wg sync.WaitGroup
		for _, e := range []*house{h, other} {
			wg.Go(func() { assert.NoError(t, sweepAll(e)) })
		}
		wg.Wait()
		require.NoError(t, sweepAll(h))
		_, err := h.As(dpo, gdpr.SubjectRights).CaseFileOf(t.Context(), "request", "449")
		require.ErrorIs(t, err, gdpr.ErrNotFound)
		h.verified()
	})
}

// A hold that is placed while somebody's data is put right: whoever comes second knows of the first.
func TestHostileHoldWhileUpdating(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx, desk := t.Context(), f.desk()
		ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
		f.frozen(ticket, "1", 300)
		for i := range 15 {
			var wg sync.WaitGroup
			var hold gdpr.ID
			var updates [4]error
			wg.Go(func() {
				var err error
				hold, err = desk.Hold(ctx, gdpr.Hold{Subject: asa, Ground: "Tvist", ReviewBy: civil.DateOf(h.clock.at.AddDate(0, 11, 0), time.UTC)})
				assert.NoError(t, err)
			})
			for n := range updates {
				wg.Go(func() {
					updates[n] = f.support.Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"name": fmt.Sprint("Åsa ", i, n)}})
				})
			}
			wg.Wait()
			for _, err := range updates {
				if err != nil && !errors.Is(err, gdpr.ErrConflict) {
					require.ErrorIs(t, err, gdpr.ErrOnHold)
				}
			}
			require.ErrorIs(t, f.support.Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"name": "efter"}}), gdpr.ErrOnHold)
			require.NoError(t, desk.Release(ctx, hold))
			require.NoError(t, f.support.Update(ctx, ticket, gdpr.Change{Fields: gdpr.Fields{"name": "fri"}}))
		}
		h.verified()
	})
}
