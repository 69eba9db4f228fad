package gdpr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra/internal/strict"
)

// Fields are values by field name: strings, bools, int64 (and int, int32), float64, time.Time, []byte, or lists ([]any,
// []string) of them. They are personal data: Fields print as [redacted] and refuse to be marshaled by accident.
//
// A caller's own struct that holds Fields in an unexported field is printed by fmt without asking them (Go offers no hook for that), and so is
// every other literal of this package that a caller fills: Record, Share, Change, Event, Hold, Party, Agreement, Grant. Hold a Stored or an
// Identity there, which keep their values where fmt does not follow.
type Fields map[string]any

const redacted = "[redacted]"

// veiled keeps a value where fmt does not follow: in a caller's unexported field it goes through one pointer under some verbs, but never through two.
type veiled[T any] struct{ p **T }

func veil[T any](v *T) veiled[T] { return veiled[T]{&v} }

// get returns the value, an empty one of the zero veiled.
func (v veiled[T]) get() *T {
	if v.p == nil {
		return new(T)
	}
	return *v.p
}

var errMarshal = errors.New("personal data is not marshaled by accident: take the values one by one")

// String returns [redacted].
func (Fields) String() string { return redacted }

// GoString returns [redacted].
func (Fields) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Fields) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Fields) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails: use the values one by one.
func (Fields) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// Names returns the names of the fields, sorted. Names are the register's, not personal.
func (f Fields) Names() []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Text returns a string field, "" when it is absent or of another kind.
func (f Fields) Text(name string) string {
	s, _ := f[name].(string)
	return s
}

// content is the plaintext of a part; docs/format.md part 3.
type content struct {
	fields    Fields
	source    string
	statement string // what the person adds to it
}

func (c content) encode() ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, `{"fields":{`...)
	for i, name := range c.fields.Names() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		var err error
		if b, err = appendValue(b, c.fields[name], "Fields."+name, 0); err != nil {
			return nil, err
		}
	}
	b = append(b, '}')
	if c.source != "" {
		b = append(b, `,"source":`...)
		b = appendString(b, c.source)
	}
	if c.statement != "" {
		b = append(b, `,"statement":`...)
		b = appendString(b, c.statement)
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, v any, field string, depth int) ([]byte, error) {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return nil, refuse(field, "not valid UTF-8")
		}
		if strings.IndexByte(v, 0) >= 0 {
			return nil, refuse(field, "has a NUL character")
		}
		return appendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, refuse(field, "not a finite number")
		}
		from := len(b)
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
		if !strings.ContainsAny(string(b[from:]), ".e") {
			b = append(b, '.', '0')
		}
		return b, nil
	case time.Time:
		v = v.UTC()
		if v.Year() < 1 || v.Year() > 9999 {
			return nil, refuse(field, "a year outside 1 to 9999")
		}
		b = append(b, `{"time":"`...)
		b = v.AppendFormat(b, time.RFC3339Nano)
		return append(b, `"}`...), nil
	case []byte:
		b = append(b, `{"bytes":"`...)
		b = base64.StdEncoding.AppendEncode(b, v)
		return append(b, `"}`...), nil
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return appendValue(b, list, field, depth)
	case []any:
		if depth > 0 {
			return nil, refuse(field, "a list in a list")
		}
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendValue(b, e, fmt.Sprintf("%s[%d]", field, i+1), depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case nil:
		return nil, refuse(field, "no value: leave the field out")
	}
	return nil, refuse(field, "values are string, bool, int64, float64, time.Time, []byte or a list of these")
}

// valueSize is how many bytes of text or data a value holds; numbers and the like count nothing.
func valueSize(v any) int {
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	case []string:
		for _, e := range v {
			n += len(e)
		}
	case []any:
		for _, e := range v {
			if _, list := e.([]any); !list { // which is refused anyway
				n += valueSize(e)
			}
		}
	}
	return n
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string: only what JSON demands is escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		from = i + 1
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

var errContent = errors.New("content of a part is not of format 1")

// decodeContent reads what encode wrote, and nothing else.
func decodeContent(b []byte) (content, error) {
	c := content{fields: Fields{}}
	r := strict.New(b)
	r.Must(`{"fields":{`)
	for first := true; !r.Failed() && !r.Has(`}`); first = false {
		if !first {
			r.Must(`,`)
		}
		name := r.Text()
		r.Must(`:`)
		c.fields[name] = readValue(r, 0)
	}
	if r.Has(`,"source":`) {
		c.source = r.Text()
	}
	if r.Has(`,"statement":`) {
		c.statement = r.Text()
	}
	r.Must(`}`)
	if !r.Done() {
		return content{}, errContent
	}
	return c, nil
}

// readValue reads what appendValue wrote.
func readValue(r *strict.Reader, depth int) any {
	switch {
	case r.Next() == '"':
		return r.Text()
	case r.Has(`true`):
		return true
	case r.Has(`false`):
		return false
	case r.Has(`{"time":`):
		t, err := time.Parse(time.RFC3339Nano, r.Text())
		if err != nil {
			r.Fail()
		}
		r.Must(`}`)
		return t
	case r.Has(`{"bytes":`):
		data, err := base64.StdEncoding.DecodeString(r.Text())
		if err != nil {
			r.Fail()
		}
		r.Must(`}`)
		return data
	case depth == 0 && r.Has(`[`):
		list := []any{}
		for !r.Failed() && !r.Has(`]`) {
			if len(list) > 0 {
				r.Must(`,`)
			}
			list = append(list, readValue(r, depth+1))
		}
		return list
	}
	return readNumber(r)
}

// readNumber reads a number: with a point or an exponent it is a float64.
func readNumber(r *strict.Reader) any {
	text := r.Number()
	if strings.ContainsAny(text, ".e") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			r.Fail()
		}
		return f
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.Fail()
	}
	return n
}
