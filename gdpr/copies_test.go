package gdpr_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// TestCopiesFit: backup life, interval of the sweep and the limit of an instruction fit together, or the engine does not open (EPM-4, EPM-8.1).
func TestCopiesFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		kept, keys   string
		every        time.Duration
		apart, fails bool
	}{
		{name: "a month of copies", kept: "P35D", keys: "P7D"},
		{name: "to the day: 88 and one", kept: "P88D", keys: "P7D"}, // three months are 89 days at least
		{name: "a day over", kept: "P89D", keys: "P7D", fails: true},
		{name: "a day over, keys apart", kept: "P89D", keys: "P7D", apart: true},
		{name: "copies of keys for months", kept: "P1Y", keys: "P88D", every: 48 * time.Hour, apart: true, fails: true},
		{name: "a sweep a quarter", kept: "P35D", keys: "P7D", every: 60 * 24 * time.Hour, fails: true},
		{name: "a sweep a quarter, keys apart", kept: "P35D", keys: "P7D", every: 60 * 24 * time.Hour, apart: true},
	} {
		text := []byte(`
register: {format: 1, version: 1, from: 2026-01-01, author: Byrådet}
organization: {name: Byn AB, contact: post@byn.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
backups: {kept: ` + test.kept + `, keys-kept: ` + test.keys + `}
terms:
  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, P1Y after agreement-ended], at-end: erase}
activities:
  hosted: {role: processor, terms: lease, subjects: [customer], fields: {content: user}, purpose: Leverera tjänsten}
`)
		reg, err := register.Parse(register.File{Name: "byn.yaml", Data: text})
		require.NoError(t, err, test.name)
		kek, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
		require.NoError(t, err)
		opt := &gdpr.Options{SweepEvery: test.every}
		if test.apart {
			opt.Keys = memory.New()
		}
		e, err := gdpr.Open(t.Context(), memory.New(), kek, reg, opt)
		if !test.fails {
			require.NoError(t, err, test.name)
			require.NoError(t, e.Close())
			continue
		}
		refusedInput(t, err, "Terms.lease")
		assert.Contains(t, err.Error(), "P3M after erasure-instructed", test.name)
	}
}
