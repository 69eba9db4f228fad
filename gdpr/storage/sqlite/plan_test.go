package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// recorder notes the statements that a store prepares.
type recorder struct {
	driver.Connector
	mu      sync.Mutex
	queries []string
}

type recordedConn struct {
	driver.Conn
	r *recorder
}

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	return &recordedConn{c, r}, err
}

func (c *recordedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.r.mu.Lock()
	c.r.queries = append(c.r.queries, query)
	c.r.mu.Unlock()
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *recordedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

// TestPlans asserts that what is read often is found by an index, in the order in which it is wanted.
func TestPlans(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	connector, err := modernc.NewConnector(sqlite.DSN(filepath.Join(t.TempDir(), "a.db")))
	require.NoError(t, err)
	r := &recorder{Connector: connector}
	db := sql.OpenDB(r)
	defer func() { require.NoError(t, db.Close()) }()
	s, err := sqlite.OpenDB(ctx, db, nil)
	require.NoError(t, err)
	id := storage.NewID()
	ref := storage.PartRef{Bucket: 1, Record: id, Part: 1}
	now := time.Now()
	for name, test := range map[string]struct {
		run  func() error
		want string // part of the plan
	}{
		"record": {func() error { _, err := s.Record(ctx, id); return err }, "sqlite_autoindex_gallra_parts_1 (bucket=? AND record=?)"},
		"all":    {func() error { _, err := s.Parts(ctx, storage.PartQuery{After: ref, Limit: 9}); return err }, "sqlite_autoindex_gallra_parts_1 ((bucket,record,part)>(?,?,?))"},
		"subject": {func() error {
			_, err := s.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{id}, Limit: 9})
			return err
		}, "gallra_parts_subject ((subject,record,part)>(?,?,?) AND subject<?)"},
		"subjects": {func() error {
			_, err := s.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{id, {}}, Limit: 9})
			return err
		}, "gallra_parts_subject (subject=? AND (record,part)>(?,?))"},
		"hanging": {func() error {
			_, err := s.Parts(ctx, storage.PartQuery{Owner: id, Family: "a", Hanging: true, After: ref, Limit: 9})
			return err
		}, "gallra_parts_hanging ((owner,family,bucket,record,part)>(?,?,?,?,?) AND (owner,family)<(?,?))"},
		"due": {func() error { _, err := s.Due(ctx, storage.DueQuery{Before: now, Limit: 9}); return err }, "gallra_parts_due (due<?)"},
		"due, after": {func() error {
			_, err := s.Due(ctx, storage.DueQuery{Before: now, After: storage.DueCursor{Due: now, Part: ref}, Limit: 9})
			return err
		}, "gallra_parts_due ((due,bucket,record,part)>(?,?,?,?) AND due<?)"},
		"tokens":        {func() error { _, err := s.Lookup(ctx, [][]byte{{1}, {2}}); return err }, "gallra_index_token (token=?)"},
		"index of":      {func() error { _, err := s.IndexOf(ctx, id); return err }, "sqlite_autoindex_gallra_index_1 (bucket=? AND subject=?)"},
		"due schedules": {func() error { _, err := s.DueSchedules(ctx, now, 9); return err }, "gallra_schedules_due (due<?)"},
		"children": {func() error {
			_, err := s.Files(ctx, storage.FileQuery{Kind: "a", Parents: []storage.ID{id}, Limit: 9})
			return err
		}, "gallra_files_parent (kind=? AND parent=?"},
		"named": {func() error {
			_, err := s.Files(ctx, storage.FileQuery{Kind: "a", Names: [][]byte{[]byte("a")}, Limit: 9})
			return err
		}, "gallra_files_name (kind=? AND name=?"},
		"open proofs": {func() error { _, err := s.OpenProofs(ctx); return err }, "gallra_proofs_open"},
		"part keys": {func() error {
			_, err := s.PartKeys(ctx, []storage.PartKeyRef{{PartRef: ref, Version: 1}, {PartRef: ref, Version: 2}})
			return err
		}, "USING PRIMARY KEY (bucket=? AND record=? AND part=? AND version=?)"},
		"subject keys": {func() error { _, err := s.SubjectKeys(ctx, []storage.ID{id, {}}); return err }, "USING PRIMARY KEY (bucket=? AND id=?)"},
		"orphan walk":  {func() error { _, err := s.AllPartKeys(ctx, storage.PartKeyRef{PartRef: ref}, 9); return err }, "USING PRIMARY KEY ((bucket,record,part,version)>(?,?,?,?))"},
		"bare": {func() error {
			return s.Apply(ctx, &storage.Batch{Subjects: []storage.SubjectCond{{ID: id, Bare: true}}})
		}, "gallra_parts_subject (subject=?)"},
		"off-boarding": {func() error { return s.Apply(ctx, &storage.Batch{EraseController: &storage.ControllerErase{Limit: 9}}) }, "gallra_subjects_controller (controller=?)"},
	} {
		r.mu.Lock()
		r.queries = nil
		r.mu.Unlock()
		_ = test.run()
		var plans strings.Builder
		for _, query := range r.queries {
			rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
			require.NoError(t, err)
			for rows.Next() {
				var a, b, c int
				var detail string
				require.NoError(t, rows.Scan(&a, &b, &c, &detail))
				plans.WriteString(detail + "\n")
			}
			require.NoError(t, rows.Err())
		}
		assert.Contains(t, plans.String(), test.want, name)
	}
}
