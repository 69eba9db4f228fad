package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/strict"
)

// maxHeader is more than a first line can be long.
const maxHeader = 256

func appendHeader(b []byte, store, generation storage.ID) []byte {
	b = append(b, `{"gallra":"ledger","v":1`...)
	b = appendID(b, `,"store":`, store)
	b = appendID(b, `,"generation":`, generation)
	return append(b, "}\n"...)
}

func appendLine(b []byte, p *storage.Proof) []byte {
	b = strconv.AppendUint(append(b, `{"n":`...), p.N, 10)
	b = hex.AppendEncode(append(b, `,"prev":"`...), p.Prev)
	b = hex.AppendEncode(append(b, `","digest":"`...), p.Digest)
	b = base64.StdEncoding.AppendEncode(append(b, `","mac":"`...), p.MAC)
	b = appendText(append(b, `","body":`...), string(p.Body))
	return append(b, "}\n"...)
}

func decodeLine(line []byte) (storage.Proof, error) {
	row, ok := readLine(line)
	if !ok || !bytes.Equal(appendLine(make([]byte, 0, len(line)), &row), line) { // one content, one form
		return storage.Proof{}, errForm
	}
	return row, nil
}

func readLine(line []byte) (row storage.Proof, ok bool) {
	r := strict.New(line)
	r.Must(`{"n":`)
	n, err := strconv.ParseUint(r.Number(), 10, 64)
	row.N = n
	bytesOf := func(key string, decode func(string) ([]byte, error)) []byte {
		r.Must(key)
		b, bad := decode(r.Text())
		err = errors.Join(err, bad)
		return b
	}
	row.Prev = bytesOf(`,"prev":`, hex.DecodeString)
	row.Digest = bytesOf(`,"digest":`, hex.DecodeString)
	row.MAC = bytesOf(`,"mac":`, base64.StdEncoding.DecodeString)
	r.Must(`,"body":`)
	row.Body = []byte(r.Text())
	r.Must("}\n")
	return row, err == nil && r.Done()
}
