package register

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// loader reads files into a register by hand, so that it knows where everything
// stands and never says what stood there. It looks at the form only; what the
// values mean is the checker's, for files and Go alike.
type loader struct {
	*report
	register *Register
	headers  []*Register // what each file has under register; nil for none
	file     int         // the one being read
	lines    []string    // of it
	cursor   cursor
}

func newLoader() *loader {
	return &loader{report: newReport(newSource()), register: &Register{}}
}

// A reader reads the node that stands at a path.
type reader func(n *yaml.Node, path string)

func (l *loader) at(n *yaml.Node) place { return place{file: l.file, line: n.Line, column: n.Column} }

func (l *loader) fail(n *yaml.Node, path string, f form) {
	l.add(l.at(n), path, f.what, f.why, f.mend)
	l.spoil(path)
}

// enter notes where the value of a path stands and refuses what is no plain
// YAML or empty.
func (l *loader) enter(n *yaml.Node, path string) bool {
	if _, ok := l.source.values[path]; !ok {
		l.source.values[path] = l.at(n)
	}
	if f, ok := l.fancy(n); ok {
		l.fail(n, path, f)
		return false
	}
	if empty(n) {
		l.fail(n, path, emptyForm)
		return false
	}
	return true
}

// fancy finds the means of YAML that the language does without.
func (l *loader) fancy(n *yaml.Node) (form, bool) {
	switch {
	case n.Kind == yaml.AliasNode:
		return aliasForm, true
	case n.Anchor != "":
		return anchorForm, true
	case n.Style&yaml.TaggedStyle != 0 || strings.HasPrefix(l.rest(n), "!"):
		return tagForm, true
	case n.Tag == "!!merge":
		return mergeForm, true
	}
	return form{}, false
}

func empty(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return len(n.Content) == 0
	}
	return blank(n.Value) || n.Style == 0 && n.Tag == "!!null"
}

// rest is the line from where a node stands. Nodes come mostly in order, so it
// goes on from the last one.
func (l *loader) rest(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(l.lines) {
		return ""
	}
	if c := &l.cursor; c.file != l.file || c.line != n.Line || c.column > n.Column {
		*c = cursor{place{file: l.file, line: n.Line, column: 1}, strings.TrimPrefix(l.lines[n.Line-1], "\ufeff")}
	}
	for ; l.cursor.column < n.Column && l.cursor.rest != ""; l.cursor.column++ {
		_, size := utf8.DecodeRuneInString(l.cursor.rest)
		l.cursor.rest = l.cursor.rest[size:]
	}
	return l.cursor.rest
}

// A cursor is a place and what stands from there to the end of the line.
type cursor struct {
	place
	rest string
}

// inside is the place of a character of a plain scalar. In a quoted or folded
// one it cannot be counted.
func (l *loader) inside(n *yaml.Node, offset int) place {
	at := l.at(n)
	if n.Style == 0 && strings.HasPrefix(l.rest(n), n.Value) {
		at.column += offset
	}
	return at
}

// markWords notes where the words of a rule or a cadence stand.
func (l *loader) markWords(n *yaml.Node, path string, names ...string) {
	from := 0
	for i, word := range strings.Fields(n.Value) {
		from += strings.Index(n.Value[from:], word)
		if i < len(names) && names[i] != "" {
			l.source.values[path+"@"+names[i]] = l.inside(n, utf8.RuneCountInString(n.Value[:from]))
		}
		from += len(word)
	}
}

// scalar returns a single value, or false after saying what should be there.
func (l *loader) scalar(n *yaml.Node, path string, f form) (string, bool) {
	if !l.enter(n, path) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		l.fail(n, path, f)
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// mapping reads what stands under keys that the register's author chooses.
func (l *loader) mapping(n *yaml.Node, path string, valid func(string) bool, f form, each func(id string, v *yaml.Node, p string)) {
	if !l.enter(n, path) {
		return
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n, path, objectForm)
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !l.keyWord(k, path) {
			l.lose(path)
			continue
		}
		if !valid(k.Value) {
			l.add(l.at(k), path, f.what, f.why, f.mend)
			l.lose(path)
			continue
		}
		if p := join(path, k.Value); l.first(k, p, seen) {
			each(k.Value, v, p)
		}
	}
}

