package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

type dying struct {
	storage.Keys
	left int // destroying batches
}

func (d *dying) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	if len(b.DestroyAllOf)+len(b.DestroySubjects)+len(b.DestroyParts)+len(b.DestroyControllers) > 0 {
		if d.left == 0 {
			return errors.New("strömmen gick")
		}
		d.left--
	}
	return d.Keys.ApplyKeys(ctx, b)
}

func (s *site) openDying(t *testing.T, left int) (e *gdpr.Engine, stop func(), err error) {
	t.Helper()
	data, err := sqlite.Open(t.Context(), s.path(dataFile), nil)
	require.NoError(t, err)
	keys, err := sqlite.Open(t.Context(), s.path(keysFile), nil)
	require.NoError(t, err)
	kek, err := insecurekeyfile.Open(s.path(kekFile))
	require.NoError(t, err)
	reg, err := registerOf(s.register)
	require.NoError(t, err)
	e, err = gdpr.Open(t.Context(), data, kek, reg, &gdpr.Options{Owner: boss, Now: s.clock.now, Keys: &dying{keys, left}})
	return e, func() {
		if e != nil {
			_ = e.Close()
		}
		_ = data.Close()
		_ = keys.Close()
	}, err
}

func (s *site) keysLeft(t *testing.T) string {
	var out []string
	for _, line := range strings.Split(s.there(t), "\n") {
		if strings.HasPrefix(line, "key of") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// Whoever destroys what a restored key store has brought back and is killed there has left the next one everything to see.
func TestKeysBackCutShort(t *testing.T) {
	t.Parallel()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	for _, who := range []string{"eva", "bo", "dag"} {
		_, err := h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email(who+"@byn.example"), gdpr.NoLongerNeeded)
		require.NoError(t, err)
	}
	h.stop()
	want := s.keysLeft(t)
	s.restored(t, old, keysFile)
	_, stop, err := s.openDying(t, 1)
	require.Error(t, err)
	stop()
	s.run(t).stop()
	assert.Equal(t, want, s.keysLeft(t))
}

// A fresh tombstone, of an erasure that was under way, hides no older keys that came back.
func TestKeysBackUnconfirmed(t *testing.T) {
	t.Parallel()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("eva@byn.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	h.stop()
	e, stop, err := s.openDying(t, 0)
	require.NoError(t, err)
	_, err = e.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("bo@byn.example"), gdpr.NoLongerNeeded)
	require.Error(t, err)
	stop()
	eva := fmt.Sprintf("%X", h.eva[:])
	require.NotContains(t, s.keysLeft(t), eva)
	s.restored(t, old, keysFile)
	require.Contains(t, s.keysLeft(t), eva)
	s.run(t).stop()
	assert.NotContains(t, s.keysLeft(t), eva, "erased yesterday, its key is back")
}

// Data and keys are restored from copies of different age: what the older keys bring back goes before the replay leaves new tombstones.
func TestReplayOlderKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	h.stop()
	sunday, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("eva@byn.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	h.stop()
	monday, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("bo@byn.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	h.stop()
	want := s.keysLeft(t)
	s.restored(t, sunday, keysFile)
	s.restored(t, monday, dataFile)
	r := s.run(t)
	_, err = r.As(dpo, gdpr.Retention).Replay(t.Context())
	require.NoError(t, err)
	r.stop()
	r = s.run(t)
	r.stop()
	assert.Equal(t, want, s.keysLeft(t))
}
