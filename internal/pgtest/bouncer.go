package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Bouncer starts a PgBouncer in front of a cluster until the end of the test, and returns what Cluster.DSN is to the cluster. It gives a client
// a connection for one transaction only, and rather another one than the same again, so that whatever leans on its session shows. All who
// connect are the superuser.
func Bouncer(t testing.TB, c *Cluster) func(database string, params ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	port, stop, err := startBouncer(ctx, c)
	if err != nil {
		fail(t, err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("pgtest: PgBouncer: stop: %v", err)
		}
	})
	return func(database string, params ...string) string { return address(port, database, params...) }
}

func startBouncer(ctx context.Context, c *Cluster) (port int, stop func() error, err error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer") // not in everybody's PATH
	}
	if err != nil {
		return 0, nil, fmt.Errorf("pgtest: PgBouncer is %w; make setup installs it", ErrMissing)
	}
	f, err := newFolder("", "KILL") // it has nothing to lose, and an orderly end takes a while
	if err != nil {
		return 0, nil, fmt.Errorf("pgtest: %w", err)
	}
	for {
		pid, port, again, err := runBouncer(ctx, f, program, c)
		if err == nil {
			return port, func() error {
				err := send(pid, syscall.SIGKILL)
				_ = f.wait(context.Background(), pid) // it ended by that signal, of course
				return errors.Join(err, f.remove())
			}, nil
		}
		if !again {
			return 0, nil, fmt.Errorf("pgtest: PgBouncer: %w", errors.Join(err, f.remove()))
		}
	}
}

func runBouncer(ctx context.Context, f *folder, program string, c *Cluster) (pid, port int, again bool, err error) {
	if port, err = freePort(ctx); err != nil {
		return 0, 0, false, err
	}
	settings := filepath.Join(f.path, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
server_round_robin = 1
`, c.listens(), port)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		return 0, 0, false, err
	}
	if err := f.own(settings); err != nil {
		return 0, 0, false, err
	}
	pid, again, err = f.serve(ctx, func() bool { return serves(ctx, port, c.data) }, program, settings)
	return pid, port, again, err
}
