package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gallra/gallra/gdpr/storage"
)

// FileLedger is a [Ledger] in a text file, one line a proof, docs/format.md part 6. Several processes may append to one
// file. It belongs on another disk or machine than the store's backups, and must never be restored together with the store.
type FileLedger struct {
	path string

	mu    sync.Mutex // of this process; the file's lock is between processes
	file  *os.File
	head  LedgerHead
	start []int64 // start[i] is where the line of proof i+1 begins, or will begin: the last is the end of whole lines
}

// OpenLedger opens the ledger of a store, and creates it with the generation given, mode 0600, if the file is absent.
// It reads the whole file: a line that does not follow from the one before is a [*BrokenError] that names it, the ledger
// of another store is [ErrOtherStore]. The file is locked only while it is read anew or appended to.
func OpenLedger(path string, store, generation storage.ID) (*FileLedger, error) {
	l, err := openLedger(path, store, generation)
	return l, wrap("open ledger", err)
}

func openLedger(path string, store, generation storage.ID) (*FileLedger, error) {
	if store.IsZero() || generation.IsZero() {
		return nil, errors.New("store or generation is missing")
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &FileLedger{path: path, file: file, head: LedgerHead{Digest: noDigest[:], Store: store}}
	err = l.locked(context.Background(), func() error {
		if err := l.begin(generation); err != nil {
			return err
		}
		return l.readOn()
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// Head returns the end of the ledger, with what other processes appended.
func (l *FileLedger) Head(ctx context.Context) (LedgerHead, error) {
	var head LedgerHead
	err := l.locked(ctx, func() error {
		err := l.readOn()
		head = l.head
		return err
	})
	if err != nil {
		return LedgerHead{}, wrap("read ledger", err)
	}
	head.Digest = bytes.Clone(head.Digest)
	return head, nil
}

// Append adds proofs in order and returns when they are on disk. Proofs that are there already are skipped. See [Ledger]
// for its errors; after any error the file is as it was, or the next Append makes it so.
func (l *FileLedger) Append(ctx context.Context, rows ...storage.Proof) error {
	if len(rows) == 0 {
		return nil
	}
	return wrap("append to ledger", l.locked(ctx, func() error {
		if err := l.readOn(); err != nil {
			return err
		}
		lines, ends, err := l.lines(rows)
		if err != nil {
			return err
		}
		if err := l.write(lines); err != nil {
			return err
		}
		if len(ends) > 0 {
			last := rows[len(rows)-1]
			l.head.N, l.head.Digest = last.N, bytes.Clone(last.Digest)
			l.start = append(l.start, ends...)
		}
		return nil
	}))
}

// Proofs returns the proofs with a number over after. The file is not locked meanwhile: whole lines never change.
func (l *FileLedger) Proofs(ctx context.Context, after uint64) iter.Seq2[storage.Proof, error] {
	return func(yield func(storage.Proof, error) bool) {
		var start []int64
		err := l.locked(ctx, func() error {
			err := l.readOn()
			start = l.start
			return err
		})
		if err != nil {
			yield(storage.Proof{}, wrap("read ledger", err))
			return
		}
		for n := after; n < uint64(len(start))-1; n++ {
			row, err := l.proof(ctx, start, n+1)
			if !yield(row, wrap("read ledger", err)) || err != nil {
				return
			}
		}
	}
}

// Close closes the file. A second Close does nothing.
func (l *FileLedger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return wrap("close ledger", err)
	}
	return nil
}

// locked runs fn while no other goroutine or process uses the file.
func (l *FileLedger) locked(ctx context.Context, fn func() error) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.samePlace(); err != nil {
		return err
	}
	if err := lockFile(ctx, l.file); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlockFile(l.file)) }()
	return fn()
}

// samePlace refuses a file that was moved away or replaced: what is appended to it would be lost.
func (l *FileLedger) samePlace() error {
	mine, err := l.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	if !os.SameFile(mine, there) {
		return errors.New("the file was replaced by another while it was open")
	}
	return nil
}

