package subjectrights_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// hostile are values that somebody may have put into a ticket to break the page that shows it.
var hostile = []string{
	`<script>alert(1)</script>`,
	`</td></table><img src=x onerror=alert(1)>`,
	`"><style>*{display:none}</style><a href="javascript:alert(1)">`,
	"<!-- --><base href=https://elak.example><meta http-equiv=refresh content=0>",
	`{{.Case}} ${case} %s &lt;b&gt; &amp;`,
	"\u202eabc \u2066def",
	"rad ett\nrad två\n\n  indrag",
	"=HYPERLINK(\"https://elak.example\")",
	"👩‍👩‍👧 åäö ÅÄÖ ﷽",
	strings.Repeat("å", 32<<10),
}

func TestHostileValuesStayText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	for _, v := range hostile {
		h.put("support-ticket", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": v, "message": v}, Source: strings.ReplaceAll(v, "\n", " ")[:min(len(v), 900)]})
	}
	r := h.access(h.approved(gdpr.Email(annas), subjectrights.Access))
	for _, lang := range []string{"sv", "en"} {
		doc := parse(t, pageOf(t, r, lang))
		values := texts(doc, "bdi")
		for _, v := range hostile {
			assert.Contains(t, values, v)
		}
		assertHarmless(t, doc, lang)

		var out struct {
			Activities []struct {
				Records []struct {
					Fields []struct{ Name, Value string }
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(asJSON(t, r, lang)), &out))
		var values2 []string
		for _, rec := range out.Activities[0].Records {
			for _, f := range rec.Fields {
				values2 = append(values2, f.Value)
			}
		}
		for _, v := range hostile {
			assert.Contains(t, values2, v)
		}
	}
}

// TestPageNeedsNothingElse: no script, no outside request, and a policy that would stop both.
func TestPageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	orangeryPerson(h)
	r := h.access(h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Access))
	for _, lang := range []string{"sv", "en"} {
		assertHarmless(t, parse(t, pageOf(t, r, lang)), lang)
	}
}

func assertHarmless(t *testing.T, doc *html.Node, lang string) {
	t.Helper()
	styles, ids, targets, level := 0, map[string]bool{}, []string{}, 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.DataAtom {
		case atom.Script, atom.Img, atom.Iframe, atom.Link, atom.Object, atom.Embed, atom.Base, atom.Form, atom.Svg, atom.Video, atom.Audio, atom.Source:
			assert.Fail(t, "an element that has no place in a report", n.Data)
		case atom.Html:
			assert.Equal(t, lang, attr(n, "lang"))
		case atom.Style:
			styles++
			sum := sha256.Sum256([]byte(n.FirstChild.Data))
			assert.Contains(t, csp(doc), "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "the policy knows the style sheet")
			assert.NotContains(t, n.FirstChild.Data, "url(")
			assert.NotContains(t, n.FirstChild.Data, "@import")
		case atom.Table:
			assert.Len(t, all(n, "caption"), 1, "every table says what it is")
			for _, th := range all(n, "th") {
				assert.Contains(t, []string{"col", "row"}, attr(th, "scope"))
			}
		case atom.H1, atom.H2, atom.H3:
			now := int(n.Data[1] - '0')
			assert.LessOrEqual(t, now, level+1, "no level of heading is left out")
			level = now
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				assert.False(t, ids[a.Val], "id twice: %s", a.Val)
				ids[a.Val] = true
			case a.Key == "href" || a.Key == "aria-labelledby":
				targets = append(targets, strings.TrimPrefix(a.Val, "#"))
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style", a.Key == "action", a.Key == "srcset":
				assert.Fail(t, "an attribute that has no place in a report", a.Key)
			}
		}
	}
	for _, id := range targets {
		assert.True(t, ids[id], "links stay on the page: %s", id)
	}
	assert.Equal(t, 1, styles)
	assert.True(t, strings.HasPrefix(csp(doc), "default-src 'none'; "))
	assert.Len(t, all(doc, "title"), 1)
	assert.Len(t, all(doc, "h1"), 1)
	assert.Len(t, all(doc, "main"), 1)
}

func csp(doc *html.Node) string {
	for _, m := range all(doc, "meta") {
		if attr(m, "http-equiv") == "Content-Security-Policy" {
			return attr(m, "content")
		}
	}
	return ""
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	return doc
}

func all(n *html.Node, tag string) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			out = append(out, d)
		}
	}
	return out
}

func texts(n *html.Node, tag string) []string {
	var out []string
	for _, e := range all(n, tag) {
		var b strings.Builder
		for d := range e.Descendants() {
			if d.Type == html.TextNode {
				b.WriteString(d.Data)
			}
		}
		out = append(out, b.String())
	}
	return out
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
