package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/gallra/gallra/gdpr/storage"
)

//go:embed migrations/*.sql
var migrations embed.FS

// VersionTable is where the version of the tables stands, in goose's form.
const VersionTable = "gallra_schema_version"

// Migrations returns the SQL files that make the tables, in goose's form, for a host that runs them itself (see [Options]).
// Every table has the prefix gallra_.
func Migrations() fs.FS {
	files, _ := fs.Sub(migrations, "migrations") // a valid path never fails
	return files
}

// migrate brings the tables to the version of this library, or, when it must keep them, looks whether they are.
func migrate(ctx context.Context, db *sql.DB, keep bool) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, Migrations(),
		goose.WithTableName(VersionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have > want:
		return fmt.Errorf("%w: the tables have version %d, this library knows %d; update the library", storage.ErrSchemaOutdated, have, want)
	case have < want && keep:
		return fmt.Errorf("%w: the tables have version %d, this library needs %d; run its migrations", storage.ErrSchemaOutdated, have, want)
	case have == want:
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		// Another process may have been first.
		if have, _, again := p.GetVersions(ctx); again != nil || have != want {
			return fmt.Errorf("migrate: %w", errors.Join(err, again))
		}
	}
	return nil
}
