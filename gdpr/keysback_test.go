package gdpr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// TestKeysRestored: the store of keys alone comes back from a copy, which has keys that were destroyed since. The next Open destroys them again, and says so.
func TestKeysRestored(t *testing.T) {
	t.Parallel()
	for name, erase := range map[string]func(t *testing.T, h *hamlet){
		"everything": func(t *testing.T, h *hamlet) { h.eraseSome(t.Context()) },
		"parts alone": func(t *testing.T, h *hamlet) {
			t.Helper()
			res, err := h.Sweep(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, 1, res.Erased)
		},
		"a person, and then parts": func(t *testing.T, h *hamlet) {
			t.Helper()
			_, err := h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("eva@byn.example"), gdpr.NoLongerNeeded)
			require.NoError(t, err)
			_, err = h.Sweep(t.Context(), nil)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, village, true)
			h := newHamlet(t, s)
			_, err := h.As(dpo, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("dag@byn.example"), gdpr.NoLongerNeeded) // before the copy
			require.NoError(t, err)
			h.split = h.put(gdpr.Record{Subject: gdpr.Email("dag@byn.example"), Fields: gdpr.Fields{"question": "Ny"}})
			h.stop()
			old, err := s.copyTo(t.TempDir())
			require.NoError(t, err)
			h.running = s.run(t)
			erase(t, h)
			h.stop()
			destroyed := func() string {
				var out []string
				for _, line := range strings.Split(s.there(t), "\n") {
					if strings.HasPrefix(line, "key of") {
						out = append(out, line)
					}
				}
				return strings.Join(out, "\n")
			}
			want := destroyed()
			s.restored(t, old, keysFile)
			require.NotEqual(t, want, destroyed())
			log := &logged{}
			s.log = log
			r := s.run(t)
			assert.Equal(t, want, destroyed())
			assert.Contains(t, log.String(), "store of keys was restored")
			assert.Contains(t, strings.Join(column(t, r.data.Writer(), `SELECT body FROM gallra_entries`), ""), "DestroyRevivedKeys")
			_, err = r.Verify(t.Context())
			require.NoError(t, err)
			r.stop()
			log = &logged{}
			s.log = log
			s.run(t)
			assert.NotContains(t, log.String(), "restored", "once")
		})
	}
}
