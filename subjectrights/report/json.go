package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes a report for programs, with texts in Swedish or English. The package's doc comment has the format. ErrLanguage is any other
// language; nothing is written then.
func JSON(w io.Writer, r *Report, lang string) error {
	d, err := r.document(lang)
	if err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}
