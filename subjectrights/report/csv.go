package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// csvHead are the columns, under names that are the same in both languages.
var csvHead = []string{"source", "activity", "purpose", "record", "collected", "until", "field", "item", "category", "text", "type", "value"}

// CSV writes the values of a report as a table, one row a value: for a spreadsheet. What must be said besides is in the other forms. item numbers the
// values of a list; a statement that the person has added to a record is the field "supplement"; a file is base64.
//
// It begins with a byte order mark: without it Excel takes UTF-8 for something else, and å, ä and ö are broken. A text that begins with = + - @, a
// tab or an end of line gets an apostrophe before it, so that no spreadsheet runs it as a formula. ErrLanguage is as with JSON.
func CSV(w io.Writer, r *Report, lang string) error {
	b, err := r.builder(lang)
	if err != nil {
		return fmt.Errorf("write CSV report: %w", err)
	}
	if err := b.table(w); err != nil {
		return fmt.Errorf("write CSV report: %w", err)
	}
	return nil
}

func (b *builder) table(w io.Writer) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	t := &table{Writer: csv.NewWriter(w)}
	if err := t.Write(csvHead); err != nil {
		return err
	}
	d := b.document()
	var at activity
	err := b.in.read(func(i int) error {
		at = d.Activities[i]
		return nil
	}, func(r Record) error {
		rec := b.record(r)
		t.row = [6]string{"", at.ID, at.Title.Words, rec.ID, rec.Collected, rec.Until}
		if rec.Supplement != nil {
			rec.Fields = append(rec.Fields, field{Name: "supplement", Category: coded{Text: b.w.page.Supplement}, value: *rec.Supplement})
		}
		return t.fields(rec.Fields)
	})
	if err != nil {
		return err
	}
	for i, s := range d.Sources {
		if err := b.in.readSource(i, func(it Item) error {
			x := b.item(it)
			t.row = [6]string{s.Name, x.Activity, x.Title.Words, "", x.Collected, ""}
			return t.fields(x.Fields)
		}); err != nil {
			return err
		}
	}
	t.Flush()
	return t.Error()
}

// table writes rows that begin alike.
type table struct {
	*csv.Writer
	row   [6]string
	cells [12]string
}

func (t *table) fields(fields []field) error {
	for _, f := range fields {
		if f.Type != "list" {
			if err := t.put(f, "", f.value); err != nil {
				return err
			}
			continue
		}
		for i, v := range f.items {
			if err := t.put(f, strconv.Itoa(i+1), v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *table) put(f field, item string, v value) error {
	cells := append(t.cells[:0], t.row[:]...)
	cells = append(cells, f.Name, item, f.Category.Code, f.Category.Text, v.Type, fmt.Sprint(v.Value))
	for i, cell := range cells {
		if i < len(cells)-1 || v.Type == "text" {
			cells[i] = harmless(cell)
		}
	}
	return t.Write(cells)
}

// harmless is a text that no spreadsheet takes for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
