package report

import (
	"bufio"
	"fmt"
	"html"
	"strconv"
)

// recordPage writes the part of the page that is there thousands of times, which takes a template six times as long.
type recordPage struct {
	w *bufio.Writer
	p *page
}

// markup is HTML of our own: a constant, never a value.
type markup string

// tags writes markup. Errors stay in the writer until it is flushed.
func (a *recordPage) tags(m markup) { _, _ = a.w.WriteString(string(m)) }

// text writes what is only text, whatever it holds.
func (a *recordPage) text(s string) { _, _ = a.w.WriteString(html.EscapeString(s)) }

func (a *recordPage) number(n int) {
	_, _ = a.w.Write(strconv.AppendInt(a.w.AvailableBuffer(), int64(n), 10))
}

func (a *recordPage) record(r *record) {
	t := a.p.T
	a.tags("<article class=\"record\" aria-labelledby=\"r")
	a.number(r.Number)
	a.tags("\">\n<h3 id=\"r")
	a.number(r.Number)
	a.tags("\">")
	a.text(fmt.Sprintf(t.Record, r.Number))
	a.tags("<span>, ")
	a.text(fmt.Sprintf(t.RecordDay, r.day))
	a.tags("</span></h3>\n")
	a.fields(fmt.Sprintf(t.Contents, r.Number), r.Fields)
	if r.Supplement != nil {
		a.tags("\n<p class=\"note\">")
		a.text(t.Supplement)
		a.tags(": ")
		a.value(r.Supplement)
		a.tags("</p>")
	}
	if r.Others != nil {
		a.tags("\n<p class=\"note\">")
		a.text(r.Others.Text)
		a.tags("</p>")
	}
	a.tags("\n<dl>\n<div><dt>")
	a.text(t.Stays)
	a.tags("</dt>\n<dd>")
	for i := range r.Kept {
		a.kept(r, &r.Kept[i])
	}
	a.tags("</dd></div>\n<div><dt>")
	a.text(t.Source)
	a.tags("</dt>\n<dd>")
	if r.Source != "" {
		a.lines(r.Source)
	} else {
		a.text(t.NoSource)
	}
	a.tags("</dd></div>\n<div><dt>")
	a.text(t.Reference)
	a.tags("</dt>\n<dd class=\"id\">")
	a.text(r.ID)
	a.tags("</dd></div>\n</dl>\n</article>\n")
}

func (a *recordPage) kept(r *record, k *kept) {
	if k.first && len(k.Fields) > 0 {
		a.tags("<p class=\"for\">")
		a.text(fmt.Sprintf(a.p.T.OnlyFor, a.labels(r, k.Fields)))
		a.tags("</p>")
	}
	a.tags("<p>")
	if k.title.Words != "" {
		a.phrase(k.title)
		a.tags(": ")
	}
	a.text(k.Text)
	if k.Event.Words != "" {
		a.tags(" ")
		a.phrase(k.Event)
	}
	a.tags("</p>")
}

// labels are names of fields as the page calls them.
func (a *recordPage) labels(r *record, names []string) string {
	var out []string
	for _, name := range names {
		for _, f := range r.Fields {
			if f.Name == name {
				out = append(out, f.label())
			}
		}
	}
	if len(out) > 0 {
		out[0] = small(out[0])
	}
	return running(a.p.w, out)
}

func (a *recordPage) item(n int, i *item) {
	t := a.p.T
	a.tags("<article class=\"record\" aria-labelledby=\"i")
	a.number(n)
	a.tags("\">\n<h4 id=\"i")
	a.number(n)
	a.tags("\">")
	a.phrase(i.Title)
	a.tags("<span>, ")
	if i.day != "" {
		a.text(fmt.Sprintf(t.ItemDay, i.day))
	} else {
		a.text(t.ItemNoDay)
	}
	a.tags("</span></h4>\n")
	a.fields(t.ColValue, i.Fields)
	a.tags("\n</article>\n")
}

// fields writes values as a table.
func (a *recordPage) fields(caption string, fields []field) {
	a.tags("<table class=\"values\">\n<caption class=\"hidden\">")
	a.text(caption)
	a.tags("</caption>\n<thead class=\"hidden\"><tr><th scope=\"col\">")
	a.text(a.p.T.ColField)
	a.tags("</th><th scope=\"col\">")
	a.text(a.p.T.ColValue)
	a.tags("</th></tr></thead>\n<tbody>\n")
	for i := range fields {
		a.tags("<tr><th scope=\"row\">")
		a.text(fields[i].label())
		a.tags("</th><td>")
		a.value(&fields[i].value)
		a.tags("</td></tr>\n")
	}
	a.tags("</tbody>\n</table>")
}

func (a *recordPage) value(v *value) {
	if v.Type != "list" {
		a.lines(v.lines)
		return
	}
	a.tags("<ul>")
	for i := range v.items {
		a.tags("<li>")
		a.value(&v.items[i])
		a.tags("</li>")
	}
	a.tags("</ul>")
}

// lines writes a text of somebody's, apart from what stands around it, whichever way it runs.
func (a *recordPage) lines(s string) {
	a.tags("<bdi class=\"text\" dir=\"auto\">")
	a.text(s)
	a.tags("</bdi>")
}

func (a *recordPage) phrase(p phrase) {
	if p.Lang == "" {
		a.tags("<bdi>")
	} else {
		a.tags("<bdi lang=\"")
		a.text(p.Lang)
		a.tags("\">")
	}
	a.text(p.Words)
	a.tags("</bdi>")
}
