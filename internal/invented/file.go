package invented

import (
	"bytes"
	"encoding/csv"
	"fmt"
)

// file is a CSV file in the making.
type file struct {
	buffer bytes.Buffer
	writer *csv.Writer
}

func newFile(header ...string) *file {
	f := &file{}
	f.writer = csv.NewWriter(&f.buffer)
	f.row(header...)
	return f
}

// row adds one. Writing to memory cannot fail, but the fields can: then the generator is wrong.
func (f *file) row(fields ...string) {
	if err := f.writer.Write(fields); err != nil {
		panic(fmt.Sprintf("invented: %v", err))
	}
}

// raw adds a line as it stands.
func (f *file) raw(line string) {
	f.bytes()
	f.buffer.WriteString(line + "\n")
}

// lines counts the lines so far.
func (f *file) lines() int {
	return bytes.Count(f.bytes(), []byte("\n"))
}

func (f *file) bytes() []byte {
	f.writer.Flush()
	return f.buffer.Bytes()
}
