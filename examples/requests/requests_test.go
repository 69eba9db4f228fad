package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// desk is a folder that the program works in, and its clock.
type desk struct {
	t   *testing.T
	dir string
	at  time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{t: t, dir: filepath.Join(t.TempDir(), "requests"), at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
}

// try runs one command; lines are its input.
func (d *desk) try(actor, lines string, args ...string) (string, error) {
	d.t.Helper()
	var out bytes.Buffer
	p := &program{in: bufio.NewReader(strings.NewReader(lines)), out: &out, now: func() time.Time { return d.at }, env: func(string) string { return actor }}
	err := p.run(d.t.Context(), append([]string{"-dir", d.dir}, args...))
	return out.String(), err
}

const sara = "person Sara Dahl"

func (d *desk) run(args ...string) string {
	d.t.Helper()
	out, err := d.try(sara, "", args...)
	require.NoError(d.t, err, "%v", args)
	return out
}

var caseNumber = regexp.MustCompile(`\d{4}-\d\d-\d\d-[A-Z2-7]{8}`)

func TestDemo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	out := d.run("-demo")
	for _, said := range []string{"OVERDUE by 14 days", "extend -ground complexity", "7 written to", "closed", "Overdue requests of data subjects: 1"} {
		assert.Contains(t, out, said)
	}
	for _, personal := range []string{"Anna", "anna.lindqvist", "Märta", "Olle", "olle.oberg"} {
		assert.NotContains(t, out, personal)
	}
	_, err := d.try(sara, "", "-demo")
	require.ErrorContains(t, err, "there is a store", "it does not overwrite one")

	var lines []line
	require.NoError(t, json.Unmarshal([]byte(d.run("list", "-json")), &lines))
	require.Len(t, lines, 2)
	assert.True(t, lines[0].Overdue)
	assert.Equal(t, "2026-11-09", lines[0].Due.String())
	assert.Equal(t, "2027-02-03", lines[1].Due.String(), "the extension was told in time")
}

// TestTheWholeStory is one request by hand, from receipt to the closed case.
func TestTheWholeStory(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.run("-demo")
	before := drafts(t, d.dir)

	out, err := d.try(sara, "marta.ekstrom@kund.example\nMärta Ekström\n", "open", "-right", "access,rectification,erasure", "-channel", "letter",
		"-email", "-", "-name", "-", "-received", "2026-11-20", "-reply", "marta.ekstrom@kund.example", "-lang", "en")
	require.NoError(t, err)
	assert.Contains(t, out, "answer by 2026-12-21")
	number := caseNumber.FindString(out)
	require.NotEmpty(t, number)

	_, err = d.try(sara, "", "answer", number)
	require.ErrorIs(t, err, subjectrights.ErrState, "nobody has decided")
	_, err = d.try(sara, "marta.ekstrom@kund.example\n", "identify", "-how", "logged-in", "-to", "-", number)
	require.NoError(t, err)

	decision := []string{"decide", "-grant", "access", "-grant", "rectification", "-refuse", "erasure=A17-3-e", "-reasons", "We need it for the claim.", number}
	_, err = d.try("job morning", "", decision...)
	require.ErrorIs(t, err, subjectrights.ErrPersonDecides)
	assert.Contains(t, d.run(decision...), "partly-approved")

	_, err = d.try(sara, "", "execute", number)
	require.ErrorIs(t, err, errUsage, "nothing says for whom the copy is sealed")
	var s shown
	require.NoError(t, json.Unmarshal([]byte(d.run("show", "-json", number)), &s))
	record := s.Own[0].Records[0].String()
	pass := filepath.Join(d.dir, "passphrase")
	out = d.run("execute", "-passphrase-file", pass, "-record", record, "-set", "name=Märta Åkerlund", number)
	assert.Contains(t, out, "access carried out")
	assert.Contains(t, out, "rectification carried out")
	assert.NotContains(t, out, "erasure carried out")

	d.run("answer", number)
	_, err = d.try(sara, "", "close", number)
	require.ErrorIs(t, err, subjectrights.ErrUnfinished, "nobody is told yet")
	out, err = d.try("job morning", "", "deliver")
	require.NoError(t, err)
	assert.Contains(t, out, "4 written", "receipt, refusal, to the carrier, answer")
	d.run("close", number)
	page := d.run("show", number)
	for _, said := range []string{"closed", "erasure refused A17-3-e", "told        2026-11-23 carrier: rectified", "person: answer", "person: refusal"} {
		assert.Contains(t, page, said)
	}
	assert.NotContains(t, page, "next ")
	left, err := os.ReadDir(filepath.Join(d.dir, "answers"))
	require.NoError(t, err)
	assert.Empty(t, left, "the copy lies around no longer")

	attached := 0
	for name, m := range drafts(t, d.dir) {
		if before[name] != nil {
			continue
		}
		if kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
			attached++
			assert.Contains(t, m.Header.Get("To"), "marta.ekstrom@kund.example")
			parts := multipart.NewReader(m.Body, params["boundary"])
			_, err := parts.NextPart()
			require.NoError(t, err)
			file, err := parts.NextPart()
			require.NoError(t, err)
			data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, file))
			require.NoError(t, err)
			assert.True(t, bytes.HasPrefix(data, []byte("age-encryption.org/v1\n")), "sealed")
		}
	}
	assert.Equal(t, 1, attached)
}

