package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// twin is the same tables, rows and indexes in plain SQL, row by row through prepared statements, without keys and without trail.
type twin struct {
	db   *sql.DB
	path string
	ids  []twinRow
}

type twinRow struct {
	bucket          int
	record, subject storage.ID
}

func newTwin(ctx context.Context, dir, name string) (*twin, error) {
	path := filepath.Join(dir, name+".db")
	s, err := sqlite.Open(ctx, path, nil) // for its tables
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &twin{db: db, path: path}, nil
}

func (t *twin) close() {
	_ = t.db.Close()
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(t.path + end)
	}
}

// ingest stores n records, some for each person, 1,000 a transaction.
func (t *twin) ingest(ctx context.Context, n, each int, due func(i int) int64) (spent, error) {
	began := time.Now()
	var subject storage.ID
	controller := storage.NewID()
	for from := 0; from < n; from += 1000 {
		err := t.inTx(ctx, []string{
			`INSERT INTO gallra_subjects (bucket, id, controller, rev, held, created) VALUES (?,?,?,1,0,?)`,
			`INSERT INTO gallra_parts (bucket, record, part, rev, version, controller, subject, family, purposes, role, class, agreement, assignment, owner,
				hangs, due, held, restricted, labels, facts, sealed) VALUES (?,?,1,1,1,?,?,'ticket','ticket','controller','internal',NULL,NULL,NULL,0,?,0,0,'',?,?)`,
			`INSERT INTO gallra_index (bucket, subject, record, part, kind, token, controller, sealed) VALUES (?,?,?,?,'user.contact.email',?,?,?)`,
		}, func(st []*sql.Stmt) error {
			for i := from; i < min(n, from+1000); i++ {
				now := time.Now()
				token := make([]byte, 16)
				_, _ = rand.Read(token)
				if i%each == 0 {
					subject = storage.NewID()
					if _, err := st[0].ExecContext(ctx, subject.Bucket(), subject[:], controller[:], now.UnixMicro()); err != nil {
						return err
					}
					zero := storage.ID{}
					if _, err := st[2].ExecContext(ctx, subject.Bucket(), subject[:], zero[:], 0, token, controller[:], []byte(person(i))); err != nil {
						return err
					}
				}
				record := storage.NewRecordID(subject, now)
				plain := fmt.Appendf(nil, `{"fields":{"email":%q,"message":%q}}`, person(i/each), message)
				if _, err := st[1].ExecContext(ctx, subject.Bucket(), record[:], controller[:], subject[:], due(i), []byte(`{"collected":"2026-03-02"}`), plain); err != nil {
					return err
				}
				if _, err := st[2].ExecContext(ctx, subject.Bucket(), subject[:], record[:], 1, token, controller[:], nil); err != nil {
					return err
				}
				t.ids = append(t.ids, twinRow{subject.Bucket(), record, subject})
			}
			return nil
		})
		if err != nil {
			return spent{}, err
		}
	}
	return spent{wall: time.Since(began)}, nil
}

// sweep erases what is due, batch by batch: read the page, erase its rows, in one transaction each.
func (t *twin) sweep(ctx context.Context, before int64, batch int) (n int, took spent, err error) {
	began := time.Now()
	for {
		var page []twinRow
		rows, err := t.db.QueryContext(ctx, `SELECT bucket, record, subject FROM gallra_parts WHERE due <= ? ORDER BY due, bucket, record, part LIMIT ?`, before, batch)
		if err != nil {
			return n, spent{}, err
		}
		for rows.Next() {
			var r twinRow
			var record, subject []byte
			if err := rows.Scan(&r.bucket, &record, &subject); err != nil {
				return n, spent{}, err
			}
			copy(r.record[:], record)
			copy(r.subject[:], subject)
			page = append(page, r)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // closed before the transaction that follows
			return n, spent{}, err
		}
		if len(page) == 0 {
			_, err := t.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
			return n, spent{wall: time.Since(began)}, err
		}
		err = t.inTx(ctx, []string{
			`DELETE FROM gallra_parts WHERE bucket = ? AND record = ? AND part = 1`,
			`DELETE FROM gallra_index WHERE bucket = ? AND subject = ? AND record = ? AND part = 1`,
		}, func(st []*sql.Stmt) error {
			for _, r := range page {
				if _, err := st[0].ExecContext(ctx, r.bucket, r.record[:]); err != nil {
					return err
				}
				if _, err := st[1].ExecContext(ctx, r.bucket, r.subject[:], r.record[:]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, spent{}, err
		}
		n += len(page)
	}
}

// inTx runs fn in one transaction with prepared statements.
func (t *twin) inTx(ctx context.Context, queries []string, fn func([]*sql.Stmt) error) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var st []*sql.Stmt
	for _, q := range queries {
		s, err := tx.PrepareContext(ctx, q) //nolint:sqlclosecheck // closed with its transaction
		if err != nil {
			return err
		}
		st = append(st, s)
	}
	if err := fn(st); err != nil {
		return err
	}
	return tx.Commit()
}
