package sqlstore

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/gallra/gallra/gdpr/storage"
)

// Where the dialect has arrays, a list of keys is a table a that a statement joins. The arrays come from selects of their own, so that the server plans for
// a short list, row by row through an index, however long the list is: for a long one it would read the whole other table.

const idList = `unnest((SELECT CAST(? AS SMALLINT[])), (SELECT CAST(? AS BYTEA[]))) AS a(bucket, id)`

// idArrays are the arguments of idList.
func idArrays(ids []storage.ID) []any {
	var buckets, names strings.Builder
	for i, id := range ids {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		buckets.WriteString(sep + strconv.Itoa(id.Bucket()))
		names.WriteString(sep + `"\\x` + hex.EncodeToString(id[:]) + `"`)
	}
	return []any{buckets.String() + "}", names.String() + "}"}
}

const wantedList = `unnest((SELECT CAST(? AS BYTEA[]))) AS a(wanted)`

// byteArray is the argument of wantedList.
func byteArray(values [][]byte) string {
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(hex.AppendEncode(append(b, `"\\x`...), v), '"')
	}
	return string(append(b, '}'))
}

const keyList = `unnest((SELECT CAST(? AS SMALLINT[])), (SELECT CAST(? AS BYTEA[])), (SELECT CAST(? AS INTEGER[])), (SELECT CAST(? AS INTEGER[]))) AS a(bucket, record, part, version)`

// keyArrays are the arguments of keyList.
func keyArrays(refs []storage.PartKeyRef) []any {
	var b [4]strings.Builder
	for i, r := range refs {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		for j, v := range []string{strconv.Itoa(r.Bucket), `"\\x` + hex.EncodeToString(r.Record[:]) + `"`, strconv.Itoa(r.Part), strconv.Itoa(r.Version)} {
			_, _ = b[j].WriteString(sep + v)
		}
	}
	return []any{b[0].String() + "}", b[1].String() + "}", b[2].String() + "}", b[3].String() + "}"}
}
