package register

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse plants a word somewhere in a file. Whatever becomes of it, nothing
// panics, nothing that is said has the word in it, and what loads is sound.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"smallest.yaml", "epm.yaml", "full.yaml", "staff.yaml"} {
		text := file(f, name)
		for at := 0; at < len(text); at += 1 + len(text)/7 {
			f.Add([]byte(text), at)
		}
	}
	for _, text := range []string{"a: *b", "a: &a [*a]", "? {a: b}\n: c", "register: {format: 9}", "a: [", "\ufeff%YAML 1.2\n---\na: !b c", "<<: {}"} {
		f.Add([]byte(text), 1)
	}
	const word = "ÅSA-MARKER"
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		if len(data) > 1<<14 {
			t.Skip()
		}
		at = max(0, min(at, len(data)))
		for at > 0 && at < len(data) && !utf8.RuneStart(data[at]) {
			at--
		}
		text := string(data[:at]) + word + string(data[at:])
		for _, files := range [][]File{{{"f", data}}, {{"f", []byte(text)}}, {{"f", data}, {"g", []byte(text)}}} {
			r, err := Parse(files...)
			if err != nil {
				if strings.Contains(err.Error(), "MARKER") && !strings.Contains(string(data), "MARKER") {
					t.Fatalf("repeated: %v", err)
				}
				continue
			}
			for _, w := range r.Warnings() {
				if strings.Contains(w.String(), "MARKER") {
					t.Fatalf("repeated: %v", w)
				}
			}
			digest := r.Digest()
			if err := r.Check(); err != nil {
				t.Fatalf("loads and does not check: %v", err)
			}
			if r.Digest() != digest {
				t.Fatal("Check changed the meaning")
			}
		}
	})
}
