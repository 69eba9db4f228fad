package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/storage"
)

// StoreKeys returns the store's own keysets, ordered by name.
func (s *Store) StoreKeys(ctx context.Context) ([]storage.StoreKey, error) {
	return all(ctx, s, "read store keys", `SELECT name, wrapped, recovery FROM gallra_store_keys ORDER BY name`, nil,
		func(rows *sql.Rows, k *storage.StoreKey) error {
			return rows.Scan(&k.Name, blob(&k.Wrapped), blob(&k.Recovery))
		})
}

// ControllerKey returns one row, a tombstone included, or [storage.ErrNotFound].
func (s *Store) ControllerKey(ctx context.Context, controller storage.ID) (storage.ControllerKey, error) {
	return one(ctx, s, "read controller key", `SELECT id, wrapped, recovery, destroyed FROM gallra_controller_keys WHERE id = ?`, []any{controller[:]},
		func(rows *sql.Rows, k *storage.ControllerKey) error {
			return rows.Scan(id(&k.ID), blob(&k.Wrapped), blob(&k.Recovery), &k.Destroyed)
		})
}

// SubjectKeys returns the rows of the given subjects, tombstones included, in the order of (bucket, id).
func (s *Store) SubjectKeys(ctx context.Context, ids []storage.ID) ([]storage.SubjectKey, error) {
	scan := func(rows *sql.Rows, k *storage.SubjectKey) error {
		return rows.Scan(id(&k.ID), id(&k.Controller), blob(&k.Wrapped), &k.Destroyed)
	}
	if s.dialect.Arrays && len(ids) > 1 {
		return all(ctx, s, "read subject keys", `SELECT k.id, k.controller, k.wrapped, k.destroyed FROM `+idList+`
			JOIN gallra_subject_keys k ON k.bucket = a.bucket AND k.id = a.id ORDER BY k.bucket, k.id`, idArrays(distinct(ids, storage.ID.Compare)), scan)
	}
	var out []storage.SubjectKey
	for some := range slices.Chunk(distinct(ids, storage.ID.Compare), chunk) {
		some = padded(some)
		var args []any
		for i := range some {
			args = append(args, some[i].Bucket(), some[i][:])
		}
		rows, err := all(ctx, s, "read subject keys", `SELECT id, controller, wrapped, destroyed FROM gallra_subject_keys
			WHERE bucket = ? AND id = ?`+strings.Repeat(` OR bucket = ? AND id = ?`, len(some)-1)+` ORDER BY bucket, id`, args, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// PartKeys returns the rows of the given part versions, in the order of (bucket, record, part, version).
func (s *Store) PartKeys(ctx context.Context, refs []storage.PartKeyRef) ([]storage.PartKey, error) {
	const same = `bucket = ? AND record = ? AND part = ? AND version = ?`
	scan := func(rows *sql.Rows, k *storage.PartKey) error {
		return rows.Scan(&k.Bucket, id(&k.Record), &k.Part, &k.Version, blob(&k.Wrapped))
	}
	if s.dialect.Arrays && len(refs) > 1 {
		return all(ctx, s, "read part keys", `SELECT k.bucket, k.record, k.part, k.version, k.wrapped FROM `+keyList+`
			JOIN gallra_part_keys k ON k.bucket = a.bucket AND k.record = a.record AND k.part = a.part AND k.version = a.version
			ORDER BY k.bucket, k.record, k.part, k.version`, keyArrays(distinct(refs, compareKeys)), scan)
	}
	var out []storage.PartKey
	for some := range slices.Chunk(distinct(refs, compareKeys), chunk) {
		some = padded(some)
		var args []any
		for i := range some {
			args = append(args, some[i].Bucket, some[i].Record[:], some[i].Part, some[i].Version)
		}
		rows, err := all(ctx, s, "read part keys", `SELECT bucket, record, part, version, wrapped FROM gallra_part_keys
			WHERE `+same+strings.Repeat(` OR `+same, len(some)-1)+` ORDER BY bucket, record, part, version`, args, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// AllPartKeys returns at most limit part keys that follow after, in the same order.
func (s *Store) AllPartKeys(ctx context.Context, after storage.PartKeyRef, limit int) ([]storage.PartKeyRef, error) {
	if limit < 1 {
		return nil, errLimit
	}
	return all(ctx, s, "read part keys", `SELECT bucket, record, part, version FROM gallra_part_keys
		WHERE (bucket, record, part, version) > (?, ?, ?, ?) ORDER BY bucket, record, part, version`+atMost,
		[]any{after.Bucket, after.Record[:], after.Part, after.Version, limit}, func(rows *sql.Rows, r *storage.PartKeyRef) error {
			return rows.Scan(&r.Bucket, id(&r.Record), &r.Part, &r.Version)
		})
}

func compareKeys(a, b storage.PartKeyRef) int {
	return cmp.Or(a.PartRef.Compare(b.PartRef), cmp.Compare(a.Version, b.Version))
}
