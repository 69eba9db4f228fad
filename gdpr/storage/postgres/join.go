package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// InTx returns a context in which a write goes into the application's own transaction, so that both are there or neither:
//
//	tx, err := db.BeginTx(ctx, nil)
//	_, err = tx.ExecContext(ctx, `UPDATE orders …`)
//	_, err = session.Put(postgres.InTx(ctx, tx), record)
//	err = tx.Commit()
//
// The transaction must be of the database that holds the store, at READ COMMITTED, and is for one goroutine at a time. An act that is refused leaves
// nothing in it, and the transaction goes on. What must survive a rollback keeps its own commit: the trail of reads and refusals. What
// follows an erasure, the destruction of keys in a store of their own and the line in the ledger, follows after the commit with the next sweep or
// Open. Keep such a transaction short: it holds locks on the rows of the trail and of the persons that it wrote.
func InTx(ctx context.Context, tx *sql.Tx) context.Context { return storage.Join(ctx, tx) }

var errIsolation = errors.New("the transaction must be at READ COMMITTED: a snapshot hides what others wrote before its locks, and an erasure would miss it")

// FreeLane returns a lane that no other open transaction writes to, and keeps it for the transaction of the context.
func (s *Store) FreeLane(ctx context.Context) (storage.Lane, []byte, error) {
	tx, ok := storage.Joined(ctx).(*sql.Tx)
	if !ok {
		return storage.Lane{}, nil, errors.New("no transaction in the context")
	}
	lane, mac, err := s.freeLane(ctx, tx)
	return lane, mac, sqlstore.Wrap(ctx, s.base, "find a free lane", err)
}

func (s *Store) freeLane(ctx context.Context, tx *sql.Tx) (storage.Lane, []byte, error) {
	var lane storage.Lane
	var id, mac []byte
	var level string
	// A lane that another transaction holds is passed over; one that this transaction took before may be found again.
	err := tx.QueryRowContext(ctx, `SELECT current_setting('transaction_isolation'),
		(SELECT id FROM `+s.schema+`.free_lanes LIMIT 1 FOR UPDATE SKIP LOCKED)`).Scan(&level, &id)
	switch {
	case err != nil:
		return lane, nil, err
	case level != "read committed" && level != "read uncommitted": // which are one and the same
		return lane, nil, errIsolation
	case id == nil:
		lane.ID = storage.NewID()
		_, err = tx.ExecContext(ctx, s.text(`INSERT INTO gallra_free_lanes (id) VALUES (?)`), lane.ID[:])
		return lane, nil, err
	}
	copy(lane.ID[:], id)
	// In a statement of its own: it must see what the last holder wrote.
	err = tx.QueryRowContext(ctx, `SELECT l.last, e.mac FROM `+s.schema+`.lanes l JOIN `+s.schema+`.entries e ON e.lane = l.id AND e.seq = l.last
		WHERE l.id = $1`, id).Scan(&lane.Last, &mac)
	if errors.Is(err, sql.ErrNoRows) {
		return lane, nil, nil
	}
	return lane, mac, err
}
