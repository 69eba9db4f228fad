package report

import (
	"fmt"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// source says how far another source could be read.
func (b *builder) source(name string, s sourceState) source {
	out := source{Name: name, Complete: s.complete, count: s.count}
	if !s.complete {
		out.Text = b.w.incomplete
	}
	return out
}

func (b *builder) item(i Item) item {
	out := item{Activity: i.Activity, Title: b.title(i.Activity), Fields: b.fields(i.Activity, i.Fields)}
	if i.Collected.Valid() {
		out.Collected, out.day = i.Collected.String(), b.w.day(i.Collected)
	}
	return out
}

func (b *builder) erased() []erasedText {
	var out []erasedText
	for _, e := range b.in.Erased {
		x := erasedText{Day: e.Day.String(), Activity: e.Activity, Title: b.title(e.Activity), Records: e.Records,
			Rule: e.Rule, Ground: e.Ground, Text: b.w.erased[e.Ground]}
		if e.Rule != "" {
			rule, err := retention.ParseRule(e.Rule) // New has looked
			if err == nil {
				text, own := b.w.ruleText(rule, false, false)
				x.Text, x.Event = b.w.erasedRule+" "+text, b.event(rule.Event, own)
			}
		}
		out = append(out, x)
	}
	return out
}

func (b *builder) reads() []readText {
	var out []readText
	for _, r := range b.in.Reads {
		x := readText{Day: r.Day.String(), Purpose: r.Purpose, Count: r.Count}
		switch r.Purpose {
		case gdpr.SubjectRights:
			x.Title = phrase{Words: b.w.readRights}
		case gdpr.Retention:
			x.Title = phrase{Words: b.w.readRetention}
		default:
			x.Title = b.title(r.Purpose)
		}
		out = append(out, x)
	}
	return out
}

func (b *builder) consents() []consentText {
	var out []consentText
	for _, c := range b.in.Consents {
		out = append(out, consentText{c.Activity, b.title(c.Activity), c.Given.String(), text(c.Withdrawn), c.Version, c.How})
	}
	return out
}

func (b *builder) suppressions() []suppressionText {
	var out []suppressionText
	for _, s := range b.in.Suppressions {
		out = append(out, suppressionText{s.Activity, b.title(s.Activity), s.Since.String()})
	}
	return out
}

func (b *builder) restrictions() []restrictionText {
	var out []restrictionText
	for _, r := range b.in.Restrictions {
		x := restrictionText{Ground: r.Ground, Text: b.w.restricted[r.Ground], Since: r.Since.String()}
		if !r.Record.IsZero() {
			x.Record = r.Record.String()
		}
		out = append(out, x)
	}
	return out
}

// text is a day, and nothing for none.
func text(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprint(d)
}
