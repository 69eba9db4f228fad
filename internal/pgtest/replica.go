package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Replica makes a streaming replica of a running cluster, which answers queries. It stops with its primary, or before, by Stop.
func (c *Cluster) Replica(ctx context.Context) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		return nil, errors.New("pgtest: replica: the server does not run")
	}
	r, err := newCluster(c.bin, c.dir)
	if err != nil {
		return nil, err
	}
	r.primary = c
	// A copy of everything, settings and certificate included, that knows where it came from.
	err = r.folder.run(ctx, r.Bin("pg_basebackup"), "-D", r.data, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "postgres",
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if err != nil {
		err = fmt.Errorf("pgtest: replica: %w", err)
	} else {
		err = r.Restart(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	c.replicas = append(c.replicas, r)
	return r, nil
}

// CatchUp returns when a replica shows all that its primary had committed before the call.
func (c *Cluster) CatchUp(ctx context.Context) error {
	if c.primary == nil {
		return errors.New("pgtest: catch up: not a replica")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// A commit that waits for the log to be written waits for all commits before it, also for those that did not.
	primary := c.primary.DSN("postgres", "synchronous_commit=local")
	if err := execute(ctx, primary, "SELECT pg_logical_emit_message(true, '', '')"); err != nil {
		return fmt.Errorf("pgtest: catch up: %w", err)
	}
	end, err := query(ctx, primary, "SELECT pg_current_wal_flush_lsn()")
	if err != nil {
		return fmt.Errorf("pgtest: catch up: %w", err)
	}
	for {
		shown, err := query(ctx, c.DSN("postgres"), "SELECT pg_last_wal_replay_lsn() >= '"+end+"'")
		if err == nil && shown == "true" {
			return nil
		}
		if err == nil {
			err = doze(ctx)
		}
		if err != nil {
			return fmt.Errorf("pgtest: catch up: %w", err)
		}
	}
}
