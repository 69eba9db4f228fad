package gdpr_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// A copy's manifest says what a restored store will lack, and whether it is the copy that it says it is.
func TestManifest(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("cajsa@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
	m, err := h.Manifest(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, m.Proofs)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m), "it is kept as a file")
	got, err := h.CheckManifest(ctx, m)
	require.NoError(t, err)
	assert.Equal(t, gdpr.Copied{Whole: true}, got)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	h.eraseSomeMore(ctx)
	later, err := h.Manifest(ctx)
	require.NoError(t, err)
	h.stop()

	s.restored(t, old, dataFile)
	r := s.run(t)
	got, err = r.CheckManifest(ctx, m)
	require.NoError(t, err)
	assert.Equal(t, gdpr.Copied{Whole: true, Behind: 2}, got, "as Replay will take over")
	got, err = r.CheckManifest(ctx, later)
	require.NoError(t, err)
	assert.False(t, got.Whole, "that is of another copy")
	_, err = r.Manifest(ctx)
	require.ErrorIs(t, err, gdpr.ErrRestored)
	for name, change := range map[string]func(m *gdpr.Manifest){
		"number": func(m *gdpr.Manifest) { m.Proofs = 0 },
		"store":  func(m *gdpr.Manifest) { m.Store[3] ^= 1 },
		"MAC":    func(m *gdpr.Manifest) { m.MAC = "" },
	} {
		bad := m
		change(&bad)
		_, err = r.CheckManifest(ctx, bad)
		require.ErrorIs(t, err, gdpr.ErrManifest, name)
	}
	out, err := r.As(dpo, gdpr.Retention).Replay(ctx)
	require.NoError(t, err)
	assert.Equal(t, 2, out.Proofs)
}
