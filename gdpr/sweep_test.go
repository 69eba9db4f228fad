package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

var errKilled = errors.New("killed")

// A sweep that was killed after it had erased parts and before it looked at their persons: the next one does.
func TestSweepKilledBetweenItsSteps(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		who := find(t, f.support, asa)[0].Subject()
		f.invoice()
		_, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Phone("070-1740605").And(gdpr.Email("nils@kund.example")), Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		_, err = f.accounts.Put(ctx, gdpr.Record{Subject: gdpr.Email("nils@kund.example"), Fields: gdpr.Fields{"document": "Faktura"}})
		require.NoError(t, err)
		gone, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		only := out0(t, f.support, gone)

		h.clock.set("2027-03-01")
		s.fail = func(b *storage.Batch) error {
			if len(b.EraseSubjects)+len(b.EraseIndex) > 0 {
				return errKilled
			}
			return nil
		}
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
		require.ErrorIs(t, err, errKilled)
		_, err = h.store.Subject(ctx, only)
		require.NoError(t, err, "nothing is left of Björn but himself")
		s.fail = nil
		res := h.sweep()
		assert.Zero(t, res.Erased)
		assert.Equal(t, 1, res.Persons)
		_, err = h.store.Subject(ctx, only)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = h.store.Subject(ctx, who)
		require.NoError(t, err, "Åsa has an invoice")
		assert.Empty(t, find(t, f.rights, gdpr.Phone("070-1740605")), "a number that was for the ticket alone")
		assert.Len(t, find(t, f.rights, gdpr.Email("nils@kund.example")), 1)

		// An idle sweep asks no more than it did, whatever was erased before.
		s.reset()
		h.sweep()
		asked := len(s.asked)
		assert.NotContains(t, s.asked, "Proofs")
		assert.NotContains(t, s.asked, "Apply")
		s.reset()
		h.sweep()
		assert.LessOrEqual(t, len(s.asked), asked)
		f.verified()
	})
}

// A person of whom two acts write proofs at once: the page is done again, not left.
func TestSweepRacesAnErasure(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		for range 3 {
			f.ticket(gdpr.ID{}, gdpr.ID{})
		}
		_, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		held, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Ref("kvar"), Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		h.clock.set("2027-03-01")
		two, s := h.second().spied()
		once := false
		s.before = func(b *storage.Batch) {
			if len(b.EraseParts) == 0 || once {
				return
			}
			once = true
			_, err := f.rights.Erase(ctx, bjorn, gdpr.Objected)
			assert.NoError(t, err)
			_, err = h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Subject: gdpr.Ref("kvar"), Ground: "tvist", ReviewBy: day(t, "2027-09-01")})
			assert.NoError(t, err)
		}
		res, err := two.Sweep(ctx, nil)
		require.NoError(t, err)
		require.True(t, once)
		assert.Equal(t, 3, res.Erased)
		assert.Equal(t, 1, res.Dated, "held by now: dated to the hold's review")
		assert.Equal(t, 1, res.Left, "erased by now")
		assert.Equal(t, 1, h.count())
		_, err = f.support.Explain(ctx, held)
		require.NoError(t, err)
		f.verified()
	})
}

// The right of a sweeper that is not the built-in one is looked at in every batch.
func TestSweeperLosesItsRight(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		grant := h.grant(web, "privacy")
		h.clock.set("2027-03-01")
		two, s := h.second().spied()
		s.before = func(b *storage.Batch) {
			if len(b.EraseParts) > 0 && !grant.IsZero() {
				assert.NoError(t, h.As(boss, gdpr.Retention).Revoke(ctx, grant))
				grant = gdpr.ID{}
			}
		}
		_, err := two.Sweep(ctx, &gdpr.SweepOptions{Actor: web})
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		assert.Equal(t, 1, h.count())
		assert.Equal(t, 1, h.refusals("Sweep"))
		f.verified()
	})
}

