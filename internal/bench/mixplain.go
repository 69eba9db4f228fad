package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
)

// mixPlain is a plain table under the mixes: the columns of GDPRbench, without keys and without trail.
type mixPlain struct {
	write, read *sql.DB
	m           mixPlan
	lite        bool // SQLite
	mu          sync.Mutex
	texts       map[string]*sql.Stmt
}

var _ keeper = (*mixPlain)(nil)

func newMixPlain(write, read *sql.DB, m mixPlan, lite bool) *mixPlain {
	return &mixPlain{write: write, read: read, m: m, lite: lite, texts: map[string]*sql.Stmt{}}
}

const (
	insertEntry = `INSERT INTO entries (id, usr, pur, ttl, obj, dec, acl, shr, src, cat, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	insertLog   = `INSERT INTO log (id, at, actor, act, entry) VALUES ($1, $2, $3, $4, $5)`
)

// load makes the tables and fills them.
func (k *mixPlain) load(ctx context.Context) error {
	for _, ddl := range []string{
		`CREATE TABLE entries (id BIGINT PRIMARY KEY, usr INTEGER NOT NULL, pur INTEGER NOT NULL, ttl BIGINT NOT NULL, obj TEXT NOT NULL, dec TEXT NOT NULL,
			acl TEXT NOT NULL, shr TEXT NOT NULL, src TEXT NOT NULL, cat TEXT NOT NULL, data TEXT NOT NULL)`,
		`CREATE TABLE log (id BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, entry BIGINT NOT NULL)`,
	} {
		if k.lite {
			ddl = strings.ReplaceAll(ddl, `BIGINT PRIMARY KEY`, `INTEGER PRIMARY KEY`) // the number of the row itself
		}
		if _, err := k.write.ExecContext(ctx, ddl); err != nil {
			return err
		}
	}
	for _, text := range []string{insertEntry, insertLog} { // while no transaction has the only connection
		if _, err := k.prepared(ctx, k.write, text); err != nil { //nolint:sqlclosecheck // kept
			return err
		}
	}
	tx, err := k.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for key := range k.m.records {
		user := key / perUser
		if user >= k.m.users+k.m.due { // they are erased
			continue
		}
		if err := k.insert(ctx, tx, key, user, data(key, 0)); err != nil {
			return err
		}
	}
	for i := range k.m.records {
		if _, err := k.run(ctx, tx, insertLog, i, november.UnixMicro(), "bench", "Put", i); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, column := range []string{"usr", "pur", "ttl", "shr"} {
		if _, err := k.write.ExecContext(ctx, `CREATE INDEX entries_`+column+` ON entries (`+column+`)`); err != nil {
			return err
		}
	}
	return nil
}

// prepared returns a statement for the connections it is run on.
func (k *mixPlain) prepared(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := text
	if db == k.read {
		key += " (read)"
	}
	if st, ok := k.texts[key]; ok {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept, until the connections are closed
	if err == nil {
		k.texts[key] = st
	}
	return st, err
}

func (k *mixPlain) run(ctx context.Context, tx *sql.Tx, text string, args ...any) (int, error) {
	st, err := k.prepared(ctx, k.write, text)
	if err != nil {
		return 0, err
	}
	if tx != nil {
		st = tx.StmtContext(ctx, st) //nolint:sqlclosecheck // closed with its transaction
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// list reads one text of each row.
func (k *mixPlain) list(ctx context.Context, text string, args ...any) (out []string, err error) {
	st, err := k.prepared(ctx, k.read, text) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	all := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range all {
		into[i] = &all[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, string(all[0]))
	}
	return out, rows.Err()
}

func (k *mixPlain) create(ctx context.Context, key, user int, data string) error {
	return k.insert(ctx, nil, key, user, data)
}

func (k *mixPlain) insert(ctx context.Context, tx *sql.Tx, key, user int, data string) error {
	from := firstDay
	if user >= k.m.users {
		from = civil.Date{Year: 2025, Month: 1, Day: 10}
	}
	v := func(name string, n int) string { return fmt.Sprintf("%s%d", name, key%n) }
	_, err := k.run(ctx, tx, insertEntry,
		key, user, k.m.purposeOf(user), day(from.AddDays(ttl)), "", v("dec", 2), v("acl", 10), v("shr", 10), v("src", 10), v("cat", 10), data)
	return err
}

// day is a day as the table keeps it.
func day(d civil.Date) int64 { return d.Start(time.UTC).Unix() }

func (k *mixPlain) dataOfKey(ctx context.Context, key int) (string, error) {
	got, err := k.list(ctx, `SELECT data FROM entries WHERE id = $1`, key)
	if err != nil || len(got) != 1 {
		return "", err
	}
	return got[0], nil
}

func (k *mixPlain) dataOfUser(ctx context.Context, user int) ([]string, error) {
	return k.list(ctx, `SELECT data, id FROM entries WHERE usr = $1`, user)
}

func (k *mixPlain) dataOfPurpose(ctx context.Context, purpose int) ([]string, error) {
	return k.list(ctx, `SELECT data, id, usr FROM entries WHERE pur = $1 AND ttl > $2`, purpose, sweeping.Unix())
}

func (k *mixPlain) changeData(ctx context.Context, key int, data string) error {
	n, err := k.run(ctx, nil, `UPDATE entries SET data = $1 WHERE id = $2`, data, key)
	return one(n, err)
}

// one demands that one row was touched.
func one(n int, err error) error {
	if err == nil && n != 1 {
		return errWrong
	}
	return err
}

func (k *mixPlain) until(ctx context.Context, key int) (civil.Date, error) {
	got, err := k.list(ctx, `SELECT ttl, usr, pur, obj, dec, acl, shr, src, cat FROM entries WHERE id = $1`, key)
	if err != nil || len(got) != 1 {
		return civil.Date{}, err
	}
	var at int64
	_, err = fmt.Sscan(got[0], &at)
	return civil.DateOf(time.Unix(at, 0), time.UTC), err
}

func (k *mixPlain) changeUntil(ctx context.Context, key int, from civil.Date) error {
	n, err := k.run(ctx, nil, `UPDATE entries SET ttl = $1 WHERE id = $2`, day(from.AddDays(ttl)), key)
	return one(n, err)
}

func (k *mixPlain) purposes(ctx context.Context, user int) (out []int, err error) {
	got, err := k.list(ctx, `SELECT obj, id, pur, ttl, dec, acl, shr, src, cat FROM entries WHERE usr = $1`, user)
	for range got {
		out = append(out, 2)
	}
	return out, err
}

func (k *mixPlain) usable(ctx context.Context, key int) (int, error) {
	got, err := k.list(ctx, `SELECT obj FROM entries WHERE id = $1`, key)
	if err != nil || len(got) != 1 {
		return 0, err
	}
	if got[0] != "" {
		return 1, nil
	}
	return 2, nil
}

func (k *mixPlain) object(ctx context.Context, user int) error {
	_, err := k.run(ctx, nil, `UPDATE entries SET obj = $1 WHERE usr = $2`, "statistics", user)
	return err
}

func (k *mixPlain) eraseKey(ctx context.Context, key int) error {
	n, err := k.run(ctx, nil, `DELETE FROM entries WHERE id = $1`, key)
	return one(n, err)
}

func (k *mixPlain) erasePurpose(ctx context.Context, user int) error {
	_, err := k.run(ctx, nil, `DELETE FROM entries WHERE pur = $1 AND usr = $2`, k.m.purposeOf(user), user)
	return err
}

func (k *mixPlain) eraseUser(ctx context.Context, user int) error {
	_, err := k.run(ctx, nil, `DELETE FROM entries WHERE usr = $1`, user)
	return err
}

func (k *mixPlain) eraseDue(ctx context.Context) (int, error) {
	lock := ` FOR UPDATE SKIP LOCKED`
	if k.lite {
		lock = ``
	}
	return k.run(ctx, nil, `DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE ttl <= $1 ORDER BY ttl LIMIT $2`+lock+`)`, sweeping.Unix(), dueEach)
}

func (k *mixPlain) finish(context.Context) error { return nil }

func (k *mixPlain) logs(ctx context.Context) (int, error) {
	got, err := k.list(ctx, `SELECT id, at, actor, act, entry FROM log ORDER BY id DESC LIMIT $1`, logEach)
	return len(got), err
}

func (k *mixPlain) isGone(ctx context.Context, key int) (bool, error) {
	got, err := k.list(ctx, `SELECT id FROM entries WHERE id = $1`, key)
	return len(got) == 0, err
}
