package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/subjectrights/report"
)

// call runs the program, and returns what it told.
func call(t *testing.T, in string, args ...string) (code int, told string) {
	t.Helper()
	var b bytes.Buffer
	code = realMain(t.Context(), args, strings.NewReader(in), &b)
	return code, b.String()
}

var verifier = regexp.MustCompile(`(?m)^  (gallra/\S+)$`)

// opened is the package of a call, checked by the key that the call told.
func opened(t *testing.T, path, told string, opt report.OpenOptions) *report.Opened {
	t.Helper()
	key := verifier.FindStringSubmatch(told)
	require.NotNil(t, key, told)
	opt.Key = key[1]
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	o, err := report.OpenPackage(f, opt)
	require.NoError(t, err)
	return o
}

func read(t *testing.T, o *report.Opened, name string) string {
	t.Helper()
	r, err := o.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "new", "report.zip")
	code, told := call(t, "", "-demo", "-plain", "-format", "html,json", "-lang", "sv", "-out", out)
	require.Zero(t, code, told)
	assert.Contains(t, told, "4 records")
	assert.Contains(t, told, "NOT sealed")
	assert.NotContains(t, told, "Öberg", "nothing personal is told")
	o := opened(t, out, told, report.OpenOptions{})
	assert.Len(t, o.Manifest.Files, 2)
	page := read(t, o, "report.sv.html")
	for _, text := range []string{"Åke Öberg", "beskära äppelträd", "Kanalbolaget AB", "en annan person", "10 mars 2026"} {
		assert.Contains(t, page, text)
	}
	for _, text := range []string{"Elsa", "Båtplats"} {
		assert.NotContains(t, page, text)
	}
	code, told = call(t, "", "-demo", "-plain", "-out", out)
	assert.Equal(t, 1, code)
	assert.Contains(t, told, "is there already", "nothing is written over")
}

// TestStore: the store of an application, on SQLite, asked in every way.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("register.yaml"), demoRegister, 0o600))
	t.Setenv("GALLRA_DSN", "sqlite:"+path("app.db"))
	t.Setenv("GALLRA_KEK", path("dev.kek"))
	t.Setenv("GALLRA_REGISTER", path("register.yaml"))
	register, err := gdpr.LoadRegister(path("register.yaml"))
	require.NoError(t, err)
	kek, err := insecurekeyfile.Open(path("dev.kek"))
	require.NoError(t, err)
	store, err := sqlite.Open(t.Context(), path("app.db"), nil)
	require.NoError(t, err)
	e, err := gdpr.Open(t.Context(), store, kek, register, &gdpr.Options{Owner: demoOwner})
	require.NoError(t, err)
	_, err = e.As(demoOwner, gdpr.Retention).Grant(t.Context(), gdpr.Grant{Role: "privacy", Actor: demoOfficer})
	require.NoError(t, err)
	anna := gdpr.Email("anna.lindqvist@kund.example").And(gdpr.Phone("070-1740605")).And(gdpr.NationalNumber("19121212-1212")).And(gdpr.Ref("medlem-4"))
	_, err = e.As(demoOfficer, "membership").Put(t.Context(), gdpr.Record{Subject: anna, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	require.NoError(t, err)
	require.NoError(t, e.Close())
	require.NoError(t, store.Close())

	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	common := []string{"-identified", "known-address", "-actor", "Örjan Dataskydd", "-format", "csv,jsonl", "-seal-to", identity.Recipient().String()}
	for i, who := range [][]string{{"-email", "Anna.Lindqvist@kund.example"}, {"-phone", "+46 70 174 06 05"}, {"-number", "191212121212"}, {"-key", "medlem-4"}, {"-email", "-"}} {
		out := path("report" + string(rune('a'+i)))
		code, told := call(t, "anna.lindqvist@kund.example\n", append(append([]string{"-out", out}, who...), common...)...)
		require.Zero(t, code, told)
		raw, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.NotContains(t, string(raw), "Lindqvist")
		assert.Contains(t, read(t, opened(t, out, told, report.OpenOptions{Identity: identity.String()}), "report.en.csv"), "Anna Lindqvist")
	}

	require.NoError(t, os.WriteFile(path("pass"), []byte("rätt häst batteri\nmer\n"), 0o600))
	code, told := call(t, "", "-key", "ingen", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-passphrase-file", path("pass"), "-out", path("nobody"))
	require.Zero(t, code, told)
	assert.Contains(t, told, "0 records")
	o := opened(t, path("nobody"), told, report.OpenOptions{Passphrase: "rätt häst batteri"})
	assert.Contains(t, read(t, o, "report.sv.html"), "har inga uppgifter om dig")

	for name, args := range map[string][]string{
		"nobody with a role": {"-key", "medlem-4", "-identified", "known-address", "-actor", "Utan Roll", "-plain"},
		"no key of age":      {"-key", "medlem-4", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-seal-to", "anna.lindqvist@kund.example"},
		"nothing on stdin":   {"-key", "-", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-plain"},
		"no language":        {"-key", "medlem-4", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-plain", "-lang", "no"},
		"in the future":      {"-key", "medlem-4", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-plain", "-received", "2999-01-01"},
		"no passphrase file": {"-key", "medlem-4", "-identified", "known-address", "-actor", "Örjan Dataskydd", "-passphrase-file", path("none")},
	} {
		code, told := call(t, "", append(args, "-out", path("refused"))...)
		assert.Equal(t, 1, code, name)
		assert.NotContains(t, told, "anna.", name)
		assert.NoFileExists(t, path("refused"), "half a package is removed")
	}
	t.Setenv("GALLRA_DSN", "sqlite:"+path("typo.db"))
	code, told = call(t, "", append([]string{"-key", "medlem-4", "-out", path("refused")}, common...)...)
	assert.Equal(t, 1, code)
	assert.Contains(t, told, "no SQLite file")
	assert.NoFileExists(t, path("typo.db"))
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-demo"}, {"-demo", "-plain", "-email", "x"}, {"-plain"}, {"-email", "anna@kund.example", "-plain"}, {"-demo", "-plain", "more"},
		{"-email", "anna@kund.example", "-plain", "-identified", "known-address", "-actor", "X"}, {"-demo", "-plain", "-received", "anna@kund.example"}, {"-demo", "-plain", "-person", "anna@kund.example"}, {"-what"}} {
		code, told := call(t, "", args...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, told, "Usage:")
		assert.NotContains(t, told, "anna@")
	}
	code, told := call(t, "", "-help")
	assert.Zero(t, code)
	assert.Contains(t, told, "Usage:")
}