func TestOffboard(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		party, agreement := h.customer("Tallbackens vårdcentral")
		_, other := h.customer("Kvarnbyns mejeri")
		id, kept := f.hosted(agreement, asa), f.hosted(other, asa)
		ours := f.ticket(agreement, gdpr.ID{})
		hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Agreement: agreement, Ground: "tvist", ReviewBy: day(t, "2026-09-01")})
		require.NoError(t, err)
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		_, err = f.rights.Offboard(ctx, party)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))

		two := h.second() // which has the customer's keyset open
		require.Len(t, find(t, two.As(dpo, gdpr.SubjectRights), asa), 3)
		out, err := f.rights.Offboard(ctx, party)
		require.NoError(t, err)
		assert.True(t, out.Whole)
		assert.Zero(t, out.Parts)
		assert.NotEmpty(t, out.Digest)
		again, err := f.rights.Offboard(ctx, party)
		require.NoError(t, err, "a second one finds it done")
		assert.Zero(t, again.Parts)
		_, err = h.Party(ctx, party)
		require.ErrorIs(t, err, gdpr.ErrErased)
		for _, rows := range []int{1, 0} { // before the sweep and after it
			parts, err := h.store.Record(ctx, id)
			require.NoError(t, err)
			assert.Len(t, parts, rows)
			_, err = f.operations.Under(agreement).Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrErased)
			_, err = f.rights.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrNotFound)
			assert.Equal(t, rows > 0, errors.Is(err, gdpr.ErrErased), "the proof of a whole customer names no records")
			_, err = f.operations.Under(agreement).Erase(ctx, asa, gdpr.Instructed)
			require.ErrorIs(t, err, gdpr.ErrNotFound, "an erased person too: ErrErased is one")
			if rows > 0 {
				assert.Equal(t, 3, h.sweep().Cleared, "part, identifier, person")
			}
		}
		_, err = f.operations.Under(agreement).Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"content": "x"}})
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		_, err = f.admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-9"})
		require.ErrorIs(t, err, gdpr.ErrErased, "a new agreement takes a new party")
		found := find(t, f.rights, asa)
		require.Len(t, found, 2)
		for _, r := range found {
			assert.Contains(t, []gdpr.ID{kept, ours}, r.ID)
		}
		_, err = f.operations.Under(other).Get(ctx, kept)
		require.NoError(t, err)
		f.verified()
	})
}

// Setting up is done once, whatever is broken off and whoever comes at the same time.
func TestOpenANewStore(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		for _, at := range []string{"data", "keys"} {
			if at == "keys" && !apart {
				continue
			}
			data, keys := &spy{Store: memory.New()}, &spy{Store: memory.New()}
			kek, err := insecurekeyfile.Open(t.TempDir() + "/dev.kek")
			require.NoError(t, err)
			reg, err := gdpr.LoadRegister("../testdata/registers/epm.yaml")
			require.NoError(t, err)
			open := func() (*gdpr.Engine, error) {
				opt := &gdpr.Options{Owner: boss, Now: on("2026-03-02").now}
				if apart {
					opt.Keys = keys
				}
				return gdpr.Open(t.Context(), data, kek, reg, opt)
			}
			killed := false
			kill := func(*storage.Batch) error {
				if !killed {
					killed = true
					return errKilled
				}
				return nil
			}
			if at == "keys" {
				keys.failKeys = func() error { return kill(nil) }
			} else {
				data.fail = kill
			}
			_, _ = open()
			require.True(t, killed)
			first, err := open()
			require.NoError(t, err, "apart %v, killed at %s", apart, at)
			second, err := open()
			require.NoError(t, err)
			assert.Equal(t, first.StoreID(), second.StoreID())
			assert.Equal(t, first.Self(), second.Self())
			for i, e := range []*gdpr.Engine{first, second} {
				_, err = e.As(boss, gdpr.Retention).Grant(t.Context(), gdpr.Grant{Actor: support, Role: "support"})
				require.NoError(t, err)
				_, err = e.As(support, "support-ticket").Put(t.Context(), text("Hej"))
				require.NoError(t, err)
				assert.Len(t, find(t, second.As(support, "support-ticket"), asa), i+1)
			}
			_, err = second.Verify(t.Context())
			require.NoError(t, err)

			// Keys of another store are refused, and so is a store whose keys are lost.
			if apart {
				_, err = gdpr.Open(t.Context(), memory.New(), kek, reg, &gdpr.Options{Owner: boss, Keys: keys, NoLedger: true})
				refusedInput(t, err, "Options.Keys")
				_, err = gdpr.Open(t.Context(), data, kek, reg, &gdpr.Options{Owner: boss, Keys: memory.New(), NoLedger: true})
				require.ErrorIs(t, err, gdpr.ErrKeysUnavailable)
			}
		}
	}
}

// Two processes open one new store at the same time.
func TestOpenANewStoreTogether(t *testing.T) {
	t.Parallel()
	for _, apart := range []bool{false, true} {
		data, keys := memory.New(), memory.New()
		kek, err := insecurekeyfile.Open(t.TempDir() + "/dev.kek")
		require.NoError(t, err)
		reg, err := gdpr.LoadRegister("../testdata/registers/epm.yaml")
		require.NoError(t, err)
		type opened struct {
			e   *gdpr.Engine
			err error
		}
		all := make(chan opened)
		for range 4 {
			go func() {
				opt := &gdpr.Options{Owner: boss, Now: on("2026-03-02").now, NoLedger: true}
				if apart {
					opt.Keys = keys
				}
				e, err := gdpr.Open(context.Background(), data, kek, reg, opt)
				all <- opened{e, err}
			}()
		}
		ids := map[gdpr.ID]bool{}
		for range 4 {
			o := <-all
			require.NoError(t, o.err, "apart %v", apart)
			ids[o.e.StoreID()] = true
			_, err = o.e.As(boss, gdpr.Retention).PutParty(t.Context(), gdpr.Party{Name: "Kund", Contact: "dso@kund.example", Country: "SE"})
			require.NoError(t, err)
			_, err = o.e.Verify(t.Context())
			require.NoError(t, err)
		}
		assert.Len(t, ids, 1)
	}
}

