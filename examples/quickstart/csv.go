package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// row is one row of a CSV file.
type row struct {
	place string // "tickets.csv:4711"
	cells map[string]string
}

func (r row) text(column string) string { return r.cells[column] }

// day reads a day; an empty cell is no day.
func (r row) day(column string) (civil.Date, error) {
	if r.cells[column] == "" {
		return civil.Date{}, nil
	}
	d, err := civil.ParseDate(r.cells[column])
	if err != nil {
		return civil.Date{}, fmt.Errorf("column %s: not a day", column)
	}
	return d, nil
}

// instant is the beginning of a day.
func (r row) instant(column string, zone *time.Location) (time.Time, error) {
	d, err := r.day(column)
	if err != nil || d.IsZero() {
		return time.Time{}, err
	}
	return d.Start(zone), nil
}

// rows reads a CSV file with a header, row by row. A broken row comes with its place and its error, and the rows after it follow.
func rows(path string) iter.Seq2[row, error] {
	name := filepath.Base(path)
	return func(yield func(row, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(row{place: name}, err)
			return
		}
		defer func() { _ = file.Close() }()
		reader := csv.NewReader(file)
		header, err := reader.Read()
		if err != nil {
			yield(row{place: name}, err)
			return
		}
		for {
			cells, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var broken *csv.ParseError
			if errors.As(err, &broken) {
				if !yield(row{place: fmt.Sprintf("%s:%d", name, broken.StartLine)}, broken.Err) {
					return
				}
				continue
			}
			if err != nil { // the file itself cannot be read on
				yield(row{place: name}, err)
				return
			}
			line, _ := reader.FieldPos(0)
			r := row{place: fmt.Sprintf("%s:%d", name, line), cells: make(map[string]string, len(header))}
			for i, column := range header {
				r.cells[column] = cells[i]
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// records makes a record of each row, on its way from the file to PutAll: the file is never in memory as a whole.
func records(in iter.Seq2[row, error], read func(row) (gdpr.Record, error)) iter.Seq2[gdpr.Record, error] {
	return func(yield func(gdpr.Record, error) bool) {
		for r, err := range in {
			var record gdpr.Record
			if err == nil {
				record, err = read(r)
			}
			record.Origin = r.place
			if !yield(record, err) {
				return
			}
		}
	}
}

// only passes on the rows with a certain value in a column.
func only(in iter.Seq2[row, error], column, value string) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for r, err := range in {
			if err == nil && r.text(column) != value {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
