package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// TestMisuse: what cannot be meant is refused with the usage, before anything is opened, and is not repeated.
func TestMisuse(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GALLRA_DSN": "sqlite:data.db", "GALLRA_KEK": "dev.kek", "GALLRA_REGISTER": "register.yaml"}
	secret := "postgres://nattjobb:" + password + "@db.example/ärenden"
	id := storage.NewID().String()
	for _, tt := range []struct {
		args []string
		less string // of the environment
		want string
	}{
		{nil, "", "a command is missing"},
		{[]string{"sweep"}, "", "the first argument is not a command"},
		{[]string{secret}, "", "the first argument is not a command"},
		{[]string{"-dry-run", "run"}, "", "the first argument is not a command"},
		{[]string{"run", secret}, "", "run takes flags only"},
		{[]string{"run", "-batch", secret}, "", "flag -batch: parse error"},
		{[]string{"run", "-batch", "0"}, "", "-batch: must be over 0"},
		{[]string{"run", "-max-time", "-1h"}, "", "a time must not be negative"},
		{[]string{"run", "-dry-run=" + secret}, "", "-dry-run: parse error"},
		{[]string{"run", "-as", "Örjan"}, "", `flag -as: want "person NAME" or "job NAME"`},
		{[]string{"run", "-as", "user Örjan"}, "", `flag -as: want "person NAME" or "job NAME"`},
		{[]string{"run", "-dsn"}, "", "flag needs an argument: -dsn"},
		{[]string{"run", "-=" + secret}, "", "bad flag syntax"},
		{[]string{"run", "-password=" + secret}, "", "flag provided but not defined: -password"},
		{[]string{"plan", "-dry-run"}, "", "flag provided but not defined: -dry-run"},
		{[]string{"explain"}, "", "explain takes the id of one record, after its flags"},
		{[]string{"explain", id, id}, "", "explain takes the id of one record, after its flags"},
		{[]string{"explain", secret}, "", "explain: not the id of a record"},
		{[]string{"run"}, "GALLRA_DSN", "nothing says where to find the data: set GALLRA_DSN"},
		{[]string{"run"}, "GALLRA_KEK", "nothing says where to find the KEK: set GALLRA_KEK"},
		{[]string{"run"}, "GALLRA_REGISTER", "nothing says where to find the register: set GALLRA_REGISTER"},
	} {
		some := map[string]string{}
		for name, value := range env {
			if name != tt.less {
				some[name] = value
			}
		}
		a := call(t, some, []string{password, "db.example", "Örjan"}, tt.args...)
		assert.Equal(t, exitMisuse, a.code, tt.want)
		assert.Empty(t, a.out)
		assert.Equal(t, "retention-cron: "+tt.want+"\n\n"+usage, a.err)
	}
	for _, args := range [][]string{{"help"}, {"-h"}, {"run", "-h"}, {"plan", "-help"}} {
		assert.Equal(t, answer{exitDone, usage, ""}, call(t, env, nil, args...))
	}
}

// TestFlags: a flag has the better of the environment.
func TestFlags(t *testing.T) {
	t.Parallel()
	f := onSQLite(t)
	args := []string{"plan"}
	for name, value := range f.env {
		args = append(args, "-"+strings.ToLower(strings.TrimPrefix(name, "GALLRA_")), value)
		f.env[name] = "/nowhere"
	}
	f.call(args...).assertCounts(t, exitDone, map[string]string{"outcome": "done"})
}

