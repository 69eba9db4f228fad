package postgres

import "github.com/gallra/gallra/gdpr/storage"

// keys destroys keys and puts new ones. Those of controllers and of the store itself are few: the portable form has them.
func (p *plan) keys(b *storage.KeyBatch) {
	p.ok = p.ok && len(b.DestroyControllers)+len(b.PutStore)+len(b.PutControllers) == 0
	put(p, b.DestroySubjects, func(k *storage.SubjectKey) storage.ID { return k.ID }, func(rows []storage.SubjectKey) []step {
		from, args := source(subjectKeyColumns, rows)
		return one(step{table: "subject_keys", args: args, want: len(rows), sql: `INSERT INTO gallra_subject_keys (bucket, id, controller, wrapped, destroyed)
			SELECT a.bucket, a.id, a.controller, NULL, TRUE FROM ` + from + ` ON CONFLICT (bucket, id) DO UPDATE SET wrapped = NULL, destroyed = TRUE`})
	})
	put(p, b.DestroyParts, func(r *storage.PartKeyRef) storage.PartKeyRef { return *r }, func(rows []storage.PartKeyRef) []step {
		cols := append(refColumns(func(r *storage.PartKeyRef) *storage.PartRef { return &r.PartRef }),
			column[storage.PartKeyRef]{"version", "INTEGER", func(r *storage.PartKeyRef) any { return r.Version }})
		return one(matching("part_keys", `DELETE FROM gallra_part_keys t USING `, thisPart+` AND t.version = a.version`, ``, cols, rows, anyNumber))
	})
	put(p, b.DestroyAllOf, func(r *storage.PartRef) storage.PartRef { return *r }, func(rows []storage.PartRef) []step {
		cols := refColumns(func(r *storage.PartRef) *storage.PartRef { return r })
		return one(matching("part_keys", `DELETE FROM gallra_part_keys t USING `, thisPart, ``, cols, rows, anyNumber))
	})
	put(p, b.PutSubjects, func(k *storage.SubjectKey) storage.ID { return k.ID }, func(rows []storage.SubjectKey) []step {
		return one(insert("subject_keys", p.copies, subjectKeyColumns, rows))
	})
	put(p, b.PutParts, func(k *storage.PartKey) storage.PartKeyRef { return k.PartKeyRef }, func(rows []storage.PartKey) []step {
		cols := append(refColumns(func(k *storage.PartKey) *storage.PartRef { return &k.PartRef }),
			column[storage.PartKey]{"version", "INTEGER", func(k *storage.PartKey) any { return k.Version }},
			column[storage.PartKey]{"wrapped", "BYTEA", func(k *storage.PartKey) any { return required(k.Wrapped) }})
		return one(insert("part_keys", p.copies, cols, rows))
	})
}

var subjectKeyColumns = []column[storage.SubjectKey]{
	{"bucket", "SMALLINT", func(k *storage.SubjectKey) any { return k.ID.Bucket() }},
	{"id", "BYTEA", func(k *storage.SubjectKey) any { return k.ID[:] }},
	{"controller", "BYTEA", func(k *storage.SubjectKey) any { return k.Controller[:] }},
	{"wrapped", "BYTEA", func(k *storage.SubjectKey) any { return optionalBytes(k.Wrapped) }},
	{"destroyed", "BOOLEAN", func(k *storage.SubjectKey) any { return k.Destroyed }},
}
