package gdpr_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// One that has run out is put in force again.
func TestSuppressAgainAfterExpiry(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "order", Reason: "raderad", Until: day(t, "2026-06-30")}))
	h.clock.set("2026-07-02")
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "order", Reason: "igen"}))
	_, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej"}})
	require.ErrorIs(t, err, gdpr.ErrSuppressed)
}

// Neither the id of a person, nor another form of an address, nor a second place in a record leads round it.
func TestSuppressionBypass(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx, sales := t.Context(), h.As(seller, "sales-contact")
	desk := h.As(dpo, gdpr.SubjectRights)
	ticket := f.ticket(gdpr.ID{}, gdpr.ID{}) // asa
	got, err := f.support.Get(ctx, ticket)
	require.NoError(t, err)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "sales-contact", Reason: "invände"}))
	_, err = sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	require.ErrorIs(t, err, gdpr.ErrSuppressed)
	_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Subject(got.Subject()), Fields: gdpr.Fields{"name": "Åsa"}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed, "by id")

	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: gdpr.Email("lista@kund.example"), Activity: "sales-contact", Reason: "invände"}))
	_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Email("LISTA@KUND.example."), Fields: gdpr.Fields{"name": "x"}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed, "dot")
	_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Email("ny@kund.example"), Fields: gdpr.Fields{"name": "x"}, Also: []gdpr.Share{{Subject: gdpr.Email("lista@kund.example"), Fields: gdpr.Fields{"name": "y"}}}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed, "also")
}

// An objection to direct marketing covers addresses that stand only in a field.
func TestObjectionByField(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx, sales := t.Context(), h.As(seller, "sales-contact")
	id, err := sales.Put(ctx, gdpr.Record{Subject: gdpr.Phone("070-1740606"), Fields: gdpr.Fields{"email": "bo@kund.example"}})
	require.NoError(t, err)
	require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: id, Purpose: "sales-contact"}))
	_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Phone("070-1740606"), Fields: gdpr.Fields{"name": "Bo"}})
	require.ErrorIs(t, err, gdpr.ErrSuppressed)
	_, err = sales.Put(ctx, gdpr.Record{Subject: gdpr.Email("bo@kund.example"), Fields: gdpr.Fields{"name": "Bo"}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed, "the address that was a field")
}

// An erasure for an objection suppresses also where a hold keeps everything.
func TestObjectionOnHold(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx, sales := t.Context(), h.As(seller, "sales-contact")
	id, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	require.NoError(t, err)
	_, err = h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2026-06-01")})
	require.NoError(t, err)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.Objected)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	_, err = sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed)
}

// It is lifted for one activity at a time.
func TestUnsuppressAll(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	for _, a := range []string{"order", "warranty"} {
		require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: a, Reason: "x"}))
	}
	assert.Error(t, desk.Unsuppress(ctx, asa, "", "slarv"))
	infos, err := desk.Suppressions(ctx, asa)
	require.NoError(t, err)
	assert.Len(t, infos, 2)
}

// The suppression of one person in a record ends nothing for the others.
func TestSuppressedShareEndsOthers(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: bjorn, Activity: "warranty", Reason: "vill inte"}))
	id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": "ÅKV-1"},
		Also: []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"serial": "ÅKV-2"}}}})
	require.NoError(t, err)
	got, err := h.As(web, "warranty").Get(ctx, id)
	assert.NoError(t, err, "Åsa's warranty goes on")
	require.NoError(t, err)
	assert.Len(t, got.Subjects(), 1, "Björn's is not used")
}

// A record that is given a suppressed address loses the purpose, as a new one would.
func TestUpdateToSuppressedFurther(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: gdpr.Email("spärrad@kund.example"), Activity: "warranty", Reason: "vill inte"}))
	id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: gdpr.Email("ny@kund.example"), Fields: gdpr.Fields{"message": "Hej", "serial": "ÅKV-1"}})
	require.NoError(t, err)
	_, err = h.As(web, "warranty").Get(ctx, id)
	require.NoError(t, err)
	require.NoError(t, h.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"email": "spärrad@kund.example"}}))
	_, err = h.As(web, "warranty").Get(ctx, id)
	require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
}

// A further purpose that is ended at once is no import of overdue data.
func TestSuppressedImportHalts(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: bjorn, Activity: "warranty", Reason: "vill inte"}))
	out, err := h.As(web, "order").PutAll(ctx, sequence(gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej", "serial": "ÅKV-2"}}), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, out.Stored)
	assert.Zero(t, out.Overdue)
	_, err = h.Sweep(ctx, nil)
	assert.NoError(t, err)
}

// New data about a suppressed person does not come in by way of an old record.
func TestUpdateOfSuppressed(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
	require.NoError(t, err)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: bjorn, Activity: "warranty", Reason: "vill inte"}))
	require.NoError(t, h.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "ÅKV-1"}}))
	_, err = h.As(web, "warranty").Get(ctx, id)
	assert.ErrorIs(t, err, gdpr.ErrPurposeEnded, "new data for a purpose that he is suppressed for")
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: bjorn, Activity: "order", Reason: "vill inte"}))
	err = h.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Mer"}})
	assert.ErrorIs(t, err, gdpr.ErrSuppressed)
}