func TestOpenIsRefused(t *testing.T) {
	t.Parallel()
	kek, err := insecurekeyfile.Open(t.TempDir() + "/dev.kek")
	require.NoError(t, err)
	other, err := insecurekeyfile.Open(t.TempDir() + "/dev.kek")
	require.NoError(t, err)
	epm, err := gdpr.LoadRegister("../testdata/registers/epm.yaml")
	require.NoError(t, err)
	full, err := gdpr.LoadRegister("../testdata/registers/full.yaml")
	require.NoError(t, err)
	changed := *epm
	changed.Organization.Contact = "annan@epm.se"
	store := memory.New()
	ctx := t.Context()
	owned := &gdpr.Options{Owner: boss, NoLedger: true}
	refused := func(err error, field string) { t.Helper(); refusedInput(t, err, field) }
	_, err = gdpr.Open(ctx, nil, kek, epm, owned)
	refused(err, "store")
	_, err = gdpr.Open(ctx, store, nil, epm, owned)
	refused(err, "kek")
	_, err = gdpr.Open(ctx, store, kek, nil, owned)
	refused(err, "register")
	_, err = gdpr.Open(ctx, store, kek, epm, &gdpr.Options{NoLedger: true})
	refused(err, "Options.Owner")
	_, err = gdpr.Open(ctx, store, kek, epm, &gdpr.Options{NoLedger: true, Owner: gdpr.Person("\n")})
	refused(err, "Actor.Name")
	_, err = gdpr.Open(ctx, store, kek, full, owned)
	require.ErrorContains(t, err, "nothing is registered that does (EPM-13)")
	meta, err := store.Meta(ctx)
	require.NoError(t, err)
	assert.Empty(t, meta, "nothing was set up")
	e, err := gdpr.Open(ctx, store, kek, epm, owned)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	_, err = gdpr.Open(ctx, store, kek, epm, &gdpr.Options{NoLedger: true})
	require.NoError(t, err, "the owner is known now")
	_, err = gdpr.Open(ctx, store, other, epm, owned)
	require.ErrorIs(t, err, gdpr.ErrKeysUnavailable)
	_, err = gdpr.Open(ctx, store, kek, &changed, owned)
	require.ErrorContains(t, err, "register: version 1 is stored with other content. Every deadline names its version.")
	_, err = gdpr.Open(ctx, store, kek, full, &gdpr.Options{Owner: boss, NoLedger: true, Anonymize: (&house{reg: full}).anonymizers()})
	require.ErrorContains(t, err, "Terms.standard: does not fit")
	full.Backups.Kept = civil.Period{Days: 35}
	able := *owned
	able.Anonymize = (&house{reg: full}).anonymizers()
	able.Adopt = &gdpr.Approval{Version: 3, Reason: "Ny verksamhet", Approver: boss}
	_, err = gdpr.Open(ctx, store, kek, full, &able)
	require.NoError(t, err, "version 3")
	_, err = gdpr.Open(ctx, store, kek, epm, owned)
	require.ErrorContains(t, err, "stored version 3")
}

// TestSweepReadsOnce: what a sweep has read to see whether it may begin it does not read again, and where that was more than a page it misses nothing.
func TestSweepReadsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	var names []string
	for i := range 90 {
		names = append(names, fmt.Sprintf("kund%d@exempel.se", i))
	}
	h.customers(names...)
	for _, batch := range []int{90, 91, 20, 7} {
		house, s := h.spied()
		house.clock = on("2027-03-20")
		house.open()
		s.reset()
		parts := h.count()
		plan, err := house.Plan(t.Context())
		require.NoError(t, err)
		require.Equal(t, parts, plan.Erase)
		s.reset()
		res, err := house.Sweep(t.Context(), &gdpr.SweepOptions{Batch: batch})
		require.NoError(t, err)
		require.Equal(t, 90, res.Erased)
		require.Equal(t, 90, res.Persons)
		require.Zero(t, h.count())
		asked := 0
		for _, what := range s.asked {
			if what == "Due" {
				asked++
			}
		}
		if batch > 90 {
			assert.Equal(t, 1, asked, "%v", s.asked)
		}
		for _, name := range names {
			_, err := h.As(support, "support-ticket").Put(t.Context(), gdpr.Record{Subject: gdpr.Email(name), Fields: gdpr.Fields{"message": "Hej"}})
			require.NoError(t, err)
		}
	}
}
