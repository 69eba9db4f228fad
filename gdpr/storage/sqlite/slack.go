package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
)

// When SQLite splits or merges pages it lays their rows anew, and leaves what stood between them: copies of rows in room that no row takes up.
// secure_delete does not reach those. What follows overwrites that room with zeros, page by page, through the table of pages that SQLite offers
// (sqlite_dbpage), in a transaction as any other: readers and caches see a page of the same rows.

// The first byte of a page of rows or of an index, and how long its header is. The file format: sqlite.org/fileformat2.html, part 1.6.
var headerLen = map[byte]int{2: 12, 5: 12, 10: 8, 13: 8}

// ambiguous is the number of the first page whose number, at the start of a page of overflow, could be taken for such a byte.
const ambiguous = 2 << 24

var errTooLarge = errors.New("the file has more than 33 million pages: what is left between their rows goes with a VACUUM alone")

// memory is what a Scrub knows for the next: which pages changed since. They are those that the write-ahead log names, as long as it is the one that
// followed; none, while there is no log and the file is as it was left. Else it is all.
type memory struct {
	mu   sync.Mutex
	file fs.FileInfo // as a Scrub left it; nil: nothing is known
	log  uint64      // the number of the log that follows
}

// known reports whether the log names every page that changed.
func (m *memory) known(file fs.FileInfo, log uint64, changed map[int]bool) bool {
	if m.file == nil {
		return false
	}
	if len(changed) > 0 {
		return log == m.log
	}
	return file.Size() == m.file.Size() && file.ModTime().Equal(m.file.ModTime())
}

// wipe overwrites the slack of every page that may have changed since the last wipe. It returns the number of the log, 0 when there is none, and what
// tells whether somebody else has written since.
func (m *memory) wipe(ctx context.Context, conn *sql.Conn, path string) (log uint64, version int64, err error) {
	tx, err := conn.BeginTx(ctx, nil) // an immediate one: nobody writes meanwhile
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = tx.Rollback() }()
	var size, pages, vacuum int
	if err := tx.QueryRowContext(ctx, "SELECT page_size, page_count, auto_vacuum, data_version FROM pragma_page_size, pragma_page_count, pragma_auto_vacuum, pragma_data_version").
		Scan(&size, &pages, &vacuum, &version); err != nil {
		return 0, 0, err
	}
	if pages >= ambiguous {
		return 0, 0, errTooLarge
	}
	file, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	log, changed, err := logged(path, size)
	if err != nil {
		return 0, 0, err
	}
	skip := func(page int) bool { return vacuum != 0 && (page-2)%(size/5+1) == 0 } // a page of pointers between pages
	if m.known(file, log, changed) {
		err = wipeSome(ctx, tx, changed, skip)
	} else {
		err = wipeAll(ctx, tx, skip)
	}
	if err != nil {
		return 0, 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, 0, err
	}
	log, _, err = logged(path, size)
	return log, version, err
}

// wipeAll goes over the whole file, as often as it takes to write at most a few MiB at a time.
func wipeAll(ctx context.Context, tx *sql.Tx, skip func(int) bool) error {
	const most = 1000
	for last, more := 0, true; more; {
		dirty := map[int][]byte{}
		err := func() error {
			rows, err := tx.QueryContext(ctx, "SELECT pgno, data FROM sqlite_dbpage WHERE pgno > ?", last)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for more = rows.Next(); more && len(dirty) < most; more = rows.Next() {
				var data sql.RawBytes
				if err := rows.Scan(&last, &data); err != nil {
					return err
				}
				if !skip(last) && wipePage(last, data) {
					dirty[last] = append([]byte(nil), data...)
				}
			}
			return rows.Err()
		}()
		if err != nil {
			return err
		}
		if err := put(ctx, tx, dirty); err != nil {
			return err
		}
	}
	return nil
}

// wipeSome goes over the pages that are named.
func wipeSome(ctx context.Context, tx *sql.Tx, pages map[int]bool, skip func(int) bool) error {
	read, err := tx.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?")
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	dirty := map[int][]byte{}
	for page := range pages {
		var data []byte
		if err := read.QueryRowContext(ctx, page).Scan(&data); errors.Is(err, sql.ErrNoRows) {
			continue
		} else if err != nil {
			return err
		}
		if !skip(page) && wipePage(page, data) {
			dirty[page] = data
		}
	}
	return put(ctx, tx, dirty)
}

func put(ctx context.Context, tx *sql.Tx, pages map[int][]byte) error {
	for page, data := range pages {
		if _, err := tx.ExecContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", data, page); err != nil {
			return err
		}
	}
	return nil
}

// wipePage overwrites the room that no row of the page takes up: between the list of its rows and the first of them, and within each free block.
// It says whether there was anything but zeros. What is no page of rows stays as it is.
func wipePage(number int, page []byte) (changed bool) {
	at := 0
	if number == 1 {
		at = 100 // the header of the file
	}
	if len(page) < at+12 {
		return false
	}
	length, ok := headerLen[page[at]]
	if !ok {
		return false
	}
	word := func(at int) int { return int(binary.BigEndian.Uint16(page[at:])) }
	first, free := word(at+5), word(at+1)
	if first == 0 {
		first = 1 << 16
	}
	from := at + length + 2*word(at+3)
	if from > first || first > len(page) {
		return false
	}
	changed = zero(page[from:first])
	for last := first - 1; free > last && free+4 <= len(page); last, free = free, word(free) {
		if end := free + word(free+2); end >= free+4 && end <= len(page) {
			changed = zero(page[free+4:end]) || changed
		}
	}
	return changed
}

func zero(b []byte) (changed bool) {
	for i := range b {
		if b[i] != 0 {
			clear(b[i:])
			return true
		}
	}
	return false
}

// logged reads which pages the write-ahead log of the file at path holds, and its number: the one that follows a truncated log has the next (nextLog). A log
// that is missing or empty holds none.
func logged(path string, pageSize int) (log uint64, pages map[int]bool, err error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = f.Close() }()
	var head [32]byte
	if _, err := io.ReadFull(f, head[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil, nil
	} else if err != nil {
		return 0, nil, err
	}
	pages = map[int]bool{}
	for at := int64(len(head)); ; at += int64(24 + pageSize) {
		var frame [8]byte
		if _, err := f.ReadAt(frame[:], at); errors.Is(err, io.EOF) {
			return binary.BigEndian.Uint64(head[12:]), pages, nil // its round, and a salt that begins at random
		} else if err != nil {
			return 0, nil, err
		}
		pages[int(binary.BigEndian.Uint32(frame[:]))] = true
	}
}

// nextLog is the number of the log that follows a truncated one: SQLite adds one to round and salt.
func nextLog(log uint64) uint64 {
	const half = 32
	return (log>>half+1)<<half | uint64(uint32(log)+1)
}
