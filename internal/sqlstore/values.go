package sqlstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// How Go values stand in columns: ids as 16 bytes, NULL for none where a column allows it; instants as microseconds since 1970, NULL
// for the zero time; lists joined by commas; labels as JSON. Empty bytes are NULL or empty and read as nil.

func optional(id storage.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func optionalBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// required keeps empty bytes from becoming NULL.
func required(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

var errPurpose = errors.New("a purpose must have no comma and must not be empty")

// JoinPurposes is how a list of purposes stands in a column.
func JoinPurposes(purposes []string) (string, error) {
	for _, p := range purposes {
		if p == "" || strings.Contains(p, ",") {
			return "", errPurpose
		}
	}
	return strings.Join(purposes, ","), nil
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// EncodeLabels is how labels stand in a column.
func EncodeLabels(labels map[string]string) (string, error) {
	if len(labels) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(labels); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func decodeLabels(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var labels map[string]string
	err := json.Unmarshal([]byte(text), &labels)
	return labels, err
}

// The scanners: they copy what they are given.

type idColumn storage.ID

func (c *idColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c = idColumn{}
	case []byte:
		if len(v) != len(c) {
			return fmt.Errorf("an id of %d bytes", len(v))
		}
		copy(c[:], v)
	default:
		return fmt.Errorf("an id as %T", src)
	}
	return nil
}

func id(p *storage.ID) *idColumn { return (*idColumn)(p) }

type instantColumn time.Time

func (c *instantColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c = instantColumn{}
	case int64:
		*c = instantColumn(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("an instant as %T", src)
	}
	return nil
}

func instant(p *time.Time) *instantColumn { return (*instantColumn)(p) }

type bytesColumn []byte

func (c *bytesColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c = nil
	case []byte:
		*c = nil
		if len(v) > 0 {
			*c = bytes.Clone(v)
		}
	default:
		return fmt.Errorf("bytes as %T", src)
	}
	return nil
}

func blob(p *[]byte) *bytesColumn { return (*bytesColumn)(p) }
