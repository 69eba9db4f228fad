package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

var (
	owner      = gdpr.Person("Åsa Ägare")
	dpo        = gdpr.Person("Örjan Dataskydd")
	support    = gdpr.Person("Märta Support")
	operations = gdpr.Person("Ödla Drift")
)

// site is an engine over a store, with a clock to turn.
type site struct {
	*gdpr.Engine
	t   *testing.T
	now *atomic.Int64 // days since the first
}

// newSite opens an engine over a store. The KEK and the ledger are in dir; a store that was set up goes on with those that it was set up with.
func newSite(t *testing.T, store storage.Store, dir string) *site {
	t.Helper()
	return openSite(t, store, nil, dir, filepath.Join("..", "..", "..", "testdata", "registers", "epm.yaml"))
}

func openSite(t *testing.T, store storage.Store, keys storage.Keys, dir, register string) *site {
	t.Helper()
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek"))
	require.NoError(t, err)
	reg, err := gdpr.LoadRegister(register)
	require.NoError(t, err)
	s := &site{t: t, now: &atomic.Int64{}}
	s.Engine, err = gdpr.Open(t.Context(), store, kek, reg, &gdpr.Options{Owner: owner, Keys: keys, Now: s.day})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Engine.Close()) })
	return s
}

// day is today.
func (s *site) day() time.Time {
	return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).AddDate(0, 0, int(s.now.Load()))
}

// roles gives everybody what the register has for them.
func (s *site) roles() *site {
	s.t.Helper()
	for who, role := range map[gdpr.Actor]string{support: "support", dpo: "privacy", operations: "operations"} {
		_, err := s.As(owner, gdpr.Retention).Grant(s.t.Context(), gdpr.Grant{Actor: who, Role: role})
		require.NoError(s.t, err)
	}
	return s
}

// mail is an address that tells apart those who live at the same time.
func mail(name string, n int) string { return fmt.Sprintf("%s.%d@kund.example", name, n) }

// life is what happens to one person and one customer, from the first ticket to the erasure: each kind of act once or more.
func (s *site) life(ctx context.Context, n int) error {
	tickets, rights := s.As(support, "support-ticket"), s.As(dpo, gdpr.SubjectRights)
	who := gdpr.Email(mail("åsa", n))
	first, err := tickets.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Skärmen är svart"}})
	if err != nil {
		return err
	}
	second, err := tickets.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": "Nu är den blå"},
		Also: []gdpr.Share{{Subject: gdpr.Email(mail("börje", n)), Fields: gdpr.Fields{"message": "Börje såg det"}}}})
	if err != nil {
		return err
	}
	if err := tickets.Update(ctx, first, gdpr.Change{Fields: gdpr.Fields{"message": "Skärmen är grå"}}); err != nil {
		return err
	}
	got, err := tickets.Get(ctx, first)
	if err != nil {
		return err
	}
	if got.Text("message") != "Skärmen är grå" || got.Text("email") != mail("åsa", n) {
		return errors.New("not what was stored")
	}
	found := 0
	for _, err := range tickets.Find(ctx, gdpr.Email(mail("ÅSA", n))) {
		if err != nil {
			return err
		}
		found++
	}
	if found != 2 {
		return fmt.Errorf("found %d records", found)
	}
	if err := s.customer(ctx, n); err != nil {
		return err
	}
	hold, err := s.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: second, Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}})
	if err != nil {
		return err
	}
	erase := func() (e *gdpr.Erasure, err error) {
		for range 20 { // proofs are one chain: of several erasures at once some are told to try again
			if e, err = rights.Erase(ctx, who, gdpr.NoLongerNeeded); !errors.Is(err, gdpr.ErrConflict) {
				break
			}
		}
		return e, err
	}
	e, err := erase()
	if err != nil || e.Whole || e.OnHold == 0 {
		return fmt.Errorf("held: %v, %w", e, err)
	}
	if _, err := tickets.Get(ctx, first); !errors.Is(err, gdpr.ErrErased) {
		return fmt.Errorf("erased, and read again: %w", err)
	}
	if err := s.As(dpo, gdpr.Retention).Release(ctx, hold); err != nil {
		return err
	}
	_, err = erase()
	return err
}

// customer is what happens to a customer: an agreement, data held under it, and its end.
func (s *site) customer(ctx context.Context, n int) error {
	admin := s.As(owner, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: fmt.Sprintf("Kund %d AB", n), Contact: "dso@kund.example", Country: "SE"})
	if err != nil {
		return err
	}
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-2001", From: civil.Date{Year: 2024, Month: 1, Day: 1},
		Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	if err != nil {
		return err
	}
	hosted := s.As(operations, "hosted-customer-data").Under(agreement)
	for _, ref := range []string{"nyckel-1", "nyckel-2"} {
		if _, err := hosted.Put(ctx, gdpr.Record{Subject: gdpr.Ref(ref), Fields: gdpr.Fields{"content": "kundens data"}}); err != nil {
			return err
		}
	}
	return admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
}

// end lets the years pass: all that is left is swept, and the trail tells the whole story.
func (s *site) end() {
	s.t.Helper()
	ctx := s.t.Context()
	s.now.Add(3 * 365)
	res, err := s.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(s.t, err)
	assert.Positive(s.t, res.Erased)
	h, err := s.Health(ctx)
	require.NoError(s.t, err)
	assert.Zero(s.t, h.Parts, "nothing is left")
	require.NoError(s.t, s.Seal(ctx))
	_, err = s.Verify(ctx)
	require.NoError(s.t, err)
}
