package report_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights/report"
)

// key is a person's own: the public and the private half.
func key(t *testing.T) (public, private string) {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return k.Recipient().String(), k.String()
}

// printer is a PDFRenderer that prints nothing.
type printer struct{ err error }

func (p printer) PDF(_ context.Context, w io.Writer, html io.Reader) error {
	if p.err != nil {
		return p.err
	}
	_, _ = io.WriteString(w, "%PDF ")
	_, err := io.Copy(w, html)
	return err
}

func packed(t *testing.T, r *report.Report, opt report.PackageOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := report.Package(t.Context(), &b, r, opt)
	require.NoError(t, err)
	return b.Bytes()
}

func TestPackageIsSealedAndOpens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	checks, err := h.CheckpointKey()
	require.NoError(t, err)
	r := made(t, whole(t))
	public, private := key(t)
	_, stranger := key(t)
	all := []string{"html", "json", "jsonl", "csv", "pdf"}
	var b bytes.Buffer
	m, err := report.Package(t.Context(), &b, r, report.PackageOptions{Formats: all, Recipients: []string{public}, Signer: h, PDF: printer{}})
	require.NoError(t, err)
	assert.Len(t, m.Files, 10)
	assert.False(t, m.Complete, "a source failed")
	for _, open := range []string{"Öberg", "report.sv.html", "2026-17", "PK\x03\x04"} {
		assert.NotContains(t, b.String(), open, "all of it is sealed")
	}
	o, err := report.OpenPackage(bytes.NewReader(b.Bytes()), report.OpenOptions{Identity: private, Key: checks})
	require.NoError(t, err)
	assert.Equal(t, *m, o.Manifest)
	assert.Equal(t, "2026-17", o.Manifest.Case)
	assert.Equal(t, 4, o.Manifest.Register)
	assert.Equal(t, 2, o.Manifest.Records)
	for name, f := range forms {
		in, err := o.Open("report.sv." + name)
		require.NoError(t, err)
		text, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Equal(t, string(written(t, f, r, "sv")), string(text))
	}
	for _, name := range []string{"manifest.json", "report.no.html", "../report.sv.html", ""} {
		_, err = o.Open(name)
		require.Error(t, err, name)
	}

	other, err := newHouse(t).CheckpointKey()
	require.NoError(t, err)
	for name, opt := range map[string]report.OpenOptions{"a stranger's key": {Identity: stranger, Key: checks}, "not sealed at all": {Key: checks},
		"another store": {Identity: private, Key: other}, "no key": {Identity: private}, "a limit": {Identity: private, Key: checks, Limit: 1000},
		"a passphrase": {Passphrase: "rätt häst batteri", Key: checks}, "both": {Identity: private, Passphrase: "rätt häst batteri", Key: checks}} {
		_, err = report.OpenPackage(bytes.NewReader(b.Bytes()), opt)
		require.Error(t, err, name)
	}
	for _, cut := range []int{0, 100, b.Len() / 2, b.Len() - 1} {
		_, err = report.OpenPackage(bytes.NewReader(b.Bytes()[:cut]), report.OpenOptions{Identity: private, Key: checks})
		require.Error(t, err, cut)
	}
}

func TestPackageForAPassphrase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	checks, err := h.CheckpointKey()
	require.NoError(t, err)
	text := packed(t, made(t, family(t)), report.PackageOptions{Passphrase: "rätt häst batteri", Signer: h})
	o, err := report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Passphrase: "rätt häst batteri", Key: checks})
	require.NoError(t, err)
	assert.Len(t, o.Manifest.Files, 6, "HTML, JSON and CSV in both languages")
	assert.True(t, o.Manifest.Complete)
	_, err = report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Passphrase: "fel häst batteri", Key: checks})
	require.Error(t, err)
}

func TestPackageIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := made(t, family(t))
	public, _ := key(t)
	sound := func() report.PackageOptions {
		return report.PackageOptions{Recipients: []string{public}, Signer: h}
	}
	for name, spoil := range map[string]func(*report.PackageOptions){
		"unsealed":            func(o *report.PackageOptions) { o.Recipients = nil },
		"sealed and plain":    func(o *report.PackageOptions) { o.Plain = true },
		"two ways":            func(o *report.PackageOptions) { o.Passphrase = "rätt häst batteri" },
		"a short passphrase":  func(o *report.PackageOptions) { o.Recipients, o.Passphrase = nil, "kort" },
		"no recipient's key":  func(o *report.PackageOptions) { o.Recipients = []string{"anna@kund.example"} },
		"no signer":           func(o *report.PackageOptions) { o.Signer = nil },
		"no renderer":         func(o *report.PackageOptions) { o.Formats = []string{"pdf"} },
		"an unknown format":   func(o *report.PackageOptions) { o.Formats = []string{"doc"} },
		"an unknown language": func(o *report.PackageOptions) { o.Languages = []string{"no"} },
		"a format twice":      func(o *report.PackageOptions) { o.Formats = []string{"csv", "csv"} },
	} {
		opt := sound()
		spoil(&opt)
		var b bytes.Buffer
		_, err := report.Package(t.Context(), &b, r, opt)
		require.Error(t, err, name)
		assert.Empty(t, b.Bytes(), name)
		assert.NotContains(t, err.Error(), "anna@")
	}
	_, err := report.Package(t.Context(), io.Discard, nil, sound())
	require.Error(t, err)
	opt := sound()
	opt.Formats, opt.PDF = []string{"pdf"}, printer{io.ErrNoProgress}
	_, err = report.Package(t.Context(), io.Discard, r, opt)
	require.ErrorIs(t, err, io.ErrNoProgress)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = report.Package(ctx, io.Discard, r, sound())
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, h.Close())
	_, err = report.Package(t.Context(), io.Discard, r, sound())
	require.ErrorIs(t, err, gdpr.ErrClosed)
}

// TestForgedPackages: whatever is changed inside, once the seal is off, is noticed.
func TestForgedPackages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	checks, err := h.CheckpointKey()
	require.NoError(t, err)
	sound := packed(t, made(t, family(t)), report.PackageOptions{Formats: []string{"csv", "json"}, Languages: []string{"sv"}, Plain: true, Signer: h})
	openIt := func(text []byte) error {
		_, err := report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Key: checks})
		return err
	}
	require.NoError(t, openIt(sound))
	require.NoError(t, openIt(repack(t, sound, func([]entry) []entry { return unpack(t, sound) })))

	change := func(name string, edit func(string) string) func([]entry) []entry {
		return func(all []entry) []entry {
			for i := range all {
				if all[i].name == name {
					all[i].text = edit(all[i].text)
				}
			}
			return all
		}
	}
	// resigned changes the manifest and signs it again: what only its checks of the files can notice.
	resigned := func(edit func(*report.Manifest)) func([]entry) []entry {
		return func(all []entry) []entry {
			var m report.Manifest
			require.NoError(t, json.Unmarshal([]byte(all[2].text), &m))
			edit(&m)
			text, err := json.Marshal(m)
			require.NoError(t, err)
			sig, err := h.SignStatement("access-report", text)
			require.NoError(t, err)
			all[2].text, all[3].text = string(text), "x\n"+base64.StdEncoding.EncodeToString(sig)+"\n"
			return all
		}
	}
	require.NoError(t, openIt(repack(t, sound, resigned(func(*report.Manifest) {}))), "resigned without a change")
	bomb := strings.Repeat("\x00", 4<<20)
	for name, edit := range map[string]func([]entry) []entry{
		"a value changed":          change("report.sv.json", func(s string) string { return strings.Replace(s, "Öberg", "Åberg", 1) }),
		"a file longer":            change("report.sv.csv", func(s string) string { return s + "x" }),
		"a file shorter":           change("report.sv.csv", func(s string) string { return s[1:] }),
		"a bomb":                   change("report.sv.csv", func(string) string { return bomb }),
		"a bomb for a manifest":    change("manifest.json", func(s string) string { return s + strings.Repeat(" ", 4<<20) }),
		"a bomb for a signature":   change("manifest.sig", func(string) string { return bomb }),
		"the manifest changed":     change("manifest.json", func(s string) string { return strings.Replace(s, "2026-17", "2026-18", 1) }),
		"the signature changed":    change("manifest.sig", func(s string) string { return strings.Replace(s, "\n", "\nAAAA", 1) }),
		"no signature":             change("manifest.sig", func(string) string { return "" }),
		"a file missing":           func(all []entry) []entry { return all[1:] },
		"the manifest missing":     func(all []entry) []entry { return append(all[:2:2], all[3]) },
		"the signature missing":    func(all []entry) []entry { return all[:3] },
		"a file more":              func(all []entry) []entry { return append(all, entry{"report.en.csv", "x"}) },
		"a file out of the folder": func(all []entry) []entry { return append(all, entry{"../../etc/passwd", "x"}) },
		"a file twice":             func(all []entry) []entry { return append(all, all[0]) },
		"an unknown format":        resigned(func(m *report.Manifest) { m.Format = 2 }),
		"a name that leads out": func(all []entry) []entry {
			return resigned(func(m *report.Manifest) { m.Files[0].Name = "../x" })(rename(all, "../x"))
		},
		"a size below zero": resigned(func(m *report.Manifest) { m.Files[0].Bytes = -1 }),
		"a size beyond all": resigned(func(m *report.Manifest) { m.Files[0].Bytes = 1 << 62 }),
		"another digest":    resigned(func(m *report.Manifest) { m.Files[0].SHA256 = m.Files[1].SHA256 }),
	} {
		require.ErrorIs(t, openIt(repack(t, sound, edit)), report.ErrPackage, name)
	}
	for i := range sound { // any byte: never a panic, and never another file
		if i%7 == 0 {
			broken := bytes.Clone(sound)
			broken[i] ^= 0x40
			_ = openIt(broken)
		}
	}
	require.ErrorIs(t, openIt([]byte("no ZIP file")), report.ErrPackage)
}

