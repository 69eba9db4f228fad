package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

// ErrMissing says that Postgres, or another program, is not there.
var ErrMissing = errors.New("not installed")

// Options shape a cluster.
type Options struct {
	Durable  bool              // fsync, synchronous_commit and full_page_writes on, as in production: for crash tests and measurements
	TLS      bool              // with a certificate of its own, so that sslmode=require and verify-full work
	Settings map[string]string // of postgresql.conf, over those of this package

	// Dir is where the cluster makes its folder; os.TempDir by default. Root runs Postgres as another user, who must be able to come there:
	// T.TempDir will not do.
	Dir string
}

// A Cluster is a Postgres server with data of its own, on the loopback address. Its databases sort text as Swedish does, as many in production
// do: who relies on the order of bytes must say so. Its methods are safe for concurrent use.
type Cluster struct {
	bin    string // the folder of the programs
	dir    string // Options.Dir
	folder *folder
	data   string

	mu       sync.Mutex
	port     int  // chosen by the first start
	pid      int  // of the first of its processes; 0 when it does not run
	killed   bool // and not started since
	stopped  bool
	primary  *Cluster // of a replica
	replicas []*Cluster
}

// limit is how long a server may take to start or stop on a busy machine.
const limit = 2 * time.Minute

// Start makes a cluster and starts it, in about half a second. Stop removes it; so does the end of this process. A nil opt is an Options
// without any. An error is ErrMissing if Postgres is not installed.
func Start(ctx context.Context, opt *Options) (*Cluster, error) {
	if opt == nil {
		opt = &Options{}
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	c, err := newCluster(bin, opt.Dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = c.create(ctx, opt)
	if err == nil {
		err = c.Restart(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// binaries returns the folder of initdb and postgres.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, string(bytes.TrimSpace(out)))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	folders = append(folders, debian...)
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("pgtest: Postgres is %w: no initdb in pg_config --bindir, /usr/lib/postgresql or PATH; make setup installs it", ErrMissing)
}

// version reads the number in /usr/lib/postgresql/15/bin.
func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // whatever else is there comes last
	return n
}

// newCluster makes the folder of a cluster.
func newCluster(bin, dir string) (*Cluster, error) {
	f, err := newFolder(dir, "QUIT") // at which Postgres stops without a last word to its data
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	return &Cluster{bin: bin, dir: dir, folder: f, data: filepath.Join(f.path, "data")}, nil
}

// create makes the data directory.
func (c *Cluster) create(ctx context.Context, opt *Options) error {
	err := c.folder.run(ctx, c.Bin("initdb"), "-D", c.data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions",
		"-E", "UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=sv-SE")
	if err != nil {
		return fmt.Errorf("pgtest: Postgres must be 15 or newer: %w", err)
	}
	settings := map[string]string{
		"listen_addresses": "127.0.0.1",
		"max_connections":  "200",
		"lock_timeout":     "60s",              // a test that waits longer is stuck, and shall say so
		"timezone":         "Europe/Stockholm", // who relies on UTC finds out here
		// In the data directory: a server that was killed leaves nothing in /dev/shm.
		"dynamic_shared_memory_type": "mmap",
	}
	if !opt.Durable {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			settings[name] = "off"
		}
	}
	if opt.TLS {
		if err := c.certify(); err != nil {
			return fmt.Errorf("pgtest: certificate: %w", err)
		}
		settings["ssl"] = "on"
	}
	maps.Copy(settings, opt.Settings)
	if err := c.configure(settings); err != nil {
		return fmt.Errorf("pgtest: settings: %w", err)
	}
	return nil
}

// configure adds settings to postgresql.conf.
func (c *Cluster) configure(settings map[string]string) error {
	file, err := os.OpenFile(filepath.Join(c.data, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if _, err := fmt.Fprintf(file, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''")); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

// DSN returns the address of a database, as a URL, for the superuser postgres, with sslmode=disable. A parameter is written name=value;
// "user=anna" connects as a role that the test has made, without a password.
func (c *Cluster) DSN(database string, params ...string) string {
	return address(c.listens(), database, params...)
}

// listens returns the port.
func (c *Cluster) listens() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.port
}

func address(port int, database string, params ...string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/" + database}
	query := url.Values{"sslmode": {"disable"}}
	for _, param := range params {
		name, value, _ := strings.Cut(param, "=")
		if name == "user" {
			u.User = url.User(value)
		} else {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// CreateDatabase makes an empty database.
func (c *Cluster) CreateDatabase(ctx context.Context, name string) error {
	return createDatabase(ctx, c.DSN("postgres"), name)
}

func createDatabase(ctx context.Context, server, name string) error {
	if err := execute(ctx, server, "CREATE DATABASE "+pq.QuoteIdentifier(name)+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("pgtest: create a database: %w", err)
	}
	return nil
}

// execute executes a statement on a connection of its own.
func execute(ctx context.Context, dsn, statement string) error {
	db, err := connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// query reads one value on a connection of its own.
func query(ctx context.Context, dsn, statement string) (value string, err error) {
	db, err := connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, statement).Scan(&value)
	return value, errors.Join(err, db.Close())
}

// connect opens a pool that minds the context's deadline also while lib/pq greets the server, which may be somebody silent: there it minds only a
// timeout of its own.
func connect(ctx context.Context, dsn string) (*sql.DB, error) {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		config.ConnectTimeout = max(time.Until(deadline), time.Millisecond)
	}
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Dir returns the data directory. It may be read at any time before Stop.
func (c *Cluster) Dir() string { return c.data }

// Bin returns the path of a program that came with the server, such as pg_dump.
func (c *Cluster) Bin(name string) string { return filepath.Join(c.bin, name) }

// Socket returns the folder of the Unix socket, which is a host in an address too; or "" if Options.Dir is too long for the address of one.
func (c *Cluster) Socket() string {
	const longest = 103 // on macOS; on Linux 107
	if len(c.folder.path)+len("/.s.PGSQL.65535") > longest {
		return ""
	}
	return c.folder.path
}
