package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "å ö?.db")
	s, err := Open(ctx, path, nil)
	require.NoError(t, err)
	sub, c := storage.NewID(), storage.NewID()
	ref := storage.PartRef{Bucket: sub.Bucket(), Record: storage.NewRecordID(sub, time.Now()), Part: 1}
	require.NoError(t, s.Apply(ctx, &storage.Batch{
		PutSubjects: []storage.Subject{{ID: sub, Controller: c, Rev: 1}},
		PutParts:    []storage.Part{{PartRef: ref, Rev: 1, Version: 1, Controller: c, Subject: sub, Family: "a", Purposes: []string{"a", "b"}, Due: time.Now(), Sealed: []byte("x")}},
		PutIndex:    []storage.IndexRow{{Subject: sub, Kind: "k", Token: []byte("0123456789abcdef"), Controller: c}},
		Entries:     []storage.Entry{{Lane: c, Seq: 1}},
		Proofs:      []storage.Proof{{N: 1}},
		Keys:        storage.KeyBatch{PutParts: []storage.PartKey{{PartKeyRef: storage.PartKeyRef{PartRef: ref, Version: 1}, Wrapped: []byte("k")}}},
	}))
	p, err := s.Record(ctx, ref.Record)
	require.NoError(t, err)
	require.Len(t, p, 1)
	t.Logf("%+v", p)
	p, err = s.Parts(ctx, storage.PartQuery{Subjects: []storage.ID{sub, c, c}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, p, 1)
	p, err = s.Due(ctx, storage.DueQuery{Before: time.Now(), Limit: 10})
	require.NoError(t, err)
	require.Len(t, p, 1)
	require.NoError(t, s.Apply(ctx, &storage.Batch{EraseParts: []storage.PartErase{{PartRef: ref}}, Subjects: []storage.SubjectCond{{ID: sub, Bare: true}}}))
	require.NoError(t, s.Scrub(ctx))
	require.NoError(t, s.Close())
	s, err = Open(ctx, path, nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
