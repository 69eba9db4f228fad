package register

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest size of a file, in bytes.
const maxFile = 1 << 20

// File is a register, or one policy set of it, that has been read already.
type File struct {
	// Name is what errors call it.
	Name string
	Data []byte
}

// Load reads a register from one or more files, each a policy set: the
// organization, its accountability and its backups stand in one of them, and so
// does a category of data subjects. The version is that of all of them.
//
// If something is wrong with what they say, the error is Problems, all at once.
// Warnings do not stop the load: see Register.Warnings.
func Load(paths ...string) (*Register, error) {
	files := make([]File, len(paths))
	for i, path := range paths {
		data, err := read(path)
		if err != nil {
			return nil, fmt.Errorf("load register: %w", err)
		}
		files[i] = File{Name: path, Data: data}
	}
	return Parse(files...)
}

// read reads at most one byte more than is allowed.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse is Load for files that have been read already.
func Parse(files ...File) (*Register, error) {
	if len(files) == 0 {
		return nil, errors.New("load register: no file given")
	}
	l := newLoader()
	roots := make([]*yaml.Node, len(files))
	for i, f := range files {
		l.source.names = append(l.source.names, f.Name)
		roots[i] = l.document(i, f.Data)
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	for i, f := range files {
		l.file, l.lines = i, strings.Split(string(f.Data), "\n")
		l.readFile(roots[i])
	}
	r := l.register
	r.source = l.source
	r.fillIn()
	c := &checker{report: l.report, register: r, headers: l.headers}
	c.run()
	if err := l.err(); err != nil {
		return nil, err
	}
	r.settleElsewhere()
	r.passed = r.Digest()
	return r, nil
}

// settleElsewhere forgets the categories that one file keeps elsewhere and
// another takes.
func (r *Register) settleElsewhere() {
	for _, a := range r.Activities {
		for _, category := range a.Subjects {
			delete(r.Elsewhere, category)
		}
	}
}

// document returns the mapping that a file consists of, or nil with a problem.
func (l *loader) document(file int, data []byte) *yaml.Node {
	root := inFile("", file)
	l.source.values[root] = place{file: file, line: 1, column: 1}
	switch {
	case len(data) > maxFile:
		l.atValue(root, "file too large", "A register has at most 1 MiB.", "Split it into policy sets.")
		return nil
	case !utf8.Valid(data):
		l.add(place{file: file, line: badLine(data), column: 1}, root, "not UTF-8",
			"A register is text in UTF-8.", "Save the file as UTF-8.")
		return nil
	}
	docs, err := documents(data)
	switch {
	case err != nil && strings.Contains(err.Error(), "unknown anchor"):
		at := place{file: file, line: errorLine(data, err), column: 1}
		l.add(at, root, aliasForm.what, aliasForm.why, aliasForm.mend)
	case err != nil:
		at := place{file: file, line: errorLine(data, err), column: 1}
		l.add(at, root, "not YAML", "The file cannot be read from here on; the cause may be a line above.",
			"Look at indentation, brackets and quotes, and put quotes round a text with a colon and a space in it.")
	case len(docs) == 0:
		l.atValue(root, "empty file", "A register has a register key at least.", "Write one, or leave the file out.")
	case len(docs) > 1:
		at := place{file: file, line: docs[1].Line, column: docs[1].Column}
		l.add(at, root, "second document", "A file is one document.", "Take the line of hyphens away, or make two files.")
	case docs[0].Content[0].Kind != yaml.MappingNode:
		l.add(place{file: file, line: docs[0].Content[0].Line, column: docs[0].Content[0].Column}, root,
			"not a register", "A register is made of keys and what stands under them.", "Begin with the key register.")
	default:
		root := docs[0].Content[0]
		if format := newer(root); format != nil {
			l.add(place{file: file, line: format.Line, column: format.Column}, "register.format",
				"written for a newer version of the library", fmt.Sprintf("This one reads format %d.", Format), "Update the library.")
		}
		return root
	}
	return nil
}

// documents parses at most two documents: the second is one too many.
func documents(data []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the parser has panics of its own for odd comments
			docs, err = nil, errors.New("parser gave up")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for len(docs) < 2 {
		doc := new(yaml.Node)
		switch err := decoder.Decode(doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// errorLine finds the line at which the parser gives up, since its own message
// is often one line off or names where the construct began. It is the first
// line up to which the text already gives the very same error.
func errorLine(data []byte, err error) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends := make([]int, len(lines))
	for i, end := 0, 0; i < len(lines); i++ {
		end += len(lines[i])
		ends[i] = end
	}
	i := sort.Search(len(ends)-1, func(i int) bool {
		_, e := documents(data[:ends[i]])
		return e != nil && e.Error() == err.Error()
	})
	return i + 1
}

func badLine(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		data = data[n:]
	}
	return line
}