func (l *loader) keyWord(k *yaml.Node, path string) bool {
	f, bad := l.fancy(k)
	if !bad && k.Kind != yaml.ScalarNode {
		f, bad = keyForm, true
	}
	if bad {
		l.add(l.at(k), path, f.what, f.why, f.mend)
	}
	return !bad
}

// first notes where a key stands, and reports one that has stood before.
func (l *loader) first(k *yaml.Node, path string, seen map[string]*yaml.Node) bool {
	if before, ok := seen[k.Value]; ok {
		what := fmt.Sprintf("%s (line %d)", twiceForm.what, before.Line)
		l.add(l.at(k), path, what, twiceForm.why, twiceForm.mend)
		return false
	}
	seen[k.Value] = k
	if before, ok := l.source.keys[path]; ok { // in another file
		if !shared(path) {
			what := fmt.Sprintf("stands in two files (line %d of %s)", before.line, l.source.names[before.file])
			l.add(l.at(k), path, what, "Files that are loaded together are one register.", "Take one of the two away.")
		}
		l.source.keys[inFile(path, l.file)] = l.at(k)
		return shared(path)
	}
	l.source.keys[path] = l.at(k)
	return true
}

// A key of an object, and what reads its value.
type key struct {
	name string
	read reader
}

// object reads what stands under keys of the language.
func (l *loader) object(noun string, keys ...key) reader {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return func(n *yaml.Node, path string) {
		if !l.enter(n, path) {
			return
		}
		if n.Kind != yaml.MappingNode {
			l.fail(n, path, objectForm)
			return
		}
		absent, unknown := slices.Clone(names), []*yaml.Node(nil)
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if !l.keyWord(k, path) {
				if slices.Contains(names, k.Value) {
					l.spoil(join(path, k.Value))
				}
				continue
			}
			at := slices.Index(names, k.Value)
			if at < 0 {
				unknown = append(unknown, k, v)
				continue
			}
			absent = slices.DeleteFunc(absent, func(name string) bool { return name == k.Value })
			if p := join(path, k.Value); l.first(k, p, seen) {
				keys[at].read(v, p)
			}
		}
		for i := 0; i < len(unknown); i += 2 {
			l.unknownKey(unknown[i], unknown[i+1], path, noun, names, absent)
		}
	}
}

// unknownKey also keeps the key that was probably meant from being reported as
// missing. One without a value is mostly the rest of a text with a comma in it.
func (l *loader) unknownKey(k, v *yaml.Node, path, noun string, names, absent []string) {
	mend := "Its keys are " + enumerate(names, "and") + "."
	if empty(v) {
		mend = "Put quotes round a text with a comma in it."
	}
	if meant, ok := nearest(k.Value, absent); ok {
		mend = fmt.Sprintf("Did you mean %q?", meant)
		l.spoil(join(path, meant))
	}
	l.add(l.at(k), path, "unknown key", noun+" has only its own keys.", mend)
}

// enumerate writes a closed list as words.
func enumerate[K ~string](words []K, last string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" " + last + " ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// entries reads a map whose keys the author chooses.
func entries[K ~string, T any](l *loader, to *map[K]T, valid func(string) bool, f form, read func(*T) reader) reader {
	return func(n *yaml.Node, path string) {
		l.mapping(n, path, valid, f, func(id string, v *yaml.Node, p string) {
			var t T
			read(&t)(v, p)
			if *to == nil {
				*to = map[K]T{}
			}
			(*to)[K(id)] = t
		})
	}
}

// list reads elements in brackets. One that cannot be read keeps its place.
func list[T any](l *loader, to *[]T, read func(*T) reader) reader {
	return func(n *yaml.Node, path string) {
		if !l.enter(n, path) {
			return
		}
		if n.Kind != yaml.SequenceNode {
			l.fail(n, path, listForm)
			return
		}
		*to = make([]T, len(n.Content))
		for i, v := range n.Content {
			read(&(*to)[i])(v, numbered(path, i))
		}
	}
}

// oneOrMany reads a list that may be written as its only element.
func oneOrMany[T any](l *loader, to *[]T, read func(*T) reader) reader {
	return func(n *yaml.Node, path string) {
		if n.Kind == yaml.SequenceNode && len(n.Content) != 1 {
			list(l, to, read)(n, path)
			return
		}
		if n.Kind == yaml.SequenceNode {
			if _, fancy := l.fancy(n); fancy {
				l.enter(n, path)
				return
			}
			n = n.Content[0]
		}
		*to = make([]T, 1)
		read(&(*to)[0])(n, path)
	}
}

// word reads a value that the checker will judge.
func word[T ~string](l *loader) func(*T) reader {
	return func(to *T) reader {
		return func(n *yaml.Node, path string) {
			if s, ok := l.scalar(n, path, stringForm); ok {
				*to = T(s)
			}
		}
	}
}

// parsed reads a value by the parser of its type.
func parsed[T any](l *loader, f form, parse func(string) (T, error)) func(*T) reader {
	return func(to *T) reader {
		return func(n *yaml.Node, path string) {
			s, ok := l.scalar(n, path, f)
			if !ok {
				return
			}
			t, err := parse(s)
			if err != nil {
				l.fail(n, path, f)
				return
			}
			*to = t
		}
	}
}

var errForm = errors.New("wrong form")

func parseNumber(s string) (int, error) {
	if len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, errForm
	}
	n, err := strconv.Atoi(s)
	if err == nil && n < 1 {
		err = errForm
	}
	return n, err
}

