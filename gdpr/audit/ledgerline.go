package audit

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"github.com/gallra/gallra/gdpr/storage"
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
	var p struct {
		N      uint64  `json:"n"`
		Prev   hexText `json:"prev"`
		Digest hexText `json:"digest"`
		MAC    []byte  `json:"mac"`
		Body   string  `json:"body"`
	}
	var row storage.Proof
	err := decode(line, &p, func(b []byte) []byte {
		row = storage.Proof{N: p.N, Prev: p.Prev, Digest: p.Digest, MAC: p.MAC, Body: []byte(p.Body)}
		return appendLine(b, &row)
	})
	return row, err
}
