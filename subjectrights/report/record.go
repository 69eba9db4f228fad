package report

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
)

// record tells what one record holds about the person, and leaves out what it holds about others (REQUIREMENTS 4.11).
func (b *builder) record(r Record) record {
	s := r.Stored
	b.number++
	out := record{Number: b.number, ID: s.ID.String(), Collected: s.Collected.String(), Source: s.Source(), Restricted: s.Restricted,
		Fields: b.fields(s.Activity, s.FieldsOf(b.in.Person)), day: b.w.day(s.Collected)}
	if r.Supplement != nil && *r.Supplement != "" {
		v := b.value(*r.Supplement)
		out.Supplement = &v
	}
	b.keeping(r, &out)
	var who []gdpr.ID
	for _, p := range r.Why.Parts {
		if p.Subject != b.in.Person && !slices.Contains(who, p.Subject) {
			who = append(who, p.Subject)
		}
	}
	switch n := len(who); n {
	case 0:
	case 1:
		out.Others = &others{1, b.w.others[0]}
	default:
		out.Others = &others{n, fmt.Sprintf(b.w.others[1], b.w.number(n))}
	}
	return out
}

// known is what the register says of a field.
type known struct {
	category coded
	showName bool
}

// fields are the person's own values in the order of the register; what it no longer declares comes last.
func (b *builder) fields(activity string, values gdpr.Fields) []field {
	out := []field{}
	for _, name := range b.in.fieldNames(activity, values) {
		k := b.know(activity, name)
		v := value{Type: "text", Value: b.w.secret, lines: b.w.secret}
		if !secret(k.category.Code) {
			v = b.value(values[name])
		}
		out = append(out, field{Name: name, Category: k.category, showName: k.showName, value: v})
	}
	return out
}

// secret reports whether a category is of what lets somebody in: it is said to be there, and not shown, since whoever gets hold of a report could use it.
func secret(category string) bool {
	return category == "user.authorization.password" || category == "user.authorization.credentials"
}

func (b *builder) know(activity, name string) known {
	key := [2]string{activity, name}
	k, ok := b.known[key]
	if ok {
		return k
	}
	k.category = coded{Text: name}
	if act, ok := b.reg.Activity(activity); ok && act.Category(name) != "" {
		c := act.Category(name)
		k.category = coded{string(c), b.w.categoryName(c)}
		k.showName = c == "user" || slices.ContainsFunc(act.Fields, func(o register.Field) bool {
			return o.Name != name && b.w.categoryName(o.Category) == k.category.Text
		})
	}
	b.known[key] = k
	return k
}

// value is one value as JSON has it and as the page shows it.
func (b *builder) value(v any) value {
	switch v := v.(type) {
	case string:
		return value{Type: "text", Value: v, lines: printable(v)}
	case bool:
		if v {
			return value{Type: "yes-no", Value: v, lines: b.w.yes}
		}
		return value{Type: "yes-no", Value: v, lines: b.w.no}
	case time.Time:
		return value{Type: "time", Value: v.UTC().Format(time.RFC3339Nano), lines: b.w.instant(v, b.in.zone)}
	case []byte:
		return value{Type: "file", Value: base64.StdEncoding.EncodeToString(v), lines: fmt.Sprintf(b.w.file, len(v))}
	case []any:
		items := make([]value, len(v))
		for i := range v {
			items[i] = b.value(v[i])
		}
		return value{Type: "list", Value: items, items: items}
	}
	return value{Type: "number", Value: v, lines: fmt.Sprint(v)}
}

// printable makes control characters visible, so that a text can be read as it is. Lines and tabs stay.
func printable(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case r < 0x20:
			return 0x2400 + r // the picture of the control character
		case r == 0x7f:
			return 0x2421
		case r > 0x7f && r < 0xa0:
			return 0xfffd
		}
		return r
	}, s)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
