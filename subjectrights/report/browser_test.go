package report_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	browser "github.com/gallra/gallra/internal/chromium"
	"github.com/gallra/gallra/subjectrights/report"
	"github.com/gallra/gallra/subjectrights/report/chromium"
)

// need skips a test whose program is not installed; under make test it fails.
func need(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("GALLRA_REQUIRE") == "" && (errors.Is(err, browser.ErrMissing) || errors.Is(err, exec.ErrNotFound)):
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// shown opens a page in a real browser.
func shown(t *testing.T, html []byte, opt *browser.Options) *browser.Page {
	t.Helper()
	_, err := browser.Find()
	need(t, err)
	p, err := browser.Open(t.Context(), bytes.NewReader(html), opt)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

func asked[T any](t *testing.T, p *browser.Page, expression string) T {
	t.Helper()
	var out T
	require.NoError(t, p.Eval(t.Context(), expression, &out), expression)
	return out
}

// nasty is everything that a report may say, and all hostile values.
func nasty(t *testing.T) report.Input {
	t.Helper()
	h := newHouse(t)
	for _, v := range hostile {
		h.put("membership", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"name": v[:min(len(v), 200)], "notes": v}, Source: strings.NewReplacer("\n", " ", "\r", "", "\t", "").Replace(v[:min(len(v), 900)])})
	}
	h.put("festival", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"name": "Åke Öberg"}})
	in, w := h.input(ake), whole(t)
	in.Sources, in.Erased, in.Reads, in.Consents = w.Sources, w.Erased, w.Reads, w.Consents
	in.Suppressions, in.Restrictions, in.PassedOn = w.Suppressions, w.Restrictions[1:], w.PassedOn
	in.Records[0].Supplement = &hostile[0]
	return in
}

// lowContrast finds texts that stand out from their background by less than 4.5 to 1 (WCAG 2.2, 1.4.3), and how many were looked at.
const lowContrast = `(() => {
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m }
	const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
	const bad = []
	let seen = 0
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (walk.nextNode()) {
		if (!walk.currentNode.data.trim()) continue
		const el = walk.currentNode.parentElement, color = parse(getComputedStyle(el).color)
		let back = [255, 255, 255, 1]
		for (let e = el; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) { back = c; break } }
		const a = light(color), b = light(back), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
		seen++
		if (ratio < 4.5) bad.push(el.tagName + ' ' + ratio.toFixed(2) + ' ' + walk.currentNode.data.trim().slice(0, 20))
	}
	return {seen, bad}
})()`

func TestPageInARealBrowser(t *testing.T) {
	t.Parallel()
	r := made(t, nasty(t))
	for lang, title := range map[string]string{"sv": "Dina personuppgifter hos Orangeriet i Åmål AB", "en": "Your personal data at Orangeriet i Åmål AB"} {
		p := shown(t, written(t, report.HTML, r, lang), nil)
		assert.Equal(t, title, asked[string](t, p, "document.title"))
		assert.Equal(t, lang, asked[string](t, p, "document.documentElement.lang"))
		assert.Equal(t, title, asked[string](t, p, "document.querySelector('h1').textContent"))
		assert.Empty(t, asked[[]string](t, p, `(() => { let at = 0; const bad = []
			for (const h of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) { const n = +h.tagName[1]; if (n > at + 1) bad.push(h.textContent); at = n }
			return bad })()`), "no level of heading is left out")
		summary := asked[string](t, p, "document.querySelector('h2').id")
		assert.Equal(t, "summary", summary, "it comes first")
		assert.Greater(t, asked[int](t, p, "document.querySelectorAll('table').length"), 20)
		assert.Zero(t, asked[int](t, p, "document.querySelectorAll('th:not([scope=col]):not([scope=row])').length"))
		assert.Zero(t, asked[int](t, p, "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.caption.textContent.trim()).length"))
		assert.Equal(t, "#main", asked[string](t, p, "document.querySelector('a[href], button, input').getAttribute('href')"), "who cannot use a mouse comes to the answer first")
		assert.Zero(t, asked[int](t, p, "document.scripts.length + document.images.length + document.forms.length + document.querySelectorAll('iframe, object, embed, base, link').length"))
		assert.Zero(t, asked[int](t, p, "document.scrollingElement.scrollWidth - innerWidth"), "a word of 64 KiB is broken into lines")
		texts := asked[[]string](t, p, "[...document.querySelectorAll('bdi')].map(b => b.textContent)")
		for _, v := range hostile {
			if !strings.Contains(v, "\r") { // shown as the line that it ends
				assert.Contains(t, texts, v)
			}
		}
		contrast := asked[struct {
			Seen int
			Bad  []string
		}](t, p, lowContrast)
		assert.Empty(t, contrast.Bad)
		assert.Greater(t, contrast.Seen, 200)
		// The checks above can fail.
		require.Equal(t, "broken", asked[string](t, p, `(() => { const t = document.querySelector('.lead'); t.style.setProperty('color', '#999'); return 'broken' })()`))
		assert.NotEmpty(t, asked[struct{ Bad []string }](t, p, lowContrast).Bad)
	}
}

