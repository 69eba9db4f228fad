package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/gallra/gallra/gdpr/storage"
)

// ErrLaneReturned says that an entry was added to a lane after Done, Undo or Unknown.
var ErrLaneReturned = errors.New("lane was given back")

// Writer hands out lanes, so that writers need not queue behind one chain. It is safe for concurrent use.
type Writer struct {
	mac  MAC
	free chan struct{} // one for each lane that may be taken

	mu   sync.Mutex
	idle []tail // lanes that were started and are not taken; the last used one last
}

// tail is the end of a lane as far as it is committed.
type tail struct {
	id  storage.ID
	seq uint64
	mac []byte // of entry seq; empty before the first
}

// NewWriter returns a writer that uses at most the given number of lanes at once (at least one). Lanes are started on
// demand, with random ids, so that several processes never share one.
func NewWriter(mac MAC, lanes int) *Writer {
	lanes = max(lanes, 1)
	w := &Writer{mac: mac, free: make(chan struct{}, lanes)}
	for range lanes {
		w.free <- struct{}{}
	}
	return w
}

// Take waits for a free lane. The caller must give it back by Done, Undo or Unknown. The error is that of ctx.
func (w *Writer) Take(ctx context.Context) (*Lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-w.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var t tail
	if n := len(w.idle); n > 0 { // the last used: few and long lanes seal best
		t, w.idle = w.idle[n-1], w.idle[:n-1]
	} else {
		t.id = storage.NewID()
	}
	return &Lane{w: w, committed: t, end: t}, nil
}

// Continue returns a lane that is not the writer's own, from its last entry on: one that a transaction of the application holds. It need not be given back.
func (w *Writer) Continue(lane storage.Lane, mac []byte) *Lane {
	t := tail{lane.ID, lane.Last, mac}
	return &Lane{w: w, loose: true, committed: t, end: t}
}

// put gives a lane's place back, and the lane itself unless it is retired.
func (w *Writer) put(t tail, retire bool) {
	if !retire {
		w.mu.Lock()
		w.idle = append(w.idle, t)
		w.mu.Unlock()
	}
	w.free <- struct{}{}
}

// Lane is the right to append to one chain of entries while one batch is built and committed. It is not for concurrent use.
// Exactly one of Done, Undo and Unknown ends it; a second call does nothing, so that a deferred Undo is safe.
type Lane struct {
	w         *Writer // nil once given back
	loose     bool    // not of the writer's own: nothing is given back
	committed tail
	end       tail
}

// Add returns the row of the lane's next entry. It is stored by the batch whose outcome ends the lane; several may be
// added for one batch. The error is an [*EntryError], [ErrLaneReturned] or that of the MAC; the lane is then unchanged.
func (l *Lane) Add(e Entry) (storage.Entry, error) {
	if l.w == nil {
		return storage.Entry{}, fmt.Errorf("add entry: %w", ErrLaneReturned)
	}
	if err := e.Check(); err != nil {
		return storage.Entry{}, fmt.Errorf("add entry: %w", err)
	}
	body := EncodeEntry(&e)
	seq := l.end.seq + 1
	mac, err := l.w.mac.ComputeMAC(macInput(l.end.id, seq, l.end.mac, body))
	if err != nil {
		return storage.Entry{}, fmt.Errorf("add entry: %w", err)
	}
	l.end.seq, l.end.mac = seq, mac
	return storage.Entry{Lane: l.end.id, Seq: seq, At: instant(e.At), Body: body, MAC: mac}, nil
}

// Done says that the batch was committed: the lane goes on from its new end.
func (l *Lane) Done() { l.back(l.end, false) }

// Undo says that the batch was not committed: its numbers are free again.
func (l *Lane) Undo() { l.back(l.committed, false) }

// Unknown says that nobody knows whether the batch was committed: this writer never uses the lane again. The place it
// took is free for another lane.
func (l *Lane) Unknown() { l.back(tail{}, true) }

func (l *Lane) back(t tail, retire bool) {
	if l.w == nil {
		return
	}
	w := l.w
	l.w = nil
	if !l.loose {
		w.put(t, retire)
	}
}

// macInput is what the MAC of an entry is computed over; it binds lane, number, predecessor and body.
func macInput(lane storage.ID, seq uint64, previous, body []byte) []byte {
	sum := sha256.Sum256(body)
	b := make([]byte, 0, 128)
	b = appendDomain(b, domainEntry)
	b = append(b, lane[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = append(b, previous...)
	return append(b, sum[:]...)
}
