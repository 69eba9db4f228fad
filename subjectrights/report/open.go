package report

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
)

// ErrPackage says that a package is not what was packed: a signature, a digest or a file is wrong, one too many or missing. The error says which.
var ErrPackage = errors.New("not a whole package of a report")

// OpenOptions say how to open a package. They print as [redacted].
type OpenOptions struct {
	// Identity is a private key of age, AGE-SECRET-KEY-1...; or Passphrase; or neither for a package that is plain.
	Identity   string
	Passphrase string
	// Key is that of the store that has signed it (gdpr.Engine.CheckpointKey), from elsewhere than the package.
	Key string
	// Limit is how many bytes a package may have, which is how many are held in memory, and sixteen times as many its files together. Defaults to 64 MiB.
	Limit int64
}

const (
	defaultLimit  = 64 << 20
	limitManifest = 64 << 10
	swells        = 16 // by how much the files may be larger than the package: what they hold shrinks to a tenth
)

// Opened is a package that was checked: every file of its manifest is there, as it was packed, and nothing else.
type Opened struct {
	Manifest Manifest
	files    map[string]*zip.File
}

// OpenPackage opens a package of Package and checks all of it before it returns: seal, signature, digests, names and sizes. Nothing is written
// anywhere. A package that is not whole, or not signed with the key, is ErrPackage.
func OpenPackage(r io.Reader, opt OpenOptions) (*Opened, error) {
	o, err := openPackage(r, opt)
	if err != nil {
		return nil, fmt.Errorf("open report: %w", err)
	}
	return o, nil
}

func openPackage(r io.Reader, opt OpenOptions) (*Opened, error) {
	if opt.Key == "" {
		return nil, refuse("Key", "missing: that of the store that has signed it")
	}
	if opt.Limit == 0 {
		opt.Limit = defaultLimit
	}
	var err error
	switch {
	case opt.Identity != "" && opt.Passphrase != "":
		return nil, refuse("Identity", "given along with a passphrase: one of them")
	case opt.Identity != "":
		r, err = crypto.OpenPackage(io.LimitReader(r, 2*opt.Limit), opt.Identity)
	case opt.Passphrase != "":
		r, err = crypto.OpenPackageWith(io.LimitReader(r, 2*opt.Limit), opt.Passphrase)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, opt.Limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPackage, err)
	}
	if int64(len(text)) > opt.Limit {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrPackage, opt.Limit)
	}
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, fmt.Errorf("%w: not a ZIP file", ErrPackage)
	}
	o := &Opened{files: map[string]*zip.File{}}
	for _, f := range archive.File {
		if o.files[f.Name] != nil {
			return nil, fmt.Errorf("%w: a file stands twice", ErrPackage)
		}
		o.files[f.Name] = f
	}
	if err := o.check(opt); err != nil {
		return nil, err
	}
	return o, nil
}

// check trusts nothing but the key: first the signature over the manifest, then by it all else.
func (o *Opened) check(opt OpenOptions) error {
	text, err := o.small(manifestName)
	if err != nil {
		return err
	}
	signed, err := o.small(signatureName)
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(strings.TrimSuffix(string(signed), "\n"), "\n") // the key before it is for those who look it up
	signature, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return fmt.Errorf("%w: no signature", ErrPackage)
	}
	if err := audit.VerifyStatement(opt.Key, statementKind, text, signature); err != nil {
		return fmt.Errorf("%w: %w", ErrPackage, err)
	}
	if err := json.Unmarshal(text, &o.Manifest); err != nil || o.Manifest.Format != 1 {
		return fmt.Errorf("%w: a manifest of another format", ErrPackage)
	}
	if len(o.files) != len(o.Manifest.Files)+2 {
		return fmt.Errorf("%w: not as many files as its manifest has", ErrPackage)
	}
	left := swells * opt.Limit
	for _, f := range o.Manifest.Files {
		if left -= f.Bytes; f.Bytes < 0 || left < 0 {
			return fmt.Errorf("%w: its files are larger than %d bytes", ErrPackage, swells*opt.Limit)
		}
		if err := o.verify(f); err != nil {
			return err
		}
	}
	return nil
}

// small reads a file that says something of the others.
func (o *Opened) small(name string) ([]byte, error) {
	f := o.files[name]
	if f == nil {
		return nil, fmt.Errorf("%w: %s is missing", ErrPackage, name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, name, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, limitManifest+1))
	if err == nil && len(text) > limitManifest {
		err = errors.New("too large")
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, name, err)
	}
	return text, nil
}

// verify reads a file, no further than a byte beyond what it should have.
func (o *Opened) verify(f File) error {
	r, err := o.Open(f.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPackage, err)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, io.LimitReader(r, f.Bytes+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrPackage, f.Name, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not what was packed", ErrPackage, f.Name)
	}
	return nil
}

// Open returns one file of the manifest, by its name.
func (o *Opened) Open(name string) (io.ReadCloser, error) {
	f := o.files[name]
	if f == nil || !fileName(name) {
		return nil, errors.New("open report: no such file of a report")
	}
	return f.Open()
}

// fileName reports whether a name is one of a report's files: report.sv.html. So none leads out of a folder.
func fileName(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) != 3 || parts[0] != "report" {
		return false
	}
	_, err := wordsIn(parts[1])
	for _, f := range formats {
		if err == nil && f == parts[2] {
			return true
		}
	}
	return false
}

// String returns [redacted].
func (OpenOptions) String() string { return redactedText }

// GoString returns [redacted].
func (OpenOptions) GoString() string { return redactedText }

// Format prints [redacted] for every verb.
func (OpenOptions) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// LogValue returns [redacted].
func (OpenOptions) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON fails.
func (OpenOptions) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// String names the case and the number of files.
func (o *Opened) String() string {
	return fmt.Sprintf("package of case %s, %d files", o.Manifest.Case, len(o.Manifest.Files))
}

// Format prints String for every verb.
func (o *Opened) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, o.String()) }

// LogValue is String.
func (o *Opened) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalJSON fails: what it holds is read by Open.
func (o *Opened) MarshalJSON() ([]byte, error) { return nil, errMarshal }
