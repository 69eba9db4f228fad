package report_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/subjectrights/report"
)

// A password is said to be there, and shown in no format.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	reg, err := register.Parse(register.File{Name: "register.yaml", Data: []byte(`register: {format: 1, version: 1, from: 2026-01-01, author: Ägaren}
organization: {name: Åkeriet AB, contact: privacy@akeriet.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
activities:
  account: {role: controller, class: confidential, subjects: [prospect], fields: {email: user.contact.email, password: user.authorization.password}, purpose: Log in, basis: A6-1-b, erase: P1Y after collected}
`)})
	require.NoError(t, err)
	kek, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
	require.NoError(t, err)
	eng, err := gdpr.Open(ctx, memory.New(), kek, reg, nil)
	require.NoError(t, err)
	defer func() { _ = eng.Close() }()
	_, err = eng.As(gdpr.Job("web"), "account").Put(ctx, gdpr.Record{Subject: gdpr.Email("asa@kund.example"), Fields: gdpr.Fields{"password": "hemligt-lösen"}})
	require.NoError(t, err)
	in := report.Input{Register: reg, Case: "1", Received: civil.DateOf(time.Now(), time.UTC), Due: civil.DateOf(time.Now(), time.UTC), Made: time.Now()}
	for r, err := range eng.As(gdpr.Person("dpo"), gdpr.SubjectRights).FindExplained(ctx, gdpr.Email("asa@kund.example"), "") {
		require.NoError(t, err)
		in.Person = r.Stored.Subject()
		in.Records = append(in.Records, report.Record{Stored: r.Stored, Why: r.Why})
	}
	require.Len(t, in.Records, 1)
	r, err := report.New(in)
	require.NoError(t, err)
	var all bytes.Buffer
	require.NoError(t, report.HTML(&all, r, report.Swedish))
	require.NoError(t, report.JSON(&all, r, report.English))
	require.NoError(t, report.JSONLines(&all, r, report.English))
	require.NoError(t, report.CSV(&all, r, report.Swedish))
	assert.Contains(t, all.String(), "asa@kund.example")
	assert.Contains(t, all.String(), "visar den inte")
	assert.NotContains(t, all.String(), "hemligt")
	var along bytes.Buffer
	require.NoError(t, report.Portable(&along, r, nil))
	assert.Contains(t, along.String(), "asa@kund.example")
	assert.NotContains(t, along.String(), "password")
}
