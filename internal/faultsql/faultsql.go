// Package faultsql breaks database connections on purpose: it wraps a driver, counts every call of database/sql to it and, at a chosen one,
// fails before the call, fails after it was done, or kills the process. So tests can try each place in which a program may be cut short.
//
//	faults := faultsql.New(connector)
//	db := sql.OpenDB(faults)
//	faults.At(faults.Calls()+3, faultsql.After)
package faultsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"sync"
)

// ErrInjected is what a broken connection returns.
var ErrInjected = errors.New("injected fault")

// Op is a kind of call.
type Op string

// The calls that are counted.
const (
	Connect  Op = "connect"
	Begin    Op = "begin"
	Prepare  Op = "prepare"
	Exec     Op = "exec"
	Query    Op = "query"
	Commit   Op = "commit"
	Rollback Op = "rollback"
)

// Mode is what happens at the chosen call.
type Mode uint8

// The modes of failing. After either error the connection is lost; its transaction is rolled back unless it was committed.
const (
	None   Mode = iota
	Before      // an error; the call is not made
	After       // the call is made, and then an error: of a commit, nobody knows the outcome
	Kill        // SIGKILL to this process; the call is not made
	refuse      // an error of the database's own: see Refuse
)

// Faults is a connector with a fault to come. It is safe for concurrent use.
type Faults struct {
	inner driver.Connector
	mu    sync.Mutex
	log   []Op
	at    int
	mode  Mode
	err   error // of that fault
}

var _ driver.Connector = (*Faults)(nil)

// New wraps a connector; use the result with sql.OpenDB. Its connections must have the context methods of package driver.
// For [Faults.Do] alone inner may be nil.
func New(inner driver.Connector) *Faults { return &Faults{inner: inner} }

// At arms one fault for the n-th call, counted from 1 since New. It replaces the one before; mode None disarms.
func (f *Faults) At(n int, mode Mode) { f.Lose(n, mode, ErrInjected) }

// Lose is At with the error of a driver: over io.EOF or driver.ErrBadConn a program may think that it knows what became of the call, and with the
// latter database/sql makes a call outside a transaction again by itself.
func (f *Faults) Lose(n int, mode Mode, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.mode, f.err = n, mode, err
}

// Refuse arms, as At does, an error of the database's own, such as a deadlock: the call is not made, a commit rolls back, and the connection
// stays.
func (f *Faults) Refuse(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.mode, f.err = n, refuse, err
}

// Do makes a call that is not of database/sql, to a file or a service, unless a fault comes first.
func (f *Faults) Do(op Op, do func() error) error {
	mode := f.count(op)
	if mode == Before || mode == refuse {
		return f.fault()
	}
	err := do()
	if mode == After && err == nil {
		err = f.fault()
	}
	return err
}

// fault is the error that is armed.
func (f *Faults) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Calls returns how many calls were made.
func (f *Faults) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.log)
}

// Log returns the calls that were made, in order.
func (f *Faults) Log() []Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Op(nil), f.log...)
}

// count notes a call and returns what is to happen at it.
func (f *Faults) count(op Op) Mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, op)
	if len(f.log) != f.at {
		return None
	}
	if f.mode == Kill {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // the signal is on its way
	}
	return f.mode
}

// Connect opens a connection.
func (f *Faults) Connect(ctx context.Context) (driver.Conn, error) {
	mode := f.count(Connect)
	if mode == Before || mode == refuse {
		return nil, f.fault()
	}
	inner, err := f.inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(fullConn)
	if !ok {
		return nil, errors.Join(errors.New("faultsql: the driver has no context methods"), inner.Close())
	}
	if mode == After {
		return nil, errors.Join(f.fault(), inner.Close())
	}
	return &conn{fullConn: full, f: f}, nil
}

// Driver returns the wrapped driver.
func (f *Faults) Driver() driver.Driver { return f.inner.Driver() }

type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type conn struct {
	fullConn
	f    *Faults
	lost error // once it is; database/sql uses a connection from one goroutine at a time
}

// call makes a call unless a fault comes first.
func call[T any](c *conn, op Op, do func() (T, error)) (T, error) {
	var none T
	mode := c.f.count(op)
	if mode == Before && c.lost == nil {
		c.lost = c.f.fault()
	}
	if c.lost != nil {
		return none, c.lost
	}
	if mode == refuse {
		return none, c.f.fault()
	}
	out, err := do()
	if mode == After && err == nil {
		c.lost = c.f.fault()
		if open, ok := any(out).(interface{ Close() error }); ok {
			_ = open.Close() // a statement or rows that stay open would keep the connection, and its locks, alive
		}
		return none, c.lost
	}
	return out, err
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := call(c, Begin, func() (driver.Tx, error) { return c.fullConn.BeginTx(ctx, opts) })
	if err != nil {
		return nil, err
	}
	return &tx{inner, c}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	inner, err := call(c, Prepare, func() (driver.Stmt, error) { return c.fullConn.PrepareContext(ctx, query) })
	if err != nil {
		return nil, err
	}
	return &stmt{inner, c}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return call(c, Exec, func() (driver.Result, error) { return c.fullConn.ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return call(c, Query, func() (driver.Rows, error) { return c.fullConn.QueryContext(ctx, query, args) })
}

// CheckNamedValue lets the wrapped driver convert arguments, if it does that.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.fullConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// ResetSession is asked before a connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.lost != nil {
		return driver.ErrBadConn
	}
	if r, ok := c.fullConn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid keeps a lost connection out of the pool: closing it rolls back what it had begun.
func (c *conn) IsValid() bool {
	v, ok := c.fullConn.(driver.Validator)
	return c.lost == nil && (!ok || v.IsValid())
}

type stmt struct {
	driver.Stmt
	c *conn
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return call(s.c, Exec, func() (driver.Result, error) {
		if full, ok := s.Stmt.(driver.StmtExecContext); ok {
			return full.ExecContext(ctx, args)
		}
		values := make([]driver.Value, len(args))
		for i := range args {
			values[i] = args[i].Value
		}
		return s.Stmt.Exec(values) //nolint:staticcheck // all that the COPY of lib/pq has
	})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return call(s.c, Query, func() (driver.Rows, error) { return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args) }) //nolint:errcheck // New demands the context methods
}

type tx struct {
	driver.Tx
	c *conn
}

func (t *tx) Commit() error {
	tried := false
	_, err := call(t.c, Commit, func() (struct{}, error) {
		tried = true
		return struct{}{}, t.Tx.Commit()
	})
	if !tried && t.c.lost == nil { // refused
		_ = t.Tx.Rollback()
	}
	return err
}

func (t *tx) Rollback() error {
	_, err := call(t.c, Rollback, func() (struct{}, error) { return struct{}{}, t.Tx.Rollback() })
	return err
}
