package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lib/pq"

	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/faultsql"
	"github.com/gallra/gallra/internal/pgtest"
)

// server is one Postgres for all benchmarks of a run, which syncs every commit to its disk. It starts when the first of them needs it. The data
// stays in its memory, checkpoints and vacuums run between the rounds and not within.
type server struct {
	*pgtest.Cluster
	pid        string
	db         *sql.DB // of the database postgres
	statements bool    // count what they take
}

func (s *server) start(ctx context.Context, p plan) error {
	if s.Cluster != nil {
		return nil
	}
	settings := map[string]string{
		"shared_buffers": fmt.Sprintf("%dMB", p.of(4096, 512)),
		"max_wal_size":   "8GB", "checkpoint_timeout": "30min",
		"autovacuum": "off",
	}
	if s.statements {
		settings["shared_preload_libraries"], settings["pg_stat_statements.track_planning"] = "pg_stat_statements", "on"
	}
	var err error
	if s.Cluster, err = pgtest.Start(ctx, &pgtest.Options{Durable: true, Settings: settings}); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.Dir(), "postmaster.pid"))
	if err != nil {
		return err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	s.pid = string(line)
	if s.db, err = sql.Open("postgres", s.DSN("postgres")); err != nil {
		return err
	}
	if s.statements {
		_, err = s.db.ExecContext(ctx, `CREATE EXTENSION pg_stat_statements`)
	}
	return err
}

func (s *server) stop() error {
	if s.Cluster == nil {
		return nil
	}
	return errors.Join(s.db.Close(), s.Stop())
}

// open makes a database and connects to it.
func (s *server) open(ctx context.Context, name string) (*sql.DB, error) {
	if err := s.CreateDatabase(ctx, name); err != nil {
		return nil, err
	}
	return s.connect(name)
}

// connect returns connections of lib/pq, as many as an application would keep.
func (s *server) connect(name string) (*sql.DB, error) {
	db, err := sql.Open("postgres", s.DSN(name, "binary_parameters=yes"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return db, nil
}

// clone copies a database to which nobody is connected, file by file.
func (s *server) clone(ctx context.Context, from, to string) error {
	_, err := s.db.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(to)+` TEMPLATE `+pq.QuoteIdentifier(from)+` STRATEGY file_copy`)
	return err
}

func (s *server) drop(name string) {
	_, _ = s.db.ExecContext(context.Background(), `DROP DATABASE IF EXISTS `+pq.QuoteIdentifier(name)+` WITH (FORCE)`)
}

// town makes an engine on a database of its own.
func (s *server) town(ctx context.Context, p plan, name string) (*town, error) {
	db, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.settle(ctx, p, name, db, register)
}

// settle opens an engine on a database, in a town of its own.
func (s *server) settle(ctx context.Context, p plan, name string, db *sql.DB, register string) (*town, error) {
	t := &town{}
	return t, s.furnish(ctx, p, t, name, db, register)
}

// furnish opens a town's engine on a database.
func (s *server) furnish(ctx context.Context, p plan, t *town, name string, db *sql.DB, register string) (err error) {
	t.db, t.dir, t.end = db, filepath.Join(p.dir, name), func() { s.drop(name) }
	if t.store, err = postgres.OpenDB(ctx, db, nil); err != nil {
		return err
	}
	return t.found(ctx, register)
}

// counted makes an engine on connections on which every call is counted.
func (s *server) counted(ctx context.Context, p plan, name string) (*town, error) {
	db, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	if _, err := postgres.OpenDB(ctx, db, nil); err != nil { // to make the tables takes more than one connection
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	connector, err := pq.NewConnector(s.DSN(name, "binary_parameters=yes"))
	if err != nil {
		return nil, err
	}
	calls := faultsql.New(connector)
	db = sql.OpenDB(calls)
	db.SetMaxOpenConns(2)
	t, err := s.settle(ctx, p, name, db, register)
	if err == nil {
		t.calls = calls
	}
	return t, err
}

// tidy writes out what was changed, removes what is dead, and lets the planner look.
func tidy(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `VACUUM (ANALYZE)`); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `CHECKPOINT`)
	return err
}

// slowest prints the statements that took the server longest, and forgets them.
func (s *server) slowest(ctx context.Context) error {
	if s.Cluster == nil || !s.statements {
		return nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT calls, total_exec_time, total_plan_time, rows, query FROM pg_stat_statements
		WHERE query ~ '^(SELECT|INSERT|UPDATE|DELETE|WITH|COPY|COMMIT|BEGIN)' ORDER BY total_exec_time + total_plan_time DESC LIMIT 14`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var calls, n int64
		var total, planning float64
		var query string
		if err := rows.Scan(&calls, &total, &planning, &n, &query); err != nil {
			return err
		}
		query = strings.Join(strings.Fields(query), " ")
		fmt.Printf("    %8.0f ms, planning %5.0f ms %8d x %9.3f ms %9d rows  %.150s\n", total, planning, calls, (total+planning)/float64(calls), n, query)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `SELECT pg_stat_statements_reset()`)
	return err
}

// parts is how many parts a town's tables hold.
func (t *town) parts(ctx context.Context) (n int, err error) {
	return n, t.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM gallra.parts`).Scan(&n)
}
