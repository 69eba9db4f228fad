package report

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/crypto"
)

// The formats of a report.
const (
	FormatHTML      = "html"
	FormatJSON      = "json"
	FormatJSONLines = "jsonl"
	FormatCSV       = "csv"
	FormatPDF       = "pdf"
)

var formats = []string{FormatHTML, FormatPDF, FormatJSON, FormatJSONLines, FormatCSV}

// PackageOptions say what goes into a package and who opens it. They print as [redacted].
type PackageOptions struct {
	// Formats of the report. Defaults to FormatHTML, FormatJSON and FormatCSV.
	Formats []string
	// Languages, each with all formats. Defaults to Swedish and English.
	Languages []string
	// Recipients are public keys of age, age1... .
	Recipients []string
	// Passphrase seals it instead, for a person without a key. At least 12 characters; tell it by another way than the package.
	Passphrase string
	// Plain leaves it open: only where what carries it is sealed itself.
	Plain bool
	// Signer signs the manifest.
	Signer Signer
	// PDF prints the page; needed for FormatPDF alone.
	PDF PDFRenderer
}

// Signer is what signs a manifest: a *gdpr.Engine.
type Signer interface {
	// SignStatement must return what audit.VerifyStatement takes under CheckpointKey.
	SignStatement(kind string, text []byte) ([]byte, error)
	// CheckpointKey must return the key that verifies it, which is no secret.
	CheckpointKey() (string, error)
}

// Manifest says what a package holds. It names no person.
type Manifest struct {
	Format   int       `json:"format"`
	Case     string    `json:"case"`
	Made     time.Time `json:"made"`
	Register int       `json:"register"` // its version
	Records  int       `json:"records"`
	Complete bool      `json:"complete"` // every source could be read to its end
	Files    []File    `json:"files"`
}

// File is one file of a package.
type File struct {
	Name   string `json:"name"` // report.sv.html
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	statementKind = "access-report"
)

// Package writes a report as it leaves the house (ELA-XFER; Art. 32(1)(a)): a ZIP file with the report in each format and language, a manifest with
// the digest of each file, and a signature over the manifest; all of it sealed by age for the recipients or for a passphrase, and only with Plain
// not. It holds one record at a time, but for PDF. It returns what it has packed. After an error what was written does not open.
//
// The program age opens it and unzip unpacks it. OpenPackage checks it, too.
func Package(ctx context.Context, w io.Writer, r *Report, opt PackageOptions) (*Manifest, error) {
	m, err := writePackage(ctx, w, r, opt)
	if err != nil {
		return nil, fmt.Errorf("pack report: %w", err)
	}
	return m, nil
}

func writePackage(ctx context.Context, w io.Writer, r *Report, opt PackageOptions) (*Manifest, error) {
	if r == nil || r.p == nil {
		return nil, refuse("Report", "missing: make one with New")
	}
	if err := opt.complete(); err != nil {
		return nil, err
	}
	sealed, err := opt.seal(w)
	if err != nil {
		return nil, err
	}
	p := &packer{ctx: ctx, opt: &opt, r: r, zip: zip.NewWriter(sealed), m: &Manifest{Format: 1, Case: r.p.Case, Made: r.p.Made.UTC(),
		Register: r.p.Register.Version, Records: r.p.count, Complete: len(r.p.problems) == 0}}
	for _, lang := range opt.Languages {
		for _, format := range opt.Formats {
			if err := p.report(format, lang); err != nil {
				return nil, err
			}
		}
	}
	if err := p.manifest(); err != nil {
		return nil, err
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return p.m, sealed.Close()
}

// complete sets what is left out, and refuses what would not work, before anything is written.
func (o *PackageOptions) complete() error {
	if len(o.Formats) == 0 {
		o.Formats = []string{FormatHTML, FormatJSON, FormatCSV}
	}
	if len(o.Languages) == 0 {
		o.Languages = []string{Swedish, English}
	}
	ways := 0
	for _, set := range []bool{len(o.Recipients) > 0, o.Passphrase != "", o.Plain} {
		if set {
			ways++
		}
	}
	switch {
	case ways == 0:
		return refuse("Recipients", "missing: a report leaves the house sealed, to a key or a passphrase")
	case ways > 1:
		return refuse("Recipients", "one of recipients, a passphrase and plain, not several")
	case o.Signer == nil:
		return refuse("Signer", "missing: the engine signs the manifest")
	case twice(o.Formats) || twice(o.Languages):
		return refuse("Formats", "a format or language stands twice")
	case slices.Contains(o.Formats, FormatPDF) && o.PDF == nil:
		return refuse("PDF", "missing: a renderer")
	}
	for _, f := range o.Formats {
		if !slices.Contains(formats, f) {
			return refuse("Formats", "not one of "+strings.Join(formats, ", "))
		}
	}
	for _, lang := range o.Languages {
		if _, err := wordsIn(lang); err != nil {
			return err
		}
	}
	return nil
}

func twice(all []string) bool {
	sorted := slices.Sorted(slices.Values(all))
	return len(slices.Compact(sorted)) < len(all)
}

func (o *PackageOptions) seal(w io.Writer) (io.WriteCloser, error) {
	switch {
	case o.Plain:
		return open{w}, nil
	case o.Passphrase != "":
		return crypto.SealPackageFor(w, o.Passphrase)
	}
	return crypto.SealPackage(w, o.Recipients...)
}

// open is a package that is not sealed.
type open struct{ io.Writer }

func (open) Close() error { return nil }

type packer struct {
	ctx context.Context
	opt *PackageOptions
	r   *Report
	zip *zip.Writer
	m   *Manifest
}

func (p *packer) report(format, lang string) error {
	return p.file("report."+lang+"."+format, func(w io.Writer) error {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		switch format {
		case FormatHTML:
			return HTML(w, p.r, lang)
		case FormatJSON:
			return JSON(w, p.r, lang)
		case FormatJSONLines:
			return JSONLines(w, p.r, lang)
		case FormatCSV:
			return CSV(w, p.r, lang)
		}
		return PDF(p.ctx, w, p.r, lang, p.opt.PDF)
	})
}

func (p *packer) file(name string, write func(io.Writer) error) error {
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: p.m.Made})
	if err != nil {
		return err
	}
	sum, size := sha256.New(), new(counter)
	if err := write(io.MultiWriter(w, sum, size)); err != nil {
		return err
	}
	p.m.Files = append(p.m.Files, File{name, int64(*size), hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// manifest ends the package with what was packed and the signature over exactly that.
func (p *packer) manifest() error {
	text, err := json.MarshalIndent(p.m, "", "  ")
	if err != nil {
		return errors.New("encode manifest: not JSON")
	}
	signature, err := p.opt.Signer.SignStatement(statementKind, text)
	if err != nil {
		return err
	}
	key, err := p.opt.Signer.CheckpointKey()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{manifestName, text}, {signatureName, []byte(key + "\n" + base64.StdEncoding.EncodeToString(signature) + "\n")}} {
		w, err := p.zip.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: p.m.Made})
		if err == nil {
			_, err = w.Write(f.text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// String returns [redacted].
func (PackageOptions) String() string { return redactedText }

// GoString returns [redacted].
func (PackageOptions) GoString() string { return redactedText }

// Format prints [redacted] for every verb.
func (PackageOptions) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// LogValue returns [redacted].
func (PackageOptions) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON fails.
func (PackageOptions) MarshalJSON() ([]byte, error) { return nil, errMarshal }