// begin reads the first line, or writes it into a new file.
func (l *FileLedger) begin(generation storage.ID) error {
	header := appendHeader(nil, l.head.Store, generation)
	reader := bufio.NewReader(io.NewSectionReader(l.file, 0, maxHeader))
	line, err := reader.ReadBytes('\n')
	if err == nil {
		l.start = []int64{int64(len(line))}
		return l.readHeader(line)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	// What a crash left of this very line is written anew; anything else is somebody's file.
	generationAt := len(header) - len(generation.String()) - len("\"}\n")
	if n := min(len(line), generationAt); len(line) >= len(header) || !bytes.Equal(line[:n], header[:n]) {
		return &BrokenError{Kind: KindLedger, N: 1, What: "not the first line of this store's ledger"}
	}
	l.head.Generation = generation
	l.start = []int64{0}
	if err := l.write(header); err != nil {
		return err
	}
	l.start = []int64{int64(len(header))}
	return syncFolder(filepath.Dir(l.path))
}

func (l *FileLedger) readHeader(line []byte) error {
	var h struct{ Store, Generation storage.ID }
	if err := decode(line, &h, func(b []byte) []byte { return appendHeader(b, h.Store, h.Generation) }); err != nil {
		return &BrokenError{Kind: KindLedger, N: 1, What: err.Error()}
	}
	if h.Store != l.head.Store {
		return ErrOtherStore
	}
	l.head.Generation = h.Generation
	return nil
}

// end is where whole lines end as far as they were read.
func (l *FileLedger) end() int64 { return l.start[len(l.start)-1] }

// readOn reads the whole lines that were added since it last read.
func (l *FileLedger) readOn() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < l.end() {
		return &BrokenError{Kind: KindLedger, N: l.lineAt(info.Size()), What: "cut off while the ledger was open"}
	}
	reader := bufio.NewReaderSize(io.NewSectionReader(l.file, l.end(), info.Size()-l.end()), 1<<16)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is left is unfinished, or nothing
		}
		if err != nil {
			return err
		}
		row, err := decodeLine(line)
		if err != nil {
			return l.broken(err.Error())
		}
		if row.N != l.head.N+1 {
			return l.broken("its number does not follow from the line before")
		}
		if what := brokenLink(l.head.Digest, &row); what != "" {
			return l.broken(what)
		}
		l.head.N, l.head.Digest = row.N, row.Digest
		l.start = append(l.start, l.end()+int64(len(line)))
	}
}

// broken is about the line after the last whole one.
func (l *FileLedger) broken(what string) error {
	return &BrokenError{Kind: KindLedger, N: l.head.N + 2, What: what}
}

// lineAt is the number of the line in which an offset lies.
func (l *FileLedger) lineAt(offset int64) uint64 {
	i, found := slices.BinarySearch(l.start, offset)
	if found {
		i++
	}
	return uint64(i) + 1
}

// lines encodes those of the rows that the file lacks, and says where the line after each of them begins.
func (l *FileLedger) lines(rows []storage.Proof) (b []byte, ends []int64, err error) {
	n, previous := l.head.N, l.head.Digest
	for i := range rows {
		row := &rows[i]
		switch {
		case row.N != 0 && row.N <= l.head.N:
			if err := l.same(row); err != nil {
				return nil, nil, err
			}
			continue
		case row.N != n+1:
			return nil, nil, ErrGap
		case !bytes.Equal(row.Prev, previous):
			return nil, nil, ErrForked
		}
		if what := brokenLink(previous, row); what != "" {
			return nil, nil, &BrokenError{Kind: KindProof, N: row.N, What: what}
		}
		b = appendLine(b, row)
		ends = append(ends, l.end()+int64(len(b)))
		n, previous = row.N, row.Digest
	}
	return b, ends, nil
}

// same compares a row with the line that stands in its place.
func (l *FileLedger) same(row *storage.Proof) error {
	there, err := l.proof(context.Background(), l.start, row.N)
	if err != nil {
		return err
	}
	if !bytes.Equal(there.Digest, row.Digest) {
		return ErrForked
	}
	return nil
}

// write puts lines after the last whole one, instead of an unfinished one, and makes the file durable.
func (l *FileLedger) write(lines []byte) error {
	if err := l.file.Truncate(l.end()); err != nil {
		return err
	}
	_, err := l.file.WriteAt(lines, l.end())
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		// Nobody knows what of it is on disk: it is taken back and, by the next Append, written again.
		return errors.Join(err, l.file.Truncate(l.end()))
	}
	return nil
}

// proof reads one line again.
func (l *FileLedger) proof(ctx context.Context, start []int64, n uint64) (storage.Proof, error) {
	if err := ctx.Err(); err != nil {
		return storage.Proof{}, err
	}
	broken := func(what string) (storage.Proof, error) {
		return storage.Proof{}, &BrokenError{Kind: KindLedger, N: n + 1, What: what}
	}
	line := make([]byte, start[n]-start[n-1])
	if _, err := l.file.ReadAt(line, start[n-1]); err != nil {
		return storage.Proof{}, err
	}
	row, err := decodeLine(line)
	if err != nil {
		return broken(err.Error())
	}
	p, err := DecodeProof(row.Body)
	if err != nil {
		return broken("body is " + errForm.Error())
	}
	row.ID, row.At = p.ID, p.At
	if row.N != n || p.N != n || brokenLink(row.Prev, &row) != "" {
		return broken("changed while the ledger was open")
	}
	return row, nil
}

var _ Ledger = (*FileLedger)(nil)
