package gdpr_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

func unsealed(t *testing.T, b []byte, key *age.X25519Identity) string {
	t.Helper()
	plain, err := age.Decrypt(bytes.NewReader(b), key)
	require.NoError(t, err)
	text, err := io.ReadAll(plain)
	require.NoError(t, err)
	return string(text)
}

// What we hold of our own about the people of a customer is not given back: it is not theirs.
func TestReturnLeaksController(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	_, agreement := h.customer("Bageriet")
	f.hosted(agreement, gdpr.Ref("Pat-1"))
	f.ticket(agreement, gdpr.ID{})
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	var w bytes.Buffer
	out, err := h.As(ops, hostedPurpose).Under(agreement).Return(ctx, &w, key.Recipient().String())
	require.NoError(t, err)
	text := unsealed(t, w.Bytes(), key)
	assert.NotContains(t, text, "Skrivaren", "a ticket that we are controller of")
	assert.Equal(t, 1, out.Parts)
}

// A person with two addresses has both in the package.
func TestReturnTwoIdentifiers(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	_, agreement := h.customer("Bageriet")
	f.hosted(agreement, gdpr.Ref("Pat-1").And(gdpr.Ref("Pat-2")))
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	var w bytes.Buffer
	_, err = h.As(ops, hostedPurpose).Under(agreement).Return(ctx, &w, key.Recipient().String())
	require.NoError(t, err)
	text := strings.ToLower(unsealed(t, w.Bytes(), key))
	assert.Contains(t, text, "pat-1")
	assert.Contains(t, text, "pat-2")
}

// What came in after the package was made is not erased by its confirmation.
func TestConfirmAfterImport(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	_, agreement := h.customer("Bageriet")
	f.hosted(agreement, gdpr.Ref("Pat-1"))
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	h.clock.set("2026-03-10")
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	s := h.As(ops, hostedPurpose).Under(agreement)
	var w bytes.Buffer
	out, err := s.Return(ctx, &w, key.Recipient().String())
	require.NoError(t, err)
	in, err := s.PutAll(ctx, sequence(gdpr.Record{Subject: gdpr.Ref("Pat-9"), CollectedAt: on("2026-03-03").at, Fields: gdpr.Fields{"content": "Aldrig returnerat"}}), nil)
	require.NoError(t, err)
	require.Equal(t, 1, in.Stored)
	refusedInput(t, s.ConfirmReturn(ctx, out.Digest), "Digest")
	h.sweep()
	assert.Equal(t, 2, h.count(), "what was never returned lives")
}

// A package of before an agreement went on confirms nothing of after.
func TestConfirmAfterReopened(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	ctx := t.Context()
	_, agreement := h.customer("Bageriet")
	f.hosted(agreement, gdpr.Ref("Pat-1"))
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	s := h.As(ops, hostedPurpose).Under(agreement)
	var w bytes.Buffer
	out, err := s.Return(ctx, &w, key.Recipient().String())
	require.NoError(t, err)
	h.clock.set("2026-03-03")
	f.event(f.admin, gdpr.Event{Kind: gdpr.Reopened, Agreement: agreement, Approver: dpo, Note: "Fortsatte"})
	for range 5 {
		f.hosted(agreement, gdpr.Ref("Pat-1"))
	}
	h.clock.set("2026-09-01")
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	require.Error(t, s.ConfirmReturn(ctx, out.Digest), "a package of before")
	h.sweep()
	assert.Equal(t, 6, h.count(), "what was never returned lives")
}

// A part that is there and does not open makes the package fail: it must not pass for whole.
func TestReturnWithoutKeys(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", true)
	f := newFirm(h)
	ctx := t.Context()
	_, agreement := h.customer("Bageriet")
	f.hosted(agreement, gdpr.Ref("Pat-1"))
	lost := f.hosted(agreement, gdpr.Ref("Pat-2"))
	parts, err := h.store.Record(ctx, lost)
	require.NoError(t, err)
	// as after a key store that was restored from a copy older than the record
	require.NoError(t, h.keys.ApplyKeys(ctx, &storage.KeyBatch{DestroyAllOf: []storage.PartRef{parts[0].PartRef}}))
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
	var w bytes.Buffer
	out, err := h.As(ops, hostedPurpose).Under(agreement).Return(ctx, &w, key.Recipient().String())
	assert.Error(t, err, "two parts are stored: %+v", out)
}

// Whoever may export one activity of an agreement may not give back the others.
func TestReturnOtherActivity(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	ctx := t.Context()
	h.reg = h.version("epm.yaml", firstVersion, secondVersion, "  invoice:  ", `  hosted-logs:
    role: processor
    terms: service-agreement
    subjects: [customer_data_subject]
    fields: {subject-reference: user.unique_id, content: user}
    find-by: [subject-reference]
    purpose: {sv: Loggar, en: Logs}

  invoice:  `, "  manager: {may: [grant]}", "  loggers: {may: [read, write], for: [hosted-logs]}\n  manager: {may: [grant]}")
	h.open()
	newFirm(h)
	h.grant(gdpr.Job("logg"), "loggers")
	admin := h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Bageriet", Contact: "dso@kund.example", Country: "SE"})
	require.NoError(t, err)
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: day(t, "2024-01-01"),
		Activities: []string{"hosted-customer-data", "hosted-logs"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "return"})
	require.NoError(t, err)
	_, err = h.As(gdpr.Job("logg"), "hosted-logs").Under(agreement).Put(ctx, gdpr.Record{Subject: gdpr.Ref("Pat-1"), Fields: gdpr.Fields{"content": "Loggrad"}})
	require.NoError(t, err)
	require.NoError(t, admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}))
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	_, err = h.As(ops, "hosted-logs").Under(agreement).Return(ctx, &bytes.Buffer{}, key.Recipient().String())
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	var w bytes.Buffer
	_, err = h.As(ops, "hosted-customer-data").Under(agreement).Return(ctx, &w, key.Recipient().String())
	if err == nil {
		assert.NotContains(t, unsealed(t, w.Bytes(), key), "Loggrad")
	}
}