// No Put that begins after Suppress has returned is stored.
func TestSuppressRace(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx := t.Context()
	for i := range 40 {
		who := gdpr.Email(fmt.Sprintf("n%d@kund.example", i))
		var wg sync.WaitGroup
		wg.Add(2)
		var puts [10]error
		var done [10]bool
		suppressed := make(chan struct{})
		go func() {
			defer wg.Done()
			assert.NoError(t, h.As(dpo, gdpr.SubjectRights).Suppress(ctx, gdpr.Suppression{Subject: who, Activity: "sales-contact", Reason: "x"}))
			close(suppressed)
		}()
		go func() {
			defer wg.Done()
			for j := range puts {
				_, puts[j] = h.As(seller, "sales-contact").Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Bo"}})
				select {
				case <-suppressed:
					done[j] = true
				default:
				}
			}
		}()
		wg.Wait()
		for j := 1; j < len(puts); j++ {
			if done[j-1] && puts[j] == nil {
				t.Error("stored after Suppress had returned")
			}
		}
	}
}

// An objection to direct marketing by one record ends it for all of the person (Art. 21(3)).
func TestObjectionOtherRecords(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx, sales := t.Context(), h.As(seller, "sales-contact")
	one, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	require.NoError(t, err)
	two, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"title": "VD"}})
	require.NoError(t, err)
	require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: one, Purpose: "sales-contact"}))
	_, err = sales.Get(ctx, two)
	assert.ErrorIs(t, err, gdpr.ErrPurposeEnded)
}

type hooked struct {
	storage.Store
	before func() // once, before parts are stored
}

func (s *hooked) Apply(ctx context.Context, b *storage.Batch) error {
	if do := s.before; do != nil && len(b.PutParts) > 0 {
		s.before = nil
		do()
	}
	return s.Store.Apply(ctx, b)
}

// An objection between the look and the commit of a Put comes first.
func TestObjectionWhilePut(t *testing.T) {
	t.Parallel()
	store := &hooked{Store: memory.New()}
	h := newHouse(t, "epm.yaml", store, nil)
	newFirm(h)
	seller := gdpr.Person("Säljare Sågström")
	h.grant(seller, "sales")
	ctx, sales := t.Context(), h.As(seller, "sales-contact")
	_, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}})
	require.NoError(t, err)
	store.before = func() {
		require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Subject: asa, Purpose: "sales-contact"}))
	}
	id, err := sales.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"title": "VD"}})
	if err == nil {
		_, err = sales.Get(ctx, id)
		assert.Error(t, err, "stored after the objection, and used")
	}
	h.clock.set("2036-01-01")
	h.sweep()
	assert.Zero(t, h.count())
}

// Reasons name nobody; a key of the application is compared as the index does.
func TestSuppressionWords(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "order", Reason: "x"}))
	refusedInput(t, desk.Unsuppress(ctx, asa, "", "slarv"), "Activity")
	refusedInput(t, desk.Unsuppress(ctx, asa, "order", "begärt av eva@byn.example"), "Reason")
	require.NoError(t, desk.Suppress(ctx, gdpr.Suppression{Subject: gdpr.Ref("Ö-1"), Activity: "order", Reason: "x"}))
	_, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: gdpr.Ref("ö-1"), Fields: gdpr.Fields{"message": "Hej"}})
	require.ErrorIs(t, err, gdpr.ErrSuppressed)
	refusedInput(t, desk.Suppress(ctx, gdpr.Suppression{Subject: asa, Activity: "warranty", Reason: "begärt av eva@byn.example"}), "Suppression.Reason")
}

// Thousands of names in one import are looked up, and exactly the suppressed ones refused.
func TestManyNames(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		seller := gdpr.Person("Säljare Sågström")
		h.grant(seller, "sales")
		ctx := t.Context()
		for i := range 3 {
			require.NoError(t, h.As(dpo, gdpr.SubjectRights).Suppress(ctx, gdpr.Suppression{Subject: gdpr.Email(fmt.Sprintf("n%d@kund.example", i*400)), Activity: "sales-contact", Reason: "x"}))
		}
		var all []gdpr.Record
		for i := range 1000 {
			all = append(all, gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("n%d@kund.example", i)).And(gdpr.Phone(fmt.Sprintf("+4670%07d", i))), Fields: gdpr.Fields{"name": "Bo"}})
		}
		out, err := h.As(seller, "sales-contact").PutAll(ctx, sequence(all...), nil)
		require.NoError(t, err)
		assert.Equal(t, 997, out.Stored)
		assert.Len(t, out.Refused, 3)
		h.verified()
	})
}