func parseBoolean(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errForm
}

// parseLength reads a period that has a length.
func parseLength(s string) (civil.Period, error) {
	p, err := civil.ParsePeriod(s)
	if err == nil && p.IsZero() {
		err = errForm
	}
	return p, err
}

func parseHours(s string) (civil.Hours, error) {
	h, err := civil.ParseHours(s)
	if err == nil && h < 1 {
		err = errForm
	}
	return h, err
}

func (l *loader) number(to *int) reader          { return parsed(l, numberForm, parseNumber)(to) }
func (l *loader) date(to *civil.Date) reader     { return parsed(l, dateForm, civil.ParseDate)(to) }
func (l *loader) length(to *civil.Period) reader { return parsed(l, periodForm, parseLength)(to) }
func (l *loader) hours(to *civil.Hours) reader   { return parsed(l, hoursForm, parseHours)(to) }
func (l *loader) boolean(to *bool) reader        { return parsed(l, booleanForm, parseBoolean)(to) }
func (l *loader) words(to *[]string) reader      { return list(l, to, word[string](l)) }

// text reads one string, or one for each language.
func (l *loader) text(to *Text) reader {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.MappingNode {
			if s, ok := l.scalar(n, path, textForm); ok {
				*to = Plain(s)
			}
			return
		}
		l.mapping(n, path, isLanguage, languageForm, func(lang string, v *yaml.Node, p string) {
			if s, ok := l.scalar(v, p, stringForm); ok {
				*to = append(*to, Phrase{Lang: lang, Words: s})
			}
		})
	}
}

// rule reads a rule and notes where its period and its event stand.
func (l *loader) rule(to *retention.Rule) reader {
	return func(n *yaml.Node, path string) {
		s, ok := l.scalar(n, path, ruleForm)
		if !ok {
			return
		}
		rule, err := retention.ParseRule(s)
		if wrong := (*retention.RuleError)(nil); errors.As(err, &wrong) {
			l.add(l.inside(n, wrong.Offset), path, wrong.What, wrong.Why, wrong.Mend)
			l.spoil(path)
			return
		}
		if err != nil {
			l.fail(n, path, ruleForm)
			return
		}
		names := []string{"period", "", "event", "case"}
		if rule.YearEnd {
			names = []string{"period", "", "", "", "event", "case"}
		}
		l.markWords(n, path, names...)
		*to = rule
	}
}

// cadence reads PERIOD by ROLE and notes where the role stands.
func (l *loader) cadence(to *Cadence) reader {
	return func(n *yaml.Node, path string) {
		s, ok := l.scalar(n, path, cadenceForm)
		if !ok {
			return
		}
		parts := strings.Fields(s)
		if len(parts) != 3 || parts[1] != "by" {
			l.fail(n, path, cadenceForm)
			return
		}
		every, err := parseLength(parts[0])
		if err != nil {
			l.fail(n, path, periodForm)
			return
		}
		l.markWords(n, path, "period", "", "role")
		*to = Cadence{Every: every, By: parts[2]}
	}
}
