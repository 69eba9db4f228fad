package sqlstore

import (
	"context"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// ApplyKeys does all of the batch or nothing of it, in one transaction.
func (s *Store) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	return s.inTx(ctx, "apply keys", func(t *tx) { t.writeKeys(b) })
}

func (t *tx) writeKeys(b *storage.KeyBatch) {
	for _, c := range b.DestroyControllers {
		t.upsert(`UPDATE gallra_controller_keys SET wrapped = NULL, recovery = NULL, destroyed = TRUE WHERE id = ?`, []any{c[:]},
			`INSERT INTO gallra_controller_keys (id, destroyed) VALUES (?, TRUE) ON CONFLICT DO NOTHING`, []any{c[:]})
	}
	for _, k := range b.DestroySubjects {
		t.upsert(`UPDATE gallra_subject_keys SET wrapped = NULL, destroyed = TRUE WHERE bucket = ? AND id = ?`, []any{k.ID.Bucket(), k.ID[:]},
			`INSERT INTO gallra_subject_keys (bucket, id, controller, destroyed) VALUES (?, ?, ?, TRUE) ON CONFLICT DO NOTHING`,
			[]any{k.ID.Bucket(), k.ID[:], k.Controller[:]})
	}
	for _, r := range sorted(b.DestroyParts, func(r *storage.PartKeyRef) storage.PartRef { return r.PartRef }) {
		t.exec(`DELETE FROM gallra_part_keys WHERE `+thisPart+` AND version = ?`, append(key(r.PartRef), r.Version)...)
	}
	for _, r := range sorted(b.DestroyAllOf, func(r *storage.PartRef) storage.PartRef { return *r }) {
		t.exec(`DELETE FROM gallra_part_keys WHERE `+thisPart, key(*r)...)
	}
	for _, k := range b.PutStore {
		if t.exec(`INSERT INTO gallra_store_keys (name, wrapped, recovery) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			k.Name, optionalBytes(k.Wrapped), optionalBytes(k.Recovery)) == 0 {
			t.fail(storage.Failure{Kind: storage.KindStoreKey, Name: k.Name, Reason: storage.Exists})
		}
	}
	for _, k := range b.PutControllers {
		if t.exec(`INSERT INTO gallra_controller_keys (id, wrapped, recovery, destroyed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			k.ID[:], optionalBytes(k.Wrapped), optionalBytes(k.Recovery), k.Destroyed) == 0 {
			why := t.taken(`SELECT destroyed FROM gallra_controller_keys WHERE id = ?`, k.ID[:])
			t.fail(storage.Failure{Kind: storage.KindControllerKey, ID: k.ID, Reason: why})
		}
	}
	for _, k := range b.PutSubjects {
		if t.exec(`INSERT INTO gallra_subject_keys (bucket, id, controller, wrapped, destroyed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			k.ID.Bucket(), k.ID[:], k.Controller[:], optionalBytes(k.Wrapped), k.Destroyed) == 0 {
			why := t.taken(`SELECT destroyed FROM gallra_subject_keys WHERE bucket = ? AND id = ?`, k.ID.Bucket(), k.ID[:])
			t.fail(storage.Failure{Kind: storage.KindSubjectKey, ID: k.ID, Reason: why})
		}
	}
	for _, k := range sorted(b.PutParts, func(k *storage.PartKey) storage.PartRef { return k.PartRef }) {
		if t.exec(`INSERT INTO gallra_part_keys (bucket, record, part, version, wrapped) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			k.Bucket, k.Record[:], k.Part, k.Version, required(k.Wrapped)) == 0 {
			t.fail(storage.Failure{Kind: storage.KindPartKey, ID: k.Record, Part: k.Part, Reason: storage.Exists})
		}
	}
}

func (t *tx) taken(query string, args ...any) storage.Reason {
	var destroyed bool
	if t.get(query, args, &destroyed); destroyed {
		return storage.Erased
	}
	return storage.Exists
}

// Acquire gives the lease to owner until the given instant, or returns [storage.ErrLeased].
func (s *Store) Acquire(ctx context.Context, name, owner string, now, until time.Time) (int64, error) {
	var fence int64
	err := s.inTx(ctx, "acquire lease", func(t *tx) {
		fence = 1
		if t.exec(`INSERT INTO gallra_leases (name, owner, until, fence) VALUES (?, ?, ?, 1) ON CONFLICT DO NOTHING`, name, owner, until.UnixMicro()) > 0 {
			return
		}
		if t.exec(`UPDATE gallra_leases SET owner = ?, until = ?, fence = fence + 1 WHERE name = ? AND (until <= ? OR owner = ?)`,
			owner, until.UnixMicro(), name, now.UnixMicro(), owner) == 0 && t.err == nil {
			t.err = storage.ErrLeased
			return
		}
		t.get(`SELECT fence FROM gallra_leases WHERE name = ?`, []any{name}, &fence)
	})
	if err != nil {
		return 0, err
	}
	return fence, nil
}

// Release ends the lease if it still has that fence. The row stays, with a fence that nobody was given.
func (s *Store) Release(ctx context.Context, name string, fence int64) error {
	return s.inTx(ctx, "release lease", func(t *tx) {
		t.exec(`UPDATE gallra_leases SET owner = '', until = 0, fence = fence + 1 WHERE name = ? AND fence = ?`, name, fence)
	})
}
