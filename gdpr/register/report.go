package register

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A place is a position in one of the files.
type place struct {
	file         int // counts from 0
	line, column int // count from 1
}

// source remembers where the paths of a loaded register stand. Beside the paths
// of Problem it knows PATH@WORD, a word inside a rule or a cadence, and NAME#N,
// what the Nth file after the first says of its own under a name that every
// file has. Neither is shown.
type source struct {
	names        []string // of the files
	keys, values map[string]place
}

func newSource() *source {
	return &source{keys: map[string]place{}, values: map[string]place{}}
}

// inFile marks a name as that of one file.
func inFile(name string, file int) string {
	if file == 0 {
		return name
	}
	return fmt.Sprintf("%s#%d", name, file)
}

var marks = regexp.MustCompile(`[@#][^.\[]*`)

// shown is the path without its marks.
func shown(path string) string { return marks.ReplaceAllString(path, "") }

// parent is the path that a path is part of.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".[@#"))] }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// element is the path of element i of n, counted from 0. A list that may also
// be written as a single element has no number if it has no second one.
func element(path string, i, n int) string {
	if n == 1 {
		return path
	}
	return numbered(path, i)
}

func numbered(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i+1) }

// key finds the key of a path, value what stands under it. What is missing is
// looked for where it should be.
func (s *source) key(path string) place   { return s.find(path, s.keys, s.values) }
func (s *source) value(path string) place { return s.find(path, s.values, s.keys) }

func (s *source) find(path string, first, second map[string]place) place {
	if p, ok := first[path]; ok {
		return p
	}
	if p, ok := second[path]; ok {
		return p
	}
	if path == "" {
		return place{line: 1, column: 1}
	}
	up := parent(path)
	if strings.Contains(path[len(up):], "@") {
		return s.value(up)
	}
	return s.key(up)
}

// report collects problems. It also knows what not to look at again: one cause
// is one error.
type report struct {
	source   *source // nil if there are no files
	problems []Problem
	places   []place
	spoiled  map[string]bool // paths that have been reported
	touched  map[string]bool // the paths above them
}

func newReport(s *source) *report {
	return &report{source: s, spoiled: map[string]bool{}, touched: map[string]bool{}}
}

// add reports a problem at a place.
func (r *report) add(at place, path, what, why, mend string) {
	p := Problem{Path: shown(path), What: what, Why: why, Mend: mend}
	if r.source != nil && at.file < len(r.source.names) {
		p.File, p.Line, p.Column = r.source.names[at.file], at.line, at.column
	}
	r.problems = append(r.problems, p)
	r.places = append(r.places, at)
}

// atValue reports a value that is wrong, atKey a key that should not be there or
// something about all that stands under it. Both spoil the path.
func (r *report) atValue(path, what, why, mend string) {
	r.add(r.where(path, (*source).value), path, what, why, mend)
	r.spoil(path)
}

func (r *report) atKey(path, what, why, mend string) {
	r.add(r.where(path, (*source).key), path, what, why, mend)
	r.spoil(path)
}

// missing reports a key that should stand under path.
func (r *report) missing(path, key, why, mend string) {
	r.lacking(path, key, "missing key "+key, why, mend)
}

// lacking is missing in other words.
func (r *report) lacking(path, key, what, why, mend string) {
	if r.broken(join(path, key)) {
		return
	}
	r.add(r.where(path, (*source).key), path, what, why, mend)
	r.spoil(join(path, key))
}

func (r *report) where(path string, find func(*source, string) place) place {
	if r.source == nil {
		return place{}
	}
	return find(r.source, path)
}

// line says on which line another path stands, in brackets, for one who reads
// about the first.
func (r *report) line(of, from string) string {
	if r.source == nil {
		return ""
	}
	at := r.source.key(of)
	if at.file == r.source.key(from).file {
		return fmt.Sprintf(" (line %d)", at.line)
	}
	return fmt.Sprintf(" (line %d of %s)", at.line, r.source.names[at.file])
}

// given reports whether a key stands in a file. Nothing is given in Go: there a
// default may have been filled in before.
func (r *report) given(path string) bool {
	if r.source == nil {
		return false
	}
	_, ok := r.source.keys[path]
	return ok
}

// spoil marks a path as reported.
func (r *report) spoil(path string) {
	path = shown(path)
	r.spoiled[path] = true
	for path != "" {
		path = parent(path)
		r.touched[path] = true
	}
}

// broken reports whether a path, something in it or something that it is in has
// been reported.
func (r *report) broken(path string) bool {
	path = shown(path)
	if r.touched[path] {
		return true
	}
	for ; path != ""; path = parent(path) {
		if r.spoiled[path] {
			return true
		}
	}
	return r.spoiled[""]
}

// lose marks that something stood under a path whose name could not be used, so
// that references to it cannot be judged.
func (r *report) lose(path string) { r.spoil(join(path, "?")) }

func (r *report) lost(path string) bool {
	return r.spoiled[join(path, "?")] || r.spoiled[path] || r.spoiled[""]
}

// err returns all problems in order of position, or nil.
func (r *report) err() error {
	if sorted := r.sorted(); len(sorted) > 0 {
		return sorted
	}
	return nil
}

func (r *report) sorted() Problems {
	order := make([]int, len(r.problems))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := r.places[i], r.places[j]
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var sorted Problems
	for _, i := range order {
		sorted = append(sorted, r.problems[i])
	}
	return sorted
}
