package register

import "strings"

// Text is words for people: one string, or one for each of several languages.
// The first language is the one that others fall back to.
type Text []Phrase

// Phrase is a text in one language.
type Phrase struct {
	// Lang is a code of two small letters, such as sv. Empty in a text that is
	// a single string.
	Lang string
	// Words are not empty.
	Words string
}

// Plain returns a text that is the same in every language.
func Plain(words string) Text { return Text{{Words: words}} }

// In returns the words in a language, or in the first one if that language is
// missing. It returns "" only for an empty text.
func (t Text) In(lang string) string {
	for _, p := range t {
		if p.Lang == lang {
			return p.Words
		}
	}
	if len(t) == 0 {
		return ""
	}
	return t[0].Words
}

// String returns the words in the first language.
func (t Text) String() string { return t.In("") }

// IsZero reports whether there are no words at all.
func (t Text) IsZero() bool { return len(t) == 0 }

func isLanguage(s string) bool {
	return len(s) == 2 && isSmall(s[0]) && isSmall(s[1])
}

func isSmall(c byte) bool { return c >= 'a' && c <= 'z' }

func blank(s string) bool { return strings.TrimSpace(s) == "" }
