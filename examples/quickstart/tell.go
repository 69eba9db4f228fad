package main

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// width is that of the page, in characters.
const width = 80

// story writes chapters of paragraphs and small tables. It keeps the first error of its writer, for the end of the story.
type story struct {
	out     io.Writer
	numbers *message.Printer // writes 5,000 for 5000
	err     error
}

func newStory(out io.Writer) *story {
	return &story{out: out, numbers: message.NewPrinter(language.English)}
}

// chapter begins one.
func (s *story) chapter(title string) {
	s.line(title)
	s.line(strings.Repeat("-", utf8.RuneCountInString(title)))
}

// say tells a paragraph. Spaces and line breaks in the text do not matter.
func (s *story) say(format string, args ...any) {
	s.wrap("", s.numbers.Sprintf(format, args...))
	s.line("")
}

// quote shows sentences as the library wrote them.
func (s *story) quote(sentences ...string) {
	for _, text := range sentences {
		s.wrap("  ", text)
	}
	s.line("")
}

// table shows rows under a head: numbers to the right of their column, words to the left.
func (s *story) table(head []string, body ...[]any) {
	lines := [][]string{head}
	number := make([]bool, len(head))
	for _, row := range body {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = s.numbers.Sprint(cell)
			if _, ok := cell.(int); ok {
				number[i] = true
			}
		}
		lines = append(lines, line)
	}
	wide := make([]int, len(head))
	for _, line := range lines {
		for i, cell := range line {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		text := ""
		for i, cell := range line {
			gap := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
			if number[i] {
				text += "  " + gap + cell
			} else {
				text += "  " + cell + gap
			}
		}
		s.line(strings.TrimRight(text, " "))
	}
	s.line("")
}

// of counts things: "1 ticket", "5,000 tickets".
func (s *story) of(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return s.numbers.Sprintf("%d %ss", n, thing)
}

// wrap writes text in lines that fit the page. The lines after the first stand twice as far in.
func (s *story) wrap(indent, text string) {
	line, empty := indent, true
	for _, word := range strings.Fields(text) {
		switch {
		case empty:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			s.line(line)
			line = indent + indent + word
		default:
			line += " " + word
		}
		empty = false
	}
	s.line(line)
}

func (s *story) line(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.out, text+"\n")
	}
}