// TestPackageThatSwells: even a package that is whole and signed may not fill the memory of who opens it.
func TestPackageThatSwells(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	checks, err := h.CheckpointKey()
	require.NoError(t, err)
	for range 20 {
		h.put("membership", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"notes": strings.Repeat("å", 32<<10)}})
	}
	text := packed(t, made(t, h.input(ake)), report.PackageOptions{Plain: true, Signer: h})
	_, err = report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Key: checks})
	require.NoError(t, err)
	_, err = report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Key: checks, Limit: int64(len(text))})
	require.ErrorIs(t, err, report.ErrPackage)
	require.ErrorContains(t, err, "its files are larger")
	_, err = report.OpenPackage(bytes.NewReader(text), report.OpenOptions{Key: checks, Limit: int64(len(text)) - 1})
	require.ErrorContains(t, err, "larger than")
}

type entry struct{ name, text string }

func rename(all []entry, name string) []entry {
	all[0].name = name
	return all
}

func unpack(t *testing.T, text []byte) (all []entry) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		all = append(all, entry{f.Name, string(b)})
	}
	return all
}

func repack(t *testing.T, text []byte, edit func([]entry) []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range edit(unpack(t, text)) {
		w, err := z.Create(e.name)
		require.NoError(t, err)
		_, err = io.WriteString(w, e.text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestNothingPrints(t *testing.T) {
	t.Parallel()
	in := whole(t)
	for _, v := range []any{in, &in, in.Records, report.Item{Fields: gdpr.Fields{"notes": "Åke"}}, report.PackageOptions{Passphrase: "Åke häst batteri"},
		report.OpenOptions{Identity: "Åke", Passphrase: "Åke"}, made(t, in), struct{ in report.Input }{in}, in.Sources} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, "Åke")
			assert.NotContains(t, text, "betala")
			assert.NotContains(t, text, "c3856b65")
		}
		if b, err := json.Marshal(v); err == nil {
			assert.NotContains(t, string(b), "Åke")
		}
	}
}
