package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// plain is what Gallra on Postgres is compared with: a table of records as an application keeps it, without keys and without trail.
type plain struct {
	db     *sql.DB
	insert *sql.Stmt // one record
	three  *sql.Stmt // a person, a record and a line of a log, in one statement
	erase  *sql.Stmt // one record
	end    func()

	stay, due int // records that stay, and that are due from the beginning
}

func (s *server) plain(ctx context.Context, name string) (*plain, error) {
	db, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	t := &plain{db: db, end: func() { s.drop(name) }}
	if _, err := db.ExecContext(ctx, `
		CREATE TABLE records (
			id uuid PRIMARY KEY, subject uuid NOT NULL, role text NOT NULL, purpose text NOT NULL, erase_by timestamptz NOT NULL, body bytea NOT NULL);
		CREATE INDEX ON records (subject);
		CREATE INDEX ON records (erase_by);
		CREATE TABLE persons (id uuid PRIMARY KEY, email text NOT NULL);
		CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, actor text NOT NULL, act text NOT NULL, record uuid NOT NULL)`); err != nil {
		return nil, err
	}
	for query, st := range map[string]**sql.Stmt{
		`INSERT INTO records (id, subject, role, purpose, erase_by, body) VALUES ($1, $2, $3, $4, $5, $6)`: &t.insert,
		`WITH p AS (INSERT INTO persons (id, email) VALUES ($2, $7)),
			r AS (INSERT INTO records (id, subject, role, purpose, erase_by, body) VALUES ($1, $2, $3, $4, $5, $6))
			INSERT INTO log (at, actor, act, record) VALUES ($8, $9, $10, $1)`: &t.three,
		`DELETE FROM records WHERE id = $1`: &t.erase,
	} {
		if *st, err = db.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // kept, until the connections are closed
			return nil, err
		}
	}
	return t, nil
}

func (t *plain) close() {
	_ = t.db.Close()
	t.end()
}

// body is the record's 256 bytes.
var body = []byte(message)

// nextYear is when a plain record ends.
var nextYear = time.Date(2027, 3, 3, 0, 0, 0, 0, time.UTC)

// ingest copies n records in, some of each person, so many in a transaction; persons too, if each has one record.
func (t *plain) ingest(ctx context.Context, n, each, batch int, eraseBy func(i int) time.Time) error {
	var subject uuid.UUID
	for from := 0; from < n; from += batch {
		tx, err := t.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		var persons []uuid.UUID
		if err := copyRows(ctx, tx, `COPY records (id, subject, role, purpose, erase_by, body) FROM STDIN`, min(batch, n-from), func(i int) []any {
			if i += from; i%each == 0 {
				subject = uuid.New()
				persons = append(persons, subject)
			}
			return []any{uuid.New().String(), subject.String(), "controller", "ticket", eraseBy(i), body}
		}); err != nil {
			return err
		}
		if each == 1 {
			if err := copyRows(ctx, tx, `COPY persons (id, email) FROM STDIN`, len(persons), func(i int) []any {
				return []any{persons[i].String(), person(from + i)}
			}); err != nil {
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func copyRows(ctx context.Context, tx *sql.Tx, query string, n int, row func(i int) []any) error {
	st, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	for i := range n {
		if _, err := st.ExecContext(ctx, row(i)...); err != nil {
			return err
		}
	}
	_, err = st.ExecContext(ctx)
	return err
}

// put writes one record in a transaction of its own.
func (t *plain) put(ctx context.Context, id uuid.UUID) error {
	_, err := t.insert.ExecContext(ctx, id.String(), uuid.NewString(), "controller", "ticket", nextYear, body)
	return err
}

// putThree writes a record with its person and a line in a log.
func (t *plain) putThree(ctx context.Context, id uuid.UUID) error {
	_, err := t.three.ExecContext(ctx, id.String(), uuid.NewString(), "controller", "ticket", nextYear, body, id.String()+"@kund.example", time.Now(), "bench", "Put")
	return err
}

// check counts.
func (t *plain) check(ctx context.Context, table string, want int) error {
	var n int
	if err := t.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("%w: %d rows, not %d", errWrong, n, want)
	}
	return nil
}

// sweep erases what is due, batch by batch, from where the batch before ended.
func (t *plain) sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	st, err := t.db.PrepareContext(ctx, `WITH due AS (DELETE FROM records WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM records WHERE erase_by >= $1 AND erase_by <= $2 ORDER BY erase_by LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING erase_by)
		SELECT COUNT(*), MAX(erase_by) FROM due`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = st.Close() }()
	from := time.Unix(0, 0).UTC()
	for {
		var some int
		var last sql.NullTime
		if err := st.QueryRowContext(ctx, from, now, batch).Scan(&some, &last); err != nil {
			return n, err
		}
		n += some
		if some < batch {
			return n, nil
		}
		from = last.Time
	}
}
