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

// TestVacuum: what docs/operations/postgres.md says of erased rows. Their bytes stay in the files of the tables, also in the free room that a VACUUM
// leaves, until that is used again, or until VACUUM FULL writes the table anew.
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
		gone, _ := found(table, kind)
		assert.Positive(t, gone, "%s: the test finds what is there", table)
		execute(t, dsn, `VACUUM FULL gallra.`+table)
		gone, there := found(table, kind)
		assert.Zero(t, gone, table)
		assert.Equal(t, people/2, there, table)
		n, err := s.Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, people/2, n)
	}
}
