package maildraft_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/maildraft"
)

const from = "Åmåls Orangeri <dataskydd@orangeriet.example>"

func message() subjectrights.Message {
	return subjectrights.Message{ID: gdpr.NewID(), Kind: "answer", Case: "2026-17", Party: "person",
		To:       subjectrights.Address{Name: "Märta \"Åsa\" Öberg", Contact: "marta.oberg@kund.example"},
		Language: "sv", Subject: "Svaret på din begäran: " + strings.Repeat("åäö ", 40),
		Text: "Hej Märta!\n\n=Vi har gjort det. " + strings.Repeat("långt ", 50) + "\n.\nFrom oss\n"}
}

func folder(t *testing.T) (*maildraft.Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "utkast")
	f, err := maildraft.New(dir, from)
	require.NoError(t, err)
	return f, dir
}

// read opens a draft as a mail program does.
func read(t *testing.T, dir, name string) (raw []byte, m *mail.Message) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	m, err = mail.ReadMessage(bytes.NewReader(raw))
	require.NoError(t, err)
	return raw, m
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestADraftOpensAsItWasMeant(t *testing.T) {
	t.Parallel()
	f, dir := folder(t)
	m := message()
	receipt, err := f.Send(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, m.ID.String()+".eml", receipt)

	raw, got := read(t, dir, receipt)
	for _, line := range strings.SplitAfter(string(raw), "\n") {
		assert.LessOrEqual(t, len(line), 200, "lines that every mail server takes")
		assert.True(t, line == "" || strings.HasSuffix(line, "\r\n"), "CRLF")
		for _, b := range []byte(line) {
			assert.Less(t, b, byte(0x80), "ASCII only")
		}
	}
	var words mime.WordDecoder
	subject, err := words.DecodeHeader(got.Header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, m.Subject, subject)
	to, err := got.Header.AddressList("To")
	require.NoError(t, err)
	require.Len(t, to, 1)
	assert.Equal(t, mail.Address{Name: m.To.Name, Address: m.To.Contact}, *to[0])
	sender, err := got.Header.AddressList("From")
	require.NoError(t, err)
	assert.Equal(t, "Åmåls Orangeri", sender[0].Name)
	_, err = got.Header.Date()
	require.NoError(t, err)
	assert.Equal(t, "<"+m.ID.String()+"@orangeriet.example>", got.Header.Get("Message-Id"))
	assert.Equal(t, "1", got.Header.Get("X-Unsent"))
	assert.Equal(t, "sv", got.Header.Get("Content-Language"))
	for _, other := range []string{"Cc", "Bcc", "Reply-To", "Sender"} {
		assert.Empty(t, got.Header.Get(other), "no other recipient")
	}
	assert.Equal(t, "quoted-printable", got.Header.Get("Content-Transfer-Encoding"))
	text, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	require.NoError(t, err)
	assert.Equal(t, m.Text, strings.ReplaceAll(string(text), "\r\n", "\n"))
}

func TestAnAttachmentComesOutWhole(t *testing.T) {
	t.Parallel()
	f, dir := folder(t)
	m := message()
	m.Attachment = &subjectrights.Attachment{Name: "svar på begäran.zip.age", Data: bytes.Repeat([]byte{0, 1, 2, 254, 255, '\n'}, 1000)}
	receipt, err := f.Send(t.Context(), m)
	require.NoError(t, err)
	_, got := read(t, dir, receipt)
	kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	require.NoError(t, err)
	assert.Equal(t, "multipart/mixed", kind)
	parts := multipart.NewReader(got.Body, params["boundary"])
	text, err := parts.NextPart() // which undoes quoted-printable
	require.NoError(t, err)
	body, err := io.ReadAll(text)
	require.NoError(t, err)
	assert.Equal(t, m.Text, strings.ReplaceAll(string(body), "\r\n", "\n"))
	file, err := parts.NextPart()
	require.NoError(t, err)
	assert.Equal(t, m.Attachment.Name, file.FileName())
	data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, file))
	require.NoError(t, err)
	assert.Equal(t, m.Attachment.Data, data)
	_, err = parts.NextPart()
	require.ErrorIs(t, err, io.EOF)
}

