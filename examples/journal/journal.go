// Package journal is a storage adapter to learn from, explained in docs/adapters.md. Rows live in memory, and each change is a line of a file before
// it is made, so that the next process finds them again. The file keeps what was erased: it is not for personal data.
package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// Store is a [storage.Store] in one file, for one process at a time. It is safe for concurrent use. Open makes one.
type Store struct {
	*rows               // answers every read
	mu       sync.Mutex // of those who write
	file     file
	size     int64 // of the lines that count
	isClosed bool
}

type rows = memory.Store

// file is what a journal needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

var _ storage.Store = (*Store)(nil)

// A record is one change: one of these.
type record struct {
	Batch   *storage.Batch    `json:",omitempty"`
	Keys    *storage.KeyBatch `json:",omitempty"`
	Acquire *lease            `json:",omitempty"`
	Release *lease            `json:",omitempty"`
}

type lease struct {
	Name, Owner string
	Now, Until  time.Time
	Fence       int64
}

// do makes the change. From the same rows it always leads to the same rows and the same error, so it can be done again.
func (r *record) do(rows *rows) (fence int64, err error) {
	ctx := context.Background() // once it stands in the file, it happens
	switch {
	case r.Batch != nil:
		err = rows.Apply(ctx, r.Batch)
	case r.Keys != nil:
		err = rows.ApplyKeys(ctx, r.Keys)
	case r.Acquire != nil:
		fence, err = rows.Acquire(ctx, r.Acquire.Name, r.Acquire.Owner, r.Acquire.Now, r.Acquire.Until)
	case r.Release != nil:
		err = rows.Release(ctx, r.Release.Name, r.Release.Fence)
	}
	return fence, err
}

// Open opens a journal, or begins one. A last line without its end was never acknowledged: it is dropped.
func Open(path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	s := &Store{rows: memory.New(), file: f}
	s.size, err = read(f, func(r *record) { _, _ = r.do(s.rows) }) // what was refused is refused again
	if err := errors.Join(err, f.Truncate(s.size), f.Sync()); err != nil {
		return nil, fmt.Errorf("open journal: %w", errors.Join(err, f.Close()))
	}
	return s, nil
}

// read hands out the records of a journal, and returns how many bytes of it count.
func read(from io.Reader, do func(*record)) (size int64, err error) {
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, nil // cut short, or nothing
		}
		if err != nil {
			return size, err
		}
		r, ok := decode(line)
		if !ok {
			return size, fmt.Errorf("damaged at byte %d", size)
		}
		do(r)
		size += int64(len(line))
	}
}

// A line is a checksum and a record.
func encode(r *record) ([]byte, error) {
	body, err := json.Marshal(r)
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(body), body), err
}

func decode(line []byte) (*record, bool) {
	sum, body, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	var r record
	return &r, string(sum) == fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) && json.Unmarshal(body, &r) == nil
}

// write puts a change into the file, waits until the disk has it, and makes it.
func (s *Store) write(ctx context.Context, r record) (fence int64, err error) {
	line, err := encode(&r)
	if err != nil {
		return 0, fmt.Errorf("write journal: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if _, err = s.file.Write(line); err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		s.size += int64(len(line))
		return r.do(s.rows)
	}
	if undo := errors.Join(s.file.Truncate(s.size), s.file.Sync()); undo != nil {
		// Nobody knows what the next process will read. Nobody may read anything else until then.
		return 0, fmt.Errorf("write journal: %w: %w", storage.ErrOutcomeUnknown, errors.Join(err, undo, s.shut()))
	}
	return 0, fmt.Errorf("write journal: %w", err)
}

func (s *Store) usable(ctx context.Context) error {
	if s.isClosed {
		return storage.ErrClosed
	}
	return ctx.Err()
}

// Apply does all of the batch or nothing of it.
func (s *Store) Apply(ctx context.Context, b *storage.Batch) error {
	_, err := s.write(ctx, record{Batch: b})
	return err
}

// ApplyKeys does all of the batch or nothing of it.
func (s *Store) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	_, err := s.write(ctx, record{Keys: b})
	return err
}

// Acquire gives the lease to owner until the given instant, or returns [storage.ErrLeased].
func (s *Store) Acquire(ctx context.Context, name, owner string, now, until time.Time) (int64, error) {
	return s.write(ctx, record{Acquire: &lease{Name: name, Owner: owner, Now: now, Until: until}})
}

// Release ends the lease if it still has that fence.
func (s *Store) Release(ctx context.Context, name string, fence int64) error {
	_, err := s.write(ctx, record{Release: &lease{Name: name, Fence: fence}})
	return err
}

// Close closes the file. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut()
}

func (s *Store) shut() error {
	if s.isClosed {
		return nil
	}
	s.isClosed = true
	return errors.Join(s.rows.Close(), s.file.Close())
}
