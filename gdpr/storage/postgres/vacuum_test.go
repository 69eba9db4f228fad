package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/pgtest"
)

// TestVacuum: what of erased rows is left in the files of the tables, as docs/operations/postgres.md says: all of it until a VACUUM, some of it until
// its room is used again or the table is written anew.
func TestVacuum(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, &pgtest.Options{Settings: map[string]string{"autovacuum": "off"}})
	dsn := c.DSN("postgres")
	s := openStore(t, dsn, nil)
	mark := func(kind string, i int) []byte { return fmt.Appendf(nil, "<%s %04d>", kind, i) }
	const people = 400
	var all []person
	for i := range people {
		p := newPerson()
		p.part.Sealed = bytes.Repeat(mark("innehåll", i), 1+i%30)
		b := p.batch()
		b.PutIndex = []storage.IndexRow{{Subject: p.subject.ID, Record: p.part.Record, Part: 1, Kind: "find-by", Token: mark("spår", i), Controller: p.subject.Controller}}
		b.Keys.PutParts = []storage.PartKey{{PartKeyRef: storage.PartKeyRef{PartRef: p.part.PartRef, Version: 1}, Wrapped: mark("nyckel", i)}}
		require.NoError(t, s.Apply(t.Context(), b))
		all = append(all, p)
	}
	erased := func(i int) bool { return i%2 == 0 }
	for i, p := range all {
		if erased(i) {
			require.NoError(t, s.Apply(t.Context(), &storage.Batch{
				EraseParts: []storage.PartErase{{PartRef: p.part.PartRef, Subject: p.subject.ID}},
				Keys:       storage.KeyBatch{DestroyAllOf: []storage.PartRef{p.part.PartRef}},
			}))
		}
	}
	// found counts the erased and the others whose bytes are in the files of a table and its indexes.
	found := func(table, kind string) (gone, there int) {
		t.Helper()
		execute(t, dsn, `CHECKPOINT`)
		paths := ask(t, dsn, `SELECT string_agg(pg_relation_filepath(oid), ' ') FROM pg_class WHERE oid = $1::regclass OR oid IN
			(SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass)`, "gallra."+table)
		var files []byte
		for path := range strings.FieldsSeq(paths) {
			content, err := os.ReadFile(filepath.Join(c.Dir(), path))
			require.NoError(t, err)
			files = append(files, content...)
		}
		for i := range all {
			if bytes.Contains(files, mark(kind, i)) {
				if erased(i) {
					gone++
				} else {
					there++
				}
			}
		}
		return gone, there
	}
	for table, kind := range map[string]string{"parts": "innehåll", "index": "spår", "part_keys": "nyckel"} {
		gone, there := found(table, kind)
		fmt.Println(table, gone, there)
		execute(t, dsn, `VACUUM gallra.`+table)
		gone, there = found(table, kind)
		fmt.Println(table, gone, there)
		execute(t, dsn, `VACUUM FULL gallra.`+table)
		gone, there = found(table, kind)
		fmt.Println(table, gone, there)
		assert.Zero(t, gone)
	}
}
