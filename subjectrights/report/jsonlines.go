package report

import (
	"bufio"
	"fmt"
	"io"
)

// JSONLines writes a report as one JSON value a line, for programs that read it as it comes: the same values as JSON writes, each with its kind. The package's
// doc comment has the format. A file without its last line is not whole. ErrLanguage is as with JSON.
func JSONLines(w io.Writer, r *Report, lang string) error {
	b, err := r.builder(lang)
	if err != nil {
		return fmt.Errorf("write JSON lines of report: %w", err)
	}
	out := bufio.NewWriterSize(w, 32<<10)
	if err := b.lines(out); err != nil {
		return fmt.Errorf("write JSON lines of report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write JSON lines of report: %w", err)
	}
	return nil
}

func (b *builder) lines(w io.Writer) error {
	d := b.document()
	type kind struct {
		Kind string `json:"kind"`
	}
	if err := encode(w, struct {
		kind
		head
	}{kind{"report"}, d.head}); err != nil {
		return err
	}
	at := ""
	err := b.in.read(func(i int) error {
		at = d.Activities[i].ID
		return encode(w, struct {
			kind
			activity
		}{kind{"activity"}, d.Activities[i]})
	}, func(r Record) error {
		return encode(w, struct {
			kind
			Activity string `json:"activity"`
			record
		}{kind{"record"}, at, b.record(r)})
	})
	if err != nil {
		return err
	}
	for i, s := range d.Sources {
		if err := encode(w, struct {
			kind
			source
		}{kind{"source"}, s}); err != nil {
			return err
		}
		if err := b.in.readSource(i, func(it Item) error {
			return encode(w, struct {
				kind
				Source string `json:"source"`
				item
			}{kind{"item"}, s.Name, b.item(it)})
		}); err != nil {
			return err
		}
	}
	return encode(w, struct {
		kind
		Records int `json:"records"`
		tail
	}{kind{"end"}, d.count, d.tail})
}
