package gdpr

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"
)

// importSum is the running hash of a sequence. It never leaves memory; docs/format.md part 7.
type importSum [sha256.Size]byte

// with is the sum after one more record, or after an error in its place.
func (s importSum) with(r *Record, failed bool) importSum {
	b := append(make([]byte, 0, 1024), s[:]...)
	if failed {
		return sha256.Sum256(append(b, 0))
	}
	b = append(b, 1)
	b = binary.AppendUvarint(b, uint64(1+len(r.Also)))
	b = appendShare(b, Share{r.Subject, r.Fields})
	for _, also := range r.Also {
		b = appendShare(b, also)
	}
	b = append(b, r.Agreement[:]...)
	b = append(b, r.Assignment[:]...)
	collected := ""
	if !r.CollectedAt.IsZero() {
		collected = r.CollectedAt.UTC().Format(time.RFC3339Nano)
	}
	b = appendText(b, collected)
	b = binary.AppendUvarint(b, uint64(len(r.Events)))
	for _, ev := range slices.Sorted(maps.Keys(r.Events)) {
		b = appendText(appendText(b, string(ev)), r.Events[ev].String())
	}
	b = binary.AppendUvarint(b, uint64(len(r.Labels)))
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		b = appendText(appendText(b, name), r.Labels[name])
	}
	b = appendText(b, r.Source)
	sum := importSum(sha256.Sum256(b))
	clear(b)
	return sum
}

func appendShare(b []byte, sh Share) []byte {
	who := sh.Subject.p.get()
	b = strconv.AppendBool(append(b, who.id[:]...), who.clash)
	b = binary.AppendUvarint(b, uint64(len(who.ids)))
	for _, id := range who.ids {
		b = appendText(appendText(b, id.kind), id.value)
	}
	b = binary.AppendUvarint(b, uint64(len(sh.Fields)))
	for _, name := range sh.Fields.Names() {
		value, err := appendValue(nil, sh.Fields[name], name, 0)
		if err != nil {
			value = nil // such a record is refused anyway
		}
		b = appendText(appendText(b, name), string(value))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
