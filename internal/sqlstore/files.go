package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

const selectSchedule = `SELECT owner, family, rev, held, due, facts FROM gallra_schedules`

func scanSchedule(rows *sql.Rows, r *storage.Schedule) error {
	return rows.Scan(id(&r.Owner), &r.Family, &r.Rev, &r.Held, instant(&r.Due), blob(&r.Facts))
}

// SchedulesOf returns the schedules of one agreement or assignment, ordered by family.
func (s *Store) SchedulesOf(ctx context.Context, owner storage.ID) ([]storage.Schedule, error) {
	return all(ctx, s, "read schedules", selectSchedule+` WHERE owner = ? ORDER BY family`, []any{owner[:]}, scanSchedule)
}

// DueSchedules returns the schedules with due at or before the given instant, ordered by (due, owner, family), at most limit.
func (s *Store) DueSchedules(ctx context.Context, before time.Time, limit int) ([]storage.Schedule, error) {
	if limit < 1 {
		return nil, errLimit
	}
	return all(ctx, s, "read due schedules", selectSchedule+` WHERE due <= ? ORDER BY due, owner, family`+atMost,
		[]any{before.UnixMicro(), limit}, scanSchedule)
}

// EventsOf returns the events of one object in the order in which they were appended.
func (s *Store) EventsOf(ctx context.Context, object storage.ID) ([]storage.Event, error) {
	return all(ctx, s, "read events", `SELECT id, object, at, body FROM gallra_events WHERE object = ? ORDER BY seq`, []any{object[:]},
		func(rows *sql.Rows, e *storage.Event) error {
			return rows.Scan(id(&e.ID), id(&e.Object), instant(&e.At), blob(&e.Body))
		})
}

const selectFile = `SELECT kind, id, rev, held, parent, state, name, is_unique, due, body FROM gallra_files WHERE kind = ?`

func scanFile(rows *sql.Rows, f *storage.File) error {
	return rows.Scan(&f.Kind, id(&f.ID), &f.Rev, &f.Held, id(&f.Parent), &f.State, blob(&f.Name), &f.Unique, instant(&f.Due), blob(&f.Body))
}

// File returns one row, or [storage.ErrNotFound].
func (s *Store) File(ctx context.Context, kind string, file storage.ID) (storage.File, error) {
	return one(ctx, s, "read file", selectFile+` AND id = ?`, []any{kind, file[:]}, scanFile)
}

// Files returns at most q.Limit rows that match q and follow q.After, ordered by id.
func (s *Store) Files(ctx context.Context, q storage.FileQuery) ([]storage.File, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	where := strings.Builder{}
	args := []any{q.Kind}
	and := func(cond string, arg any) {
		where.WriteString(` AND ` + cond)
		args = append(args, arg)
	}
	and(`id > ?`, q.After[:])
	if len(q.Parents) > 0 {
		parents := padded(q.Parents)
		where.WriteString(` AND parent IN ` + list(len(parents)))
		for _, parent := range parents {
			args = append(args, parent[:])
		}
	}
	if q.State != "" {
		and(`state = ?`, q.State)
	}
	if len(q.Names) > 0 {
		names := padded(q.Names)
		where.WriteString(` AND name IN ` + list(len(names)))
		for _, name := range names {
			args = append(args, required(name))
		}
	}
	if !q.Before.IsZero() {
		and(`due <= ?`, q.Before.UnixMicro())
	}
	return all(ctx, s, "read files", selectFile+where.String()+` ORDER BY id`+atMost, append(args, q.Limit), scanFile)
}
