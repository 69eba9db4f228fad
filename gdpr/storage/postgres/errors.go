package postgres

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/lib/pq"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// The SQLSTATE codes that mean something to a batch.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	uniqueViolation      = "23505"
	divisionByZero       = "22012"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	noPrivilege          = "42501"
	noPassword           = "28P01"
	noLogin              = "28000"
	noDatabase           = "3D000"
	duplicateSchema      = "42P06"
	duplicateTable       = "42P07"
	undefinedColumn      = "42703"
)

// state is the SQLSTATE of an error, whichever driver made it; empty when it is not the server's.
func state(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// classify reads SQLSTATE codes. A unique row that another transaction has just put is looked at again.
func classify(err error) sqlstore.Class {
	code := state(err)
	var network net.Error
	switch {
	case code == serializationFailure, code == deadlock, code == uniqueViolation:
		return sqlstore.Retry
	case code == lockNotAvailable:
		return sqlstore.Busy
	case code == queryCanceled:
		return sqlstore.NotStored
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return sqlstore.Lost
	case code != "":
		return sqlstore.NotStored
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return sqlstore.Other
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return sqlstore.Lost
	}
	return sqlstore.Other
}

// explain says what to do about an error at opening.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var network net.Error
	var file *fs.PathError
	var untrusted x509.UnknownAuthorityError
	var misnamed x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch code := state(err); {
	case errors.Is(err, storage.ErrSchemaOutdated):
	case errors.As(err, &untrusted), errors.As(err, &misnamed), errors.As(err, &invalid):
		return fmt.Errorf("the server's certificate is not trusted: give the file of its authority as sslrootcert, and the host by the name in the certificate: %w", err)
	case errors.Is(err, pq.ErrSSLNotSupported), strings.Contains(err.Error(), "server refused TLS connection"): // as pgx says it
		return fmt.Errorf("the server has TLS turned off: set ssl=on there, or sslmode=disable for a server on this machine: %w", err)
	case code == noPassword, code == noLogin:
		return fmt.Errorf("the server refused the role: check role and password of the data source name, and pg_hba.conf: %w", err)
	case code == noDatabase:
		return fmt.Errorf("the server has no such database: create it, or correct the data source name: %w", err)
	case code == noPrivilege:
		return fmt.Errorf("the role lacks a right: run Open or Migrations once as the owner of the schema, then grant the application's role USAGE on the schema "+
			"and SELECT, INSERT, UPDATE, DELETE on all tables in it, and set Options.KeepSchema: %w", err)
	case errors.As(err, &file):
		return fmt.Errorf("a file that the data source name gives cannot be read: %w", err)
	case code == "" && errors.As(err, &network):
		return fmt.Errorf("the server cannot be reached: check host and port of the data source name, and that it runs: %w", err)
	}
	return err
}