// recorder is a proxy that counts who comes to it, and serves nobody.
func recorder(t *testing.T) (address string, count *atomic.Int64) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	count = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			head := make([]byte, 4096)
			n, _ := c.Read(head)
			if bytes.Contains(head[:n], []byte("elak.example")) {
				count.Add(1)
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String(), count
}

// loaded waits until whatever a page asks for would have been asked for.
const loaded = `new Promise(done => setTimeout(() => done(true), 300))`

func TestPageAsksForNothing(t *testing.T) {
	t.Parallel()
	in := nasty(t)
	in.Records[1].Supplement = new(`<img src="http://elak.example/a.png"><link rel=stylesheet href="http://elak.example/a.css"><style>@import "http://elak.example/b.css"</style>`)
	address, count := recorder(t)
	page := written(t, report.HTML, made(t, in), "sv")
	assert.True(t, asked[bool](t, shown(t, page, &browser.Options{Proxy: address}), loaded))
	assert.Zero(t, count.Load())
	// Even if a value came through as markup, the policy would stop it.
	broken := bytes.Replace(page, []byte("&lt;img src=&#34;http://elak.example/a.png&#34;&gt;"), []byte(`<img src="http://elak.example/a.png">`), 1)
	require.NotEqual(t, page, broken)
	assert.True(t, asked[bool](t, shown(t, broken, &browser.Options{Proxy: address}), loaded))
	assert.Zero(t, count.Load())
	// Without both it would be seen here.
	_, open, _ := bytes.Cut(broken, []byte(`http-equiv="Content-Security-Policy"`))
	assert.True(t, asked[bool](t, shown(t, append([]byte("<!DOCTYPE html><meta "), open...), &browser.Options{Proxy: address}), loaded))
	assert.NotZero(t, count.Load())
}

// TestPageNeedsNoScript: the page looks the same with scripts turned off.
func TestPageNeedsNoScript(t *testing.T) {
	t.Parallel()
	page := written(t, report.HTML, made(t, family(t)), "sv")
	var shots [][]byte
	for _, off := range []bool{false, true} {
		shot, err := shown(t, page, &browser.Options{NoScript: off}).Picture(t.Context(), 900, 1200)
		require.NoError(t, err)
		shots = append(shots, shot)
	}
	assert.True(t, bytes.Equal(shots[0], shots[1]))
	assert.Greater(t, len(shots[0]), 20_000, "there is something to see")
}

func TestPDF(t *testing.T) {
	t.Parallel()
	_, err := browser.Find()
	need(t, err)
	for _, program := range []string{"pdfinfo", "pdftotext"} {
		_, err := exec.LookPath(program)
		need(t, err)
	}
	r := made(t, nasty(t))
	for lang, title := range map[string]string{"sv": "Dina personuppgifter hos Orangeriet i Åmål AB", "en": "Your personal data at Orangeriet i Åmål AB"} {
		file := filepath.Join(t.TempDir(), "report.pdf")
		f, err := os.Create(file)
		require.NoError(t, err)
		require.NoError(t, report.PDF(t.Context(), f, r, lang, chromium.Renderer{}))
		require.NoError(t, f.Close())
		info := output(t, "pdfinfo", file)
		assert.Regexp(t, `Tagged: +yes`, info)
		assert.Contains(t, info, title)
		assert.Contains(t, info, "A4")
		assert.Regexp(t, `JavaScript: +no`, info)
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(raw), "/Lang ("+lang+")")
		text := output(t, "pdftotext", "-raw", file, "-")
		for _, want := range []string{"åäö ÅÄÖ", "<script>alert(1)</script>", "=HYPERLINK(", "onerror=alert(1)", "{{.Case}}"} {
			assert.Contains(t, text, want)
		}
	}
}

func TestPDFIsRefused(t *testing.T) {
	t.Parallel()
	r := made(t, family(t))
	require.ErrorIs(t, report.PDF(t.Context(), io.Discard, r, "no", printer{}), report.ErrLanguage)
	require.Error(t, report.PDF(t.Context(), io.Discard, r, "sv", nil))
	require.ErrorIs(t, report.PDF(t.Context(), io.Discard, r, "sv", printer{io.ErrNoProgress}), io.ErrNoProgress)
	require.Error(t, report.PDF(t.Context(), io.Discard, r, "sv", chromium.Renderer{Path: "/no/such/program"}))
	_, err := browser.Find()
	need(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, report.PDF(ctx, io.Discard, r, "sv", chromium.Renderer{}))
	in := family(t)
	have := in.Records
	in.Records, in.Stream = nil, func(yield func(report.Record, error) bool) { stream(have)(yield) }
	r = made(t, in)
	have = have[:1]
	require.ErrorIs(t, report.PDF(t.Context(), io.Discard, r, "sv", chromium.Renderer{}), report.ErrChanged, "half a page is no report")
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	require.NoError(t, err)
	return string(out)
}
