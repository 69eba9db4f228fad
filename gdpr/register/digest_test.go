package register

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
)

// The digests of the three registers. They are stored beside every deadline: a
// change here means that no store opens any more with the register it knows.
func TestDigestIsFixed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"smallest.yaml": "sha256:c7f1143dda1250c026a99c6cbe80a3b465f5e8c4224c1eb0028c0a9021a2aec6",
		"epm.yaml":      "sha256:a6d00ec6463890bcb84827e271cfc8e3114bcc8d5365ae01352ff06441d877a5",
		"full.yaml":     "sha256:c5d71d1b581c1ec3d40362ba0179657d66bc22aa2a1f2a6eaef48dcff97152cc",
	} {
		assert.Equal(t, want, parse(t, name).Digest(), name)
	}
}

func TestDigestIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"epm.yaml", "full.yaml", "smallest.yaml"} {
		text := file(t, name)
		want := parse(t, name).Digest()
		for seed := range uint64(10) {
			other := shuffled(t, text, seed)
			r, err := Parse(File{Name: name, Data: []byte(other)})
			require.NoError(t, err, "%s\n%s", name, other)
			assert.Equal(t, want, r.Digest(), name)
		}
	}
	text := file(t, "full.yaml")
	want := parse(t, "full.yaml").Digest()
	for old, new := range map[string]string{
		"[customer_contact, prospect]":      "[prospect, customer_contact]",
		"{may: [read, write], for: [ticket": "{supervised: false, may: [write, read], for: [ticket",
		"subjects: [commuter]":              "find-by: [document]\n    subjects: [commuter]",
	} {
		r, err := Parse(File{Name: "f", Data: []byte(edit(t, text, old, new))})
		require.NoError(t, err, new)
		if strings.Contains(new, "find-by") {
			assert.NotEqual(t, want, r.Digest(), "an index more")
			continue
		}
		assert.Equal(t, want, r.Digest(), new)
	}
	epm := file(t, "epm.yaml")
	r, err := Parse(File{Name: "f", Data: []byte(edit(t, epm, "country: SE ", "zone: Europe/Stockholm\n  authority: IMY\n  country: SE "))})
	require.NoError(t, err)
	assert.Equal(t, parse(t, "epm.yaml").Digest(), r.Digest(), "a default written out")
}

// Every value of the file is part of the meaning: another one gives another
// digest, or a register that does not load.
func TestDigestSeesEverything(t *testing.T) {
	t.Parallel()
	text := file(t, "full.yaml")
	digests := map[string]string{parse(t, "full.yaml").Digest(): "unchanged"}
	loaded := 0
	for _, p := range scalars(t, text) {
		for _, other := range []string{"Annat", "P9Y", "user.payment"} {
			if text[p.from:p.to] == other || p.key {
				continue
			}
			r, err := Parse(File{Name: "f", Data: []byte(text[:p.from] + other + text[p.to:])})
			if err != nil {
				continue
			}
			loaded++
			digest := r.Digest()
			before, seen := digests[digest]
			assert.False(t, seen, "%s for %s gives the digest of %s", other, text[p.from:p.to], before)
			digests[digest] = text[p.from:p.to] + " -> " + other
		}
	}
	assert.Greater(t, loaded, 120)
}

func TestDigestChangesNothing(t *testing.T) {
	t.Parallel()
	r := builtEPM()
	r.Digest()
	assert.Equal(t, builtEPM(), r)
}

func TestFollows(t *testing.T) {
	t.Parallel()
	r := parse(t, "epm.yaml")
	stored := r.Stamp()
	assert.Equal(t, Stamp{Version: 1, From: r.From, Digest: r.Digest()}, stored)
	require.NoError(t, r.Follows(stored))

	changed := parse(t, "epm.yaml")
	changed.Security = Plain("Fourteen rules")
	assert.EqualError(t, changed.Follows(stored),
		"register: version 1 is stored with other content. Every deadline names its version. Raise register.version and say why in register.change.")

	changed.Version, changed.Change = 2, Plain("A rule more")
	require.NoError(t, changed.Follows(stored))
	assert.EqualError(t, r.Follows(changed.Stamp()),
		"register: version 1 is lower than the stored version 2. Every deadline names its version. Load the newer register, or raise register.version.")

	changed.From = civil.Date{Year: 2025, Month: 12, Day: 31}
	assert.EqualError(t, changed.Follows(stored),
		"register.from: before that of version 1. A version is in force from its day until the next one. Write that day or a later one.")
}
