package audit

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of texts in entries and proofs, in bytes: the trail holds references, not letters.
const (
	maxWord = 200
	maxLine = 500
)

func (a Actor) check() error {
	if a.Kind != Person && a.Kind != Job {
		return &EntryError{"Actor.Kind", "neither person nor job"}
	}
	// The name of staff may well be an e-mail address: it says unambiguously who acted.
	if err := checkText("Actor.Name", a.Name, true); err != nil {
		return err
	}
	return checkText("Actor.Run", a.Run, false)
}

func checkInstant(field string, t time.Time) error {
	if t.IsZero() {
		return &EntryError{field, "missing"}
	}
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return &EntryError{field, "not in the years 1970 to 9999"}
	}
	return nil
}

// checkWord wants letters, digits, ".", "-" and "_", beginning with a letter.
func checkWord(field, s string, must bool) error {
	switch {
	case s == "" && !must:
		return nil
	case s == "":
		return &EntryError{field, "missing"}
	case len(s) > maxWord:
		return &EntryError{field, "too long"}
	}
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && ('0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			continue
		}
		return &EntryError{field, "not a word of letters, digits, '.', '-' and '_'"}
	}
	return nil
}

// checkText wants one line of text.
func checkText(field, s string, must bool) error {
	switch {
	case must && strings.TrimSpace(s) == "":
		return &EntryError{field, "missing"}
	case len(s) > maxLine:
		return &EntryError{field, "too long"}
	case !utf8.ValidString(s):
		return &EntryError{field, "not valid UTF-8"}
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return &EntryError{field, "has a control character"}
		}
	}
	return nil
}

// checkLine wants one line of text about an act, never about a data subject: what looks like an e-mail address is refused.
func checkLine(field, s string, must bool) error {
	if err := checkText(field, s, must); err != nil {
		return err
	}
	for i := range len(s) {
		if s[i] == '@' {
			return &EntryError{field, "has an '@': no address of anybody belongs here"}
		}
	}
	return nil
}

// isObject reports whether s is what [Object] returns.
func isObject(s string) bool {
	kind := len(s) - 37
	if kind < 1 || kind > maxWord || s[kind] != ':' || s[0] == '-' {
		return false
	}
	for i := range kind {
		if c := s[i]; (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	id := s[kind+1:]
	for i := range len(id) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if id[i] != '-' {
				return false
			}
		} else if !isHex(id[i]) {
			return false
		}
	}
	return true
}

// isFieldName reports whether s is an id of the register or several with dots between, as in user.contact.email.
func isFieldName(s string) bool {
	if len(s) == 0 || len(s) > maxWord {
		return false
	}
	begin := true
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z':
			begin = false
		case begin:
			return false
		case c == '.':
			begin = true
		case '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return !begin
}

func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
