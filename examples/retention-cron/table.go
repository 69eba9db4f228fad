package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// table writes rows in columns, the first row as the head; without any other, nothing.
func table(out io.Writer, rows [][]any) error {
	if len(rows) < 2 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			end := "\t"
			if i == len(row)-1 {
				end = "\n"
			}
			if _, err := fmt.Fprint(w, cell, end); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