// drafts are the mails that lie there.
func drafts(t *testing.T, dir string) map[string]*mail.Message {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "drafts", "*"))
	require.NoError(t, err)
	out := map[string]*mail.Message{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		out[name], err = mail.ReadMessage(bytes.NewReader(text))
		require.NoError(t, err)
	}
	return out
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.run("-demo")
	var is map[string][]line
	out, err := d.try("job morning", "", "overdue", "-json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(out), &is))
	assert.Len(t, is["overdue"], 1)
	assert.Empty(t, is["soon"])

	late := is["overdue"][0].Number
	assert.Contains(t, d.run("overdue", "-days", "400"), "Due within 400 days: 1")
	_, err = d.try(sara, "marta.ekstrom@kund.example\n", "identify", "-how", "known", "-to", "-", late)
	require.NoError(t, err)
	d.run("decide", "-refuse", "access=A12-5-b", "-reasons", "The ninetieth time this week.", late)
	assert.Empty(t, d.run("overdue"), "nothing to say, no mail")
	d.at = time.Date(2027, 2, 3, 22, 59, 0, 0, time.UTC) // a minute before midnight in Sweden
	assert.Contains(t, d.run("overdue"), "in 0 days")
	d.at = d.at.Add(time.Minute)
	assert.Contains(t, d.run("overdue"), "OVERDUE by 1 days")
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := d.try(sara, "", "list")
	require.ErrorContains(t, err, "there is no store")
	assert.NoDirExists(t, d.dir, "a typing error begins no store")
	_, err = d.try(sara, "", "-help")
	require.ErrorIs(t, err, flag.ErrHelp)
	p := &program{out: io.Discard, now: func() time.Time { return d.at }}
	require.NoError(t, os.MkdirAll(d.dir, 0o700))
	_, err = p.fill(t.Context(), &settings{dir: d.dir})
	require.NoError(t, err)
	for _, args := range [][]string{
		{}, {"anna@kund.example"}, {"list", "anna@kund.example"}, {"show"}, {"open", "-right", "anna@kund.example"}, {"open", "-received", "anna@kund.example"},
		{"decide", "-grant", "anna@kund.example", "17"}, {"list", "-anna@kund.example"}, {"-demo", "list"}, {"open", "-email", "-"},
		{"extend", "-told", "anna@kund.example", "17"}, {"overdue", "-days", "anna@kund.example"}, {"list", "-as", "anna@kund.example"},
	} {
		_, err := d.try(sara, "", args...)
		require.ErrorIs(t, err, errUsage, "%v", args)
		assert.NotContains(t, err.Error(), "anna@kund.example", "%v", args)
	}
	_, err = d.try("", "", "list")
	require.ErrorIs(t, err, errUsage, "nobody acts")
	_, err = d.try("person Utan Roll", "", "list")
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	_, err = d.try(sara, "", "show", "17")
	require.ErrorContains(t, err, "no request of this number")
	_, err = d.try(sara, "", "open", "-right", "access", "-channel", "email", "-email", "anna@kund.example", "-received", "2026-11-24")
	require.ErrorContains(t, err, "in the future")
	for name := range commands {
		assert.Contains(t, usage, "\n  "+name+" ")
	}
}
