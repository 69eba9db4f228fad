package audit

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/gallra/gallra/gdpr/storage"
)

// segment puts the entries of some lanes into the log, docs/format.md part 5.
type segment struct {
	N          uint64    `json:"n"`
	At         time.Time `json:"at"`
	From       uint64    `json:"from"`
	Size       uint64    `json:"size"`
	Lanes      []span    `json:"lanes"`
	Frontier   []hexText `json:"frontier"`
	Checkpoint string    `json:"checkpoint"`
}

// span is a run of entries of one lane.
type span struct {
	Lane  storage.ID `json:"lane"`
	First uint64     `json:"first"`
	Last  uint64     `json:"last"`
}

// hexText is bytes that stand in JSON as hexadecimal digits.
type hexText []byte

// UnmarshalText reads the digits.
func (h *hexText) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

func (s *segment) append(b []byte) []byte {
	b = strconv.AppendUint(append(b, `{"v":1,"n":`...), s.N, 10)
	b = appendInstant(b, `,"at":`, s.At)
	b = strconv.AppendUint(append(b, `,"from":`...), s.From, 10)
	b = strconv.AppendUint(append(b, `,"size":`...), s.Size, 10)
	b = append(b, `,"lanes":[`...)
	for i, l := range s.Lanes {
		b = append(appendUUID(append(comma(b, i), `{"lane":"`...), l.Lane), '"')
		b = strconv.AppendUint(append(b, `,"first":`...), l.First, 10)
		b = strconv.AppendUint(append(b, `,"last":`...), l.Last, 10)
		b = append(b, '}')
	}
	b = append(b, `],"frontier":[`...)
	for i, h := range s.Frontier {
		b = append(hex.AppendEncode(append(comma(b, i), '"'), h), '"')
	}
	b = appendText(append(b, `],"checkpoint":`...), s.Checkpoint)
	return append(b, '}')
}

func decodeSegment(body []byte) (segment, error) {
	var s segment
	err := decode(body, &s, s.append)
	return s, err
}

// sealed is how far the segments read so far reach.
type sealed struct {
	n, size  uint64
	frontier []hexText
	note     string                // the last checkpoint
	at       time.Time             // its instant
	last     map[storage.ID]uint64 // number of the last sealed entry of each lane
}

// next reads the segment after n and checks that it goes on where the log ended.
func (s *sealed) next(row storage.Segment) (segment, error) {
	want := s.n + 1
	broken := func(what string) (segment, error) {
		return segment{}, &BrokenError{Kind: KindSegment, N: want, What: what}
	}
	switch {
	case row.N > want:
		return broken("missing")
	case row.N < want:
		return segment{}, &BrokenError{Kind: KindSegment, N: row.N, What: "stands there twice"}
	}
	seg, err := decodeSegment(row.Body)
	if err != nil {
		return broken(err.Error())
	}
	if seg.N != want {
		return broken("its body has another number")
	}
	if seg.From != s.size {
		return broken("does not begin where the log ended")
	}
	size := seg.From
	for i, l := range seg.Lanes {
		if i > 0 && seg.Lanes[i-1].Lane.Compare(l.Lane) >= 0 {
			return broken("lanes are not in order")
		}
		if l.First != s.last[l.Lane]+1 || l.Last < l.First {
			return broken(fmt.Sprintf("lane %s does not go on where it ended", l.Lane))
		}
		size += l.Last - l.First + 1
	}
	if seg.Size != size || size == seg.From {
		return broken("its size is not that of its lanes")
	}
	if s.last == nil {
		s.last = make(map[storage.ID]uint64)
	}
	for _, l := range seg.Lanes {
		s.last[l.Lane] = l.Last
	}
	s.n, s.size, s.frontier, s.note, s.at = seg.N, seg.Size, seg.Frontier, seg.Checkpoint, seg.At
	return seg, nil
}

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// log is the Merkle tree as far as the segments reach.
func (s *sealed) log() (*compact.Range, error) {
	hashes := make([][]byte, len(s.frontier))
	for i, h := range s.frontier {
		hashes[i] = h
	}
	r, err := ranges.NewRange(0, s.size, hashes)
	if err != nil {
		return nil, &BrokenError{Kind: KindSegment, N: s.n, What: "frontier does not fit the size"}
	}
	return r, nil
}

// appendLeaf puts an entry into the log.
func appendLeaf(log *compact.Range, e *storage.Entry) error {
	leaf := make([]byte, 0, 64)
	leaf = append(leaf, e.Lane[:]...)
	leaf = binary.BigEndian.AppendUint64(leaf, e.Seq)
	leaf = append(leaf, e.MAC...)
	return log.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil)
}

// root is the log's root hash, defined for the empty log too.
func root(log *compact.Range) ([]byte, error) {
	if log.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	return log.GetRootHash(nil)
}
