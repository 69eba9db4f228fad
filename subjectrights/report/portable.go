package report

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
)

// PortableSchema is the JSON Schema (2020-12) of what Portable writes.
//
//go:embed portable.schema.json
var PortableSchema string

// Portable writes what the person may take along (Art. 20): of the data in the report, the fields that serve a purpose under consent or contract, as JSON that another
// controller's program can read; PortableSchema describes it. What the organization itself has inferred is not provided by the person and stays out: derived names such
// fields by activity (WP 242). Data about others in the same records is left out, as everywhere (Art. 20(4)). It is written as it is read.
func Portable(w io.Writer, r *Report, derived map[string][]string) error {
	if err := portable(w, r, derived); err != nil {
		return fmt.Errorf("write portable data: %w", err)
	}
	return nil
}

type portableHead struct {
	Format     int    `json:"format"`
	Kind       string `json:"kind"`
	Case       string `json:"case"`
	Made       string `json:"made"`
	Controller struct {
		Name    string `json:"name"`
		Contact string `json:"contact"`
	} `json:"controller"`
}

type portableRecord struct {
	Activity  string          `json:"activity"`
	Collected string          `json:"collected"`
	Fields    []portableField `json:"fields"`
}

type portableField struct {
	Name     string `json:"name"`
	Category string `json:"category,omitempty"`
	Type     string `json:"type"`
	Value    any    `json:"value"`
}

func portable(to io.Writer, r *Report, derived map[string][]string) error {
	b, err := r.builder(English) // the words do not matter here: values are the same in all languages
	if err != nil {
		return err
	}
	head := portableHead{Format: 1, Kind: "portable", Case: b.in.Case, Made: b.made().String()}
	head.Controller.Name, head.Controller.Contact = b.reg.Organization.Name, b.reg.Organization.Contact
	start, err := json.Marshal(head)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 32<<10)
	_, _ = w.Write(start[:len(start)-1]) // an error of w is that of Flush
	_, _ = w.WriteString(",\"records\":[")
	n := 0
	err = b.in.read(func(int) error { return nil }, func(rec Record) error {
		out := b.takeAlong(rec, derived[rec.Stored.Activity])
		if len(out.Fields) == 0 {
			return nil
		}
		if n++; n > 1 {
			_, _ = w.WriteString(",")
		}
		line, err := json.Marshal(out)
		if err != nil {
			return err
		}
		_, _ = w.WriteString("\n")
		_, err = w.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	_, _ = w.WriteString("\n]}\n")
	return w.Flush()
}

// takeAlong is what the person may take along of a record: no field twice, none of a part that serves neither consent nor contract.
func (b *builder) takeAlong(r Record, derived []string) portableRecord {
	out := portableRecord{Activity: r.Stored.Activity, Collected: r.Stored.Collected.String(), Fields: []portableField{}}
	mine := map[string]bool{}
	for _, p := range r.Why.Parts {
		if p.Subject != b.in.Person {
			continue
		}
		for _, id := range p.Purposes {
			act, ok := b.reg.Activity(id)
			if !ok || !act.HasRight(register.ArticlePortability) || b.ended(p, id) {
				continue
			}
			for _, name := range act.FieldNames() {
				mine[name] = true
			}
		}
	}
	for _, f := range b.fields(r.Stored.Activity, r.Stored.FieldsOf(b.in.Person)) {
		if !mine[f.Name] || slices.Contains(derived, f.Name) || secret(f.Category.Code) {
			continue
		}
		out.Fields = append(out.Fields, portableField{f.Name, f.Category.Code, f.Type, f.Value})
	}
	return out
}

// ended reports whether a purpose of a part was over when the request came: what it rested on was gone. What ended since, perhaps by the same letter, was asked for before.
func (b *builder) ended(p gdpr.PartExplanation, purpose string) bool {
	for _, st := range p.Verdict.Standings {
		if st.Purpose == purpose && st.Ended != nil {
			return st.Ended.Day.Before(b.in.Received)
		}
	}
	return false
}
