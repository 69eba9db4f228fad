// Package strict reads JSON in the form in which this library writes it: known keys in a known order, no spaces, texts in which only what JSON demands is
// escaped. It is several times faster than a reader of any JSON. Who must refuse every other form writes again what was read, and compares.
package strict

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reader reads a text from its start. What does not fit makes it fail, and then nothing fits any more.
type Reader struct {
	rest   string
	failed bool
}

// New returns a reader of a text. One that is not valid UTF-8 fails.
func New(text []byte) *Reader { return &Reader{rest: string(text), failed: !utf8.Valid(text)} }

// Has reports whether the text goes on like this, and steps over it.
func (r *Reader) Has(this string) bool {
	if r.failed || !strings.HasPrefix(r.rest, this) {
		return false
	}
	r.rest = r.rest[len(this):]
	return true
}

// Must fails unless the text goes on like this.
func (r *Reader) Must(this string) {
	if !r.Has(this) {
		r.Fail()
	}
}

// Next is the first byte of what was not read yet; 0 at the end.
func (r *Reader) Next() byte {
	if r.failed || len(r.rest) == 0 {
		return 0
	}
	return r.rest[0]
}

// Fail says that the text is not as it must be.
func (r *Reader) Fail() { r.failed = true }

// Done reports whether all was read, and all of it fitted.
func (r *Reader) Done() bool { return !r.failed && len(r.rest) == 0 }

// Failed reports whether something did not fit.
func (r *Reader) Failed() bool { return r.failed }

// Text reads a JSON string.
func (r *Reader) Text() string {
	r.Must(`"`)
	text := r.plain()
	if r.Has(`"`) {
		return text
	}
	out := []byte(text)
	for !r.failed && !r.Has(`"`) {
		out = append(r.escaped(out), r.plain()...)
	}
	if r.failed {
		return ""
	}
	return string(out)
}

// plain steps over characters that stand for themselves, to the next quote or backslash.
func (r *Reader) plain() string {
	for i := range len(r.rest) {
		if c := r.rest[i]; c == '"' || c == '\\' {
			out := r.rest[:i]
			r.rest = r.rest[i:]
			return out
		}
	}
	r.Fail()
	return ""
}

// escaped adds one escaped character. Those over 007F are never escaped.
func (r *Reader) escaped(b []byte) []byte {
	switch {
	case r.Has(`\"`):
		return append(b, '"')
	case r.Has(`\\`):
		return append(b, '\\')
	case r.Has(`\n`):
		return append(b, '\n')
	case r.Has(`\r`):
		return append(b, '\r')
	case r.Has(`\t`):
		return append(b, '\t')
	case r.Has(`\u00`) && len(r.rest) >= 2:
		c, err := strconv.ParseUint(r.rest[:2], 16, 7)
		if err == nil {
			r.rest = r.rest[2:]
			return append(b, byte(c))
		}
	}
	r.Fail()
	return nil
}

// Number reads what a number is written with, as text.
func (r *Reader) Number() string {
	n := 0
	for n < len(r.rest) && strings.IndexByte("0123456789+-.eE", r.rest[n]) >= 0 {
		n++
	}
	if r.failed || n == 0 {
		r.Fail()
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

// Int reads a whole number.
func (r *Reader) Int() int {
	n, err := strconv.Atoi(r.Number())
	if err != nil {
		r.Fail()
		return 0
	}
	return n
}

// Texts reads a list of strings, which is not empty.
func (r *Reader) Texts() (out []string) {
	r.Must(`[`)
	for !r.failed {
		out = append(out, r.Text())
		if r.Has(`]`) {
			return out
		}
		r.Must(`,`)
	}
	return nil
}
