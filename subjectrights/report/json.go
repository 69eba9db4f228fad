package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes a report for programs, with texts in Swedish or English. The package's doc comment has the format. Of records that are streamed it holds one
// at a time. ErrLanguage is any other language; nothing is written then.
func JSON(w io.Writer, r *Report, lang string) error {
	b, err := r.builder(lang)
	if err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	out := bufio.NewWriterSize(w, 32<<10)
	j := &jsonWriter{w: out}
	if err := j.document(b); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}

// jsonWriter writes the document piece by piece, indented as json.Indent does.
type jsonWriter struct {
	w       *bufio.Writer
	compact bytes.Buffer
	wide    bytes.Buffer
}

const step = "  "

func (j *jsonWriter) document(b *builder) error {
	d := b.document()
	if err := j.value(d.head, "", "\n}"); err != nil {
		return err
	}
	if err := j.activities(b, d); err != nil {
		return err
	}
	if err := j.sources(b, d); err != nil {
		return err
	}
	j.text(",\n")
	piece, err := j.indented(d.tail, "")
	if err != nil {
		return err
	}
	_, err = j.w.Write(append(bytes.TrimPrefix(piece, []byte("{\n")), '\n'))
	return err
}

func (j *jsonWriter) activities(b *builder, d *document) error {
	j.text(",\n  \"activities\": [")
	records := 0
	endOne := func() {
		if records > 0 {
			j.text("\n      ")
		}
		j.text("]\n    }")
	}
	opened := false
	err := b.in.read(func(i int) error {
		if opened {
			endOne()
			j.text(",")
		}
		opened, records = true, 0
		j.text("\n    ")
		if err := j.value(d.Activities[i], "    ", "\n    }"); err != nil {
			return err
		}
		j.text(",\n      \"records\": [")
		return nil
	}, func(r Record) error {
		if records++; records > 1 {
			j.text(",")
		}
		j.text("\n        ")
		return j.value(b.record(r), "        ", "")
	})
	if err != nil {
		return err
	}
	if opened {
		endOne()
		j.text("\n  ")
	}
	j.text("]")
	return nil
}

func (j *jsonWriter) sources(b *builder, d *document) error {
	if len(d.Sources) == 0 {
		return nil
	}
	j.text(",\n  \"sources\": [")
	for i, s := range d.Sources {
		if i > 0 {
			j.text(",")
		}
		j.text("\n    ")
		if err := j.value(s, "    ", "\n    }"); err != nil {
			return err
		}
		j.text(",\n      \"items\": [")
		n := 0
		if err := b.in.readSource(i, func(it Item) error {
			if n++; n > 1 {
				j.text(",")
			}
			j.text("\n        ")
			return j.value(b.item(it), "        ", "")
		}); err != nil {
			return err
		}
		if n > 0 {
			j.text("\n      ")
		}
		j.text("]\n    }")
	}
	j.text("\n  ]")
	return nil
}

// value writes one value, without its ending.
func (j *jsonWriter) value(v any, prefix, without string) error {
	piece, err := j.indented(v, prefix)
	if err != nil {
		return err
	}
	_, err = j.w.Write(bytes.TrimSuffix(piece, []byte(without)))
	return err
}

func (j *jsonWriter) indented(v any, prefix string) ([]byte, error) {
	j.compact.Reset()
	j.wide.Reset()
	if err := encode(&j.compact, v); err != nil {
		return nil, err
	}
	err := json.Indent(&j.wide, bytes.TrimSuffix(j.compact.Bytes(), []byte("\n")), prefix, step)
	return j.wide.Bytes(), err
}

// text writes what cannot fail alone: bufio keeps the error for the next write.
func (j *jsonWriter) text(s string) { _, _ = j.w.WriteString(s) }

// encode writes a value on one line. It leaves < and > as they are: this is no page.
func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