func TestTheSameMessageIsOneFile(t *testing.T) {
	t.Parallel()
	f, dir := folder(t)
	m := message()
	for _, text := range []string{"ett", "tva"} {
		m.Text = text
		_, err := f.Send(t.Context(), m)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{m.ID.String() + ".eml"}, files(t, dir), "and nothing besides")
	raw, _ := read(t, dir, m.ID.String()+".eml")
	assert.Contains(t, string(raw), "tva")

	is, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), is.Mode().Perm())
	is, err = os.Stat(filepath.Join(dir, m.ID.String()+".eml"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), is.Mode().Perm())
}

func TestNothingIsSmuggledIntoAHeader(t *testing.T) {
	t.Parallel()
	f, dir := folder(t)
	for name, spoil := range map[string]func(*subjectrights.Message){
		"To.Name":         func(m *subjectrights.Message) { m.To.Name = "Märta\r\nBcc: alla@kund.example" },
		"To.Name ":        func(m *subjectrights.Message) { m.To.Name = "Märta\u2028Bcc" },
		"To.Contact":      func(m *subjectrights.Message) { m.To.Contact += "\nBcc: alla@kund.example" },
		"To.Contact ":     func(m *subjectrights.Message) { m.To.Contact += ", alla@kund.example" },
		"To.Contact  ":    func(m *subjectrights.Message) { m.To.Contact = "Alla <alla@kund.example>" },
		"To.Contact   ":   func(m *subjectrights.Message) { m.To.Contact = "Storgatan 1, 111 22 Stad" },
		"To.Contact    ":  func(m *subjectrights.Message) { m.To.Contact = "marta@kund.example>, <alla@kund.example" },
		"To.Contact     ": func(m *subjectrights.Message) { m.To.Contact = "märta@kund.example" },
		"To.Contact.":     func(m *subjectrights.Message) { m.To.Contact = "" },
		"Subject":         func(m *subjectrights.Message) { m.Subject = "Svar\rBcc: alla@kund.example" },
		"Subject ":        func(m *subjectrights.Message) { m.Subject = "Svar\xff" },
		"Language":        func(m *subjectrights.Message) { m.Language = "sv\nBcc: alla@kund.example" },
		"Attachment.Name": func(m *subjectrights.Message) {
			m.Attachment = &subjectrights.Attachment{Name: "a\r\nBcc: alla@kund.example", Data: []byte{1}}
		},
		"ID": func(m *subjectrights.Message) { m.ID = gdpr.ID{} },
	} {
		m := message()
		spoil(&m)
		_, err := f.Send(t.Context(), m)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, name)
		assert.Equal(t, strings.TrimRight(name, " ."), refused.Field)
		assert.NotContains(t, err.Error(), "arta")
		assert.NotContains(t, err.Error(), "alla@")
	}
	assert.Empty(t, files(t, dir))
	m := message()
	m.Subject, m.To.Name = "=?utf-8?q?Bcc=0D=0A?=", "a\", alla@kund.example, \"b"
	receipt, err := f.Send(t.Context(), m)
	require.NoError(t, err)
	_, got := read(t, dir, receipt)
	to, err := got.Header.AddressList("To")
	require.NoError(t, err)
	assert.Len(t, to, 1)
}

func TestFolderIsForItsOwner(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "anna")
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.Chmod(open, 0o755))
	_, err := maildraft.New(open, from)
	require.ErrorContains(t, err, "chmod 700")
	for _, bad := range []string{"", "dataskydd", "a@b.example, c@d.example", "A\nB <a@b.example>"} {
		_, err := maildraft.New(filepath.Join(t.TempDir(), "x"), bad)
		require.ErrorContains(t, err, "From")
	}
	file := filepath.Join(t.TempDir(), "anna")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = maildraft.New(filepath.Join(file, "x"), from)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "anna")

	f, dir := folder(t)
	require.NoError(t, os.RemoveAll(dir))
	_, err = f.Send(t.Context(), message())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "utkast")
}