// TestWrongHouse: whatever is not what it should be is named, nothing is made in its place, and nothing changes.
func TestWrongHouse(t *testing.T) {
	t.Parallel()
	f, other := onSQLite(t), onSQLite(t)
	f.put(2, 30)
	other.put(1, 30)
	broken := filepath.Join(f.dir, "sönder")
	require.NoError(t, os.WriteFile(broken, []byte("Hej från Åsa: "+password+"\n"), 0o600))
	empty := filepath.Join(f.dir, "tom.db")
	require.NoError(t, openSQLite(t, empty).Close())
	open := filepath.Join(f.dir, "öppen.kek")
	text, err := os.ReadFile(f.env["GALLRA_KEK"])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(open, text, 0o644))
	require.NoError(t, os.Chmod(open, 0o644))
	nothing := filepath.Join(f.dir, "ingenting")
	before, files := f.dump(), list(t, f.dir)

	for _, tt := range []struct{ name, value, want string }{
		{"GALLRA_DSN", "sqlite:" + nothing, "data: no SQLite file at this path"},
		{"GALLRA_DSN", "sqlite:" + f.dir, "data: no SQLite file at this path"},
		{"GALLRA_DSN", "PASSWORD=" + password + " HOST=localhost", "data: no SQLite file at this path"},
		{"GALLRA_DSN", "mysql://natt:" + password + "@localhost/x", "data: neither an address of Postgres (postgres://...) nor the path of a SQLite file"},
		{"GALLRA_DSN", broken, "data: open store: "},
		{"GALLRA_DSN", empty, "data: the store is empty: is it the right one?"},
		{"GALLRA_DSN", "postgres://natt:" + password + "@127.0.0.1:1/x", "data: open store: the server cannot be reached"},
		{"GALLRA_DSN", "host=127.0.0.1 port=1 password=" + password, "data: open store: the server cannot be reached"},
		{"GALLRA_DSN", "postgres://natt:" + password + "@localhost:port/x", "data: open store: data source name: cannot be read"},
		{"GALLRA_DSN", "postgres://natt:" + password + "@db.example/x?sslmode=disable", "data: open store: data source name: sslmode would let data travel unencrypted"},
		{"GALLRA_KEYS_DSN", "postgresql://natt:" + password + "@db.example/x?sslmode=prefer", "keys: open store: data source name: sslmode would let data travel unencrypted"},
		{"GALLRA_KEYS_DSN", nothing, "keys: no SQLite file at this path"},
		{"GALLRA_KEYS_DSN", empty, "the key store holds no keys of this store"},
		{"GALLRA_KEYS_DSN", strings.TrimPrefix(other.env["GALLRA_DSN"], "sqlite:"), "open engine: "},
		{"GALLRA_KEK", nothing, "KEK: stat " + nothing + ": no such file or directory"},
		{"GALLRA_KEK", broken, "KEK: open key file: " + broken + ": not a key file"},
		{"GALLRA_KEK", open, "KEK: open key file: " + open + ": others than its owner may read or write it"},
		{"GALLRA_KEK", other.env["GALLRA_KEK"], "the KEK does not open this store's keys"},
		{"GALLRA_LEDGER", nothing, "ledger: stat " + nothing + ": no such file or directory"},
		{"GALLRA_LEDGER", broken, "ledger line 1: not in the form of format version 1"},
		{"GALLRA_LEDGER", other.env["GALLRA_KEK"] + ".ledger", "ledger belongs to another store"},
		{"GALLRA_REGISTER", nothing, "register: "},
		{"GALLRA_REGISTER", broken, "register: "},
		{"GALLRA_REGISTER", register(t, "smallest.yaml"), "open engine: "},
	} {
		was, set := f.env[tt.name]
		f.env[tt.name] = tt.value
		for _, command := range []string{"run", "health"} {
			a := f.call(command)
			a.assertCounts(t, exitError, map[string]string{"command": command, "outcome": "failed"})
			assert.Equal(t, 1, strings.Count(a.out, "\n"))
			assert.True(t, strings.HasPrefix(a.err, "retention-cron "+command+": "), a.err)
			assert.Contains(t, a.err, tt.want)
		}
		f.env[tt.name] = was
		if !set {
			delete(f.env, tt.name)
		}
	}
	assert.Equal(t, before, f.dump())
	assert.Equal(t, files, list(t, f.dir))
	f.call("run").assertCounts(t, exitDone, map[string]string{"erased": "2"})
}

// list names the files of a folder, without SQLite's logs.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			names = append(names, name)
		}
	}
	return names
}

// TestWrongPostgres: a role without rights, tables that are not there, an empty store, no such database.
func TestWrongPostgres(t *testing.T) {
	t.Parallel()
	f := onPostgres(t)
	role := f.newRole()
	bare := pgtest.DSN(t)
	u, err := url.Parse(bare)
	require.NoError(t, err)
	u.Path = "/finns-inte"
	tabled := pgtest.DSN(t)
	store, err := postgres.Open(t.Context(), tabled, nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	for _, tt := range []struct{ dsn, want string }{
		{as(t, f.env["GALLRA_DSN"], role), "the role lacks a right"},
		{bare, "the tables have version 0"},
		{tabled, "the store is empty: is it the right one?"},
		{u.String(), "the server has no such database"},
	} {
		f.env["GALLRA_DSN"] = tt.dsn
		a := f.call("run")
		a.assertCounts(t, exitError, map[string]string{"outcome": "failed"})
		assert.Contains(t, a.err, tt.want)
	}
}
