// Package maildraft writes each message as a draft that a mail program opens, ready to be looked at and sent: one file <id>.eml in a folder. It is for an
// organization that wants a person to send what the law demands, and for a first day.
//
//	drafts, err := maildraft.New("drafts", "dataskydd@exempel.example")
//	desk, err := subjectrights.New(eng, &subjectrights.Options{Transport: drafts})
//
// A draft is an RFC 5322 message with one recipient, marked X-Unsent: 1, so that mail programs open it as one to be sent. For the desk it is delivered once it
// lies in the folder: whoever looks after the folder sends it on that day, and removes the file when it is sent, since it holds personal data. The folder is
// for its owner alone (0700), and so are the files (0600).
//
// The same message written again replaces its file, so that a second try makes no second draft.
package maildraft

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// Folder writes drafts. It is a subjectrights.Transport, safe for concurrent use, also by several processes.
type Folder struct {
	dir    string
	from   string
	domain string
	now    func() time.Time
}

var _ subjectrights.Transport = (*Folder)(nil)

// New returns a transport that writes drafts into a folder, which it makes if it is not there; one that others may open is refused. from is the sender: an
// e-mail address, also as "Name <address>". It fails with *gdpr.InputError for an address that is none.
func New(dir, from string) (*Folder, error) {
	a, err := mail.ParseAddress(from)
	if err != nil || !single(from) {
		return nil, fmt.Errorf("mail drafts: %w", refuse("From", "not an e-mail address"))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail drafts: %w", withoutPath(err))
	}
	is, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("mail drafts: %w", withoutPath(err))
	case is.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("mail drafts: %w", refuse("Dir", "others may open it: chmod 700"))
	}
	return &Folder{dir: dir, from: a.String(), domain: a.Address[strings.LastIndexByte(a.Address, '@')+1:], now: time.Now}, nil
}

// Send writes the draft of a message. The receipt is the name of its file. An address that is no single e-mail address, and a line break in what goes into a
// header, are refused with *gdpr.InputError.
func (f *Folder) Send(ctx context.Context, m subjectrights.Message) (receipt string, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("mail draft: %w", err)
	}
	text, err := f.draft(&m)
	if err != nil {
		return "", fmt.Errorf("mail draft: %w", err)
	}
	name := m.ID.String() + ".eml"
	if err := f.write(name, text); err != nil {
		return "", fmt.Errorf("mail draft: %w", withoutPath(err))
	}
	return name, nil
}

func (f *Folder) draft(m *subjectrights.Message) ([]byte, error) {
	if m.ID.IsZero() {
		return nil, refuse("ID", "missing")
	}
	to, err := recipient(m.To)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"Subject": m.Subject, "Language": m.Language, "Attachment.Name": nameOf(m.Attachment)} {
		if !single(value) {
			return nil, refuse(field, "has a line break or another control character")
		}
	}
	var out bytes.Buffer
	for _, h := range [][2]string{
		{"From", f.from},
		{"To", to},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", f.now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + m.ID.String() + "@" + f.domain + ">"},
		{"Content-Language", m.Language},
		{"X-Unsent", "1"},
		{"MIME-Version", "1.0"},
	} {
		if h[1] != "" {
			out.WriteString(h[0] + ": " + fold(h[1]) + "\r\n")
		}
	}
	if m.Attachment == nil {
		writeHead(&out, textHead())
		out.WriteString("\r\n")
		err := writeText(&out, m.Text)
		return out.Bytes(), err
	}
	parts := multipart.NewWriter(&out)
	if err := parts.SetBoundary("gallra-" + m.ID.String()); err != nil { // which no line of quoted-printable text or base64 begins with
		return nil, errors.New("boundary: not one")
	}
	writeHead(&out, textproto.MIMEHeader{"Content-Type": {`multipart/mixed; boundary="` + parts.Boundary() + `"`}})
	out.WriteString("\r\n")
	w, err := parts.CreatePart(textHead())
	if err != nil {
		return nil, err
	}
	if err := writeText(w, m.Text); err != nil {
		return nil, err
	}
	w, err = parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {"application/octet-stream"},
		"Content-Transfer-Encoding": {"base64"},
		"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": m.Attachment.Name})},
	})
	if err != nil {
		return nil, err
	}
	if err := writeBase64(w, m.Attachment.Data); err != nil {
		return nil, err
	}
	err = parts.Close()
	return out.Bytes(), err
}

// recipient is the one address that a draft goes to.
func recipient(to subjectrights.Address) (string, error) {
	if !single(to.Name) {
		return "", refuse("To.Name", "has a line break or another control character")
	}
	if !single(to.Contact) {
		return "", refuse("To.Contact", "has a line break or another control character")
	}
	a, err := mail.ParseAddress("<" + to.Contact + ">") // one alone, without a name of its own
	if err != nil || a.Name != "" || a.Address != to.Contact {
		return "", refuse("To.Contact", "not one e-mail address")
	}
	if strings.IndexFunc(a.Address, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return "", refuse("To.Contact", "not in ASCII letters: write the domain in its xn-- form")
	}
	a.Name = to.Name
	return a.String(), nil
}

// single reports whether a text can stand in one line of a header.
func single(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) < 0
}

// fold breaks a header between words, so that no line of encoded words is too long.
func fold(s string) string { return strings.ReplaceAll(s, "?= =?", "?=\r\n =?") }

func nameOf(a *subjectrights.Attachment) string {
	if a == nil {
		return ""
	}
	return a.Name
}

func textHead() textproto.MIMEHeader {
	return textproto.MIMEHeader{"Content-Type": {`text/plain; charset="utf-8"`}, "Content-Transfer-Encoding": {"quoted-printable"}}
}

func writeHead(out *bytes.Buffer, head textproto.MIMEHeader) {
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding"} {
		if v := head.Get(name); v != "" {
			out.WriteString(name + ": " + v + "\r\n")
		}
	}
}

func writeText(w io.Writer, text string) error {
	q := quotedprintable.NewWriter(w)
	if _, err := io.WriteString(q, strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")); err != nil {
		return err
	}
	return q.Close()
}

func writeBase64(w io.Writer, data []byte) error {
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 0 {
		n := min(len(text), 76)
		if _, err := io.WriteString(w, text[:n]+"\r\n"); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// write writes a file whole or not at all, and so that it is still there after a power cut.
func (f *Folder) write(name string, text []byte) (err error) {
	file, err := os.CreateTemp(f.dir, "."+name+"-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(f.dir, name)); err != nil {
		return err
	}
	return syncDir(f.dir)
}

// syncDir makes a new name last. Where folders cannot be synced it does nothing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// withoutPath is the reason alone: a folder may be named for somebody.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}

func refuse(field, reason string) error { return &gdpr.InputError{Field: field, Reason: reason} }
