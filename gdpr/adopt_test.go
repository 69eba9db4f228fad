package gdpr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// adopt opens the engine anew under a changed text of the register.
func (h *house) adopt(register string, changes ...string) {
	h.t.Helper()
	h.reg = h.version(register, changes...)
	h.open()
}

// approved is adopt with Örjan's approval of version 2.
func (h *house) approved(register string, changes ...string) {
	h.t.Helper()
	h.approval = &gdpr.Approval{Version: 2, Reason: "Beslut 2026-17", Approver: dpo}
	h.adopt(register, changes...)
}

// unapproved tries to adopt, and returns why it may not.
func (h *house) unapproved(register string, changes ...string) error {
	h.t.Helper()
	kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
	require.NoError(h.t, err)
	before, err := h.store.Meta(h.t.Context())
	require.NoError(h.t, err)
	entries, _ := h.trail()
	_, refused := gdpr.Open(h.t.Context(), h.store, kek, h.version(register, changes...), &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now, Adopt: h.approval})
	require.Error(h.t, refused)
	after, err := h.store.Meta(h.t.Context())
	require.NoError(h.t, err)
	assert.Equal(h.t, before, after, "nothing was changed")
	again, _ := h.trail()
	assert.Len(h.t, again, len(entries))
	return refused
}

// version reads a changed text of the register.
func (h *house) version(register string, changes ...string) *gdpr.Register {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "registers", register))
	require.NoError(h.t, err)
	changed := strings.NewReplacer(changes...).Replace(string(text))
	require.NotEqual(h.t, string(text), changed)
	path := filepath.Join(h.dir, "register.yaml")
	require.NoError(h.t, os.WriteFile(path, []byte(changed), 0o600))
	reg, err := gdpr.LoadRegister(path)
	require.NoError(h.t, err)
	return reg
}

const (
	firstVersion  = "version: 1, from: 2026-01-01,"
	secondVersion = "version: 2, from: 2026-06-01, change: Ändrade ändamål,"
)

// A new version of the register lays a field out otherwise: a rectified value must stay in no part of the old layout.
func TestUpdateUnderANewLayout(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej", "serial": "ÅKV-0001", "phone": "031-3900600"}})
		require.NoError(t, err)
		require.Equal(t, 2, h.count())
		h.clock.set("2026-06-01")
		h.adopt("family.yaml", firstVersion, secondVersion, "fields: [name, email, serial]", "fields: [name, serial]")

		s := h.As(web, "order")
		require.NoError(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"email": "åsa.ek@kund.example"}}))
		got, err := s.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, gdpr.Fields{"message": "Hej", "serial": "ÅKV-0001", "phone": "031-3900600", "email": "åsa.ek@kund.example"}, got.Fields())
		assert.Equal(t, 4, got.Version, "both parts")
		assert.Empty(t, find(t, s, asa), "the old address leads nowhere")
		assert.Len(t, find(t, s, gdpr.Email("åsa.ek@kund.example")), 1)
		parts, err := h.store.Record(ctx, id)
		require.NoError(t, err)
		require.Len(t, parts, 2)
		for _, p := range parts {
			assert.Equal(t, []int{2}, h.keysOf(p.PartRef, 9))
		}
		// With the warranty's end goes what it still holds; the address is not in it any more.
		require.NoError(t, s.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: id}))
		assert.Equal(t, 1, h.sweep().Erased)
		r, err := h.As(dpo, gdpr.SubjectRights).Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, []string{"serial"}, r.Fields().Names())
		h.verified()
	})
}

// An activity that came after an agreement's end knows of the end all the same.
func TestActivityYoungerThanAnEnd(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		_, agreement := h.supplier()
		h.clock.set("2026-05-01")
		require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}))
		h.clock.set("2026-06-01")
		h.adopt("family.yaml", firstVersion, secondVersion, "  supplier-contact:\n", `  supplier-invoice:
    role: controller
    class: internal
    subjects: [supplier_vendor]
    fields: {name: user.name, email: user.contact.email}
    purpose: Attest
    basis: A6-1-f
    interest: To know who signed
    erase: P6M after agreement-ended
  supplier-contact:
`)
		s := h.As(web, "supplier-invoice")
		id, err := s.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, Fields: gdpr.Fields{"name": "Åsa Öberg"},
			CollectedAt: time.Date(2026, time.April, 1, 9, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		x, err := s.Explain(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "2026-11-01", x.Parts[0].Until.String())
		_, err = s.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, Fields: gdpr.Fields{"name": "Åsa Öberg"}})
		refusedInput(t, err, "CollectedAt")
		assert.Equal(t, "2026-10-30", (&firm{house: h}).goesOn(id, "2026-10-25", "2026-11-05"))
		h.verified()
	})
}

// An activity that comes back finds what it had left behind, and ends it in time.
func TestActivityThatComesBack(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		f := &firm{house: h}
		id, err := h.As(web, "order").Put(t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": "ÅKV-0001"},
			Events: map[retention.Event]civil.Date{"delivered": day(t, "2026-03-01")}})
		require.NoError(t, err)
		h.approved("family.yaml", append(withoutWarranty(t), firstVersion, secondVersion)...)
		assert.Equal(t, "never", f.goesOn(id, "2029-02-20", "2029-03-10"), "no rule says when")
		h.adopt("family.yaml", firstVersion, "version: 3, from: 2026-06-01, change: Tillbaka,")
		assert.Equal(t, "2029-03-11", f.goesOn(id, "2029-03-11", "2029-03-12"))
		h.verified()
	})
}

// withoutWarranty takes an activity out of family.yaml.
func withoutWarranty(t *testing.T) (changes []string) {
	t.Helper()
	text, err := os.ReadFile("../testdata/registers/family.yaml")
	require.NoError(t, err)
	warranty := string(text)
	warranty = warranty[strings.Index(warranty, "  warranty:\n"):strings.Index(warranty, "  bookkeeping:\n")]
	return []string{warranty, "", "  delivered: Day on which the goods were handed over\n", ""}
}

// What an activity has left behind that the register does not know any more: it is kept, shown to the person, and goes on request.
func TestActivityThatIsGone(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": "ÅKV-0001"},
			Events: map[retention.Event]civil.Date{"delivered": day(t, "2026-03-01")}})
		require.NoError(t, err)
		h.approved("family.yaml", append(withoutWarranty(t), firstVersion, secondVersion)...)
		h.clock.set("2031-01-01")
		assert.Zero(t, h.sweep().Erased, "no rule says when: somebody must decide")
		_, err = h.As(web, "order").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Len(t, find(t, h.As(dpo, gdpr.SubjectRights), asa), 1)
		out, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.NoLongerNeeded)
		require.NoError(t, err)
		assert.True(t, out.Whole)
		h.verified()
	})
}
