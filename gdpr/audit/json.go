package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra/gdpr/storage"
)

// errForm says that a text is not what the encoder would write.
var errForm = errors.New("not in the form of format version 1")

const hexDigits = "0123456789abcdef"

// appendText appends a JSON string. Only what JSON requires is escaped, so that a text has one form.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// appendField appends ,"key":"text" unless the text is empty. The key stands between commas and colon already.
func appendField(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(append(b, key...), s)
}

func appendID(b []byte, key string, id storage.ID) []byte {
	if id.IsZero() {
		return b
	}
	b = append(append(b, key...), '"')
	return append(appendUUID(b, id), '"')
}

// appendUUID appends the text form of an id; the zero id too.
func appendUUID(b []byte, id storage.ID) []byte {
	b = append(hex.AppendEncode(b, id[0:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:16])
}

func appendNumber(b []byte, key string, n int) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), int64(n), 10)
}

func appendTexts(b []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, key...), '[')
	for i, s := range list {
		b = appendText(comma(b, i), s)
	}
	return append(b, ']')
}

// comma appends what stands before item i of a list.
func comma(b []byte, i int) []byte {
	if i == 0 {
		return b
	}
	return append(b, ',')
}

func appendInstant(b []byte, key string, t time.Time) []byte {
	b = append(append(b, key...), '"')
	b = instant(t).AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// instant is t as the format keeps it: UTC, whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// decode reads JSON into v and requires that encode(v) gives the same bytes again: one content, one form.
func decode(body []byte, v any, encode func([]byte) []byte) error {
	if !utf8.Valid(body) {
		return errForm
	}
	if err := json.Unmarshal(body, v); err != nil {
		return errForm // the decoder's own words repeat values
	}
	if !bytes.Equal(encode(make([]byte, 0, len(body))), body) {
		return errForm
	}
	return nil
}
