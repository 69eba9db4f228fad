// Package pgtest gives tests a real Postgres, 15 or newer: a throw-away cluster for each test binary, and in it a database for each test.
//
//	db, err := sql.Open("postgres", pgtest.DSN(t))
//
// The cluster starts with the first call, in about half a second, and is gone with the test binary, even if that is killed. A test that
// crashes the server, or wants settings, TLS or a replica, has a cluster of its own by New.
//
// Where Postgres is not installed these tests skip and say so; with GALLRA_REQUIRE=1, as under `make test`, they fail. If GALLRA_TEST_POSTGRES
// is set, it is the address of a server, as a role that may create databases: DSN makes its databases there instead. Ask that only of a server
// that has nothing to lose.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lib/pq"
)

// DSN returns the address of an empty database, which is dropped at the end of the test. Sessions that are still open then are ended.
func DSN(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		fail(t, err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := createDatabase(t.Context(), server, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit) // that of t is over
		defer cancel()
		if err := execute(ctx, server, "DROP DATABASE IF EXISTS "+pq.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	return withDatabase(server, name)
}

// shared returns the address of the server that DSN uses.
var shared = sync.OnceValues(func() (string, error) {
	if dsn := os.Getenv("GALLRA_TEST_POSTGRES"); dsn != "" {
		return dsn, nil
	}
	c, err := Start(context.Background(), nil) // nobody stops it but the end of this process
	if err != nil {
		return "", err
	}
	return c.DSN("postgres"), nil
})

// withDatabase puts a database into an address, which is a URL or a list of name=value.
func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}

// New starts a cluster for one test, and stops it at its end. A nil opt is an Options without any.
func New(t testing.TB, opt *Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), opt)
	if err != nil {
		fail(t, err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("pgtest: stop: %v", err)
		}
	})
	return c
}

// fail ends a test that cannot have its server. It is skipped if that is only not installed, and may be missing.
func fail(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && (os.Getenv("GALLRA_REQUIRE") == "" || os.Getenv("GALLRA_TEST_POSTGRES") != "") {
		t.Skip(err)
	}
	t.Fatal(err)
}
