package gdpr_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/internal/faultsql"
)

// TestOpenAllOrNothing cuts the first Open of a new store short at every call: its tables, its keys, its register. Whatever is left, the next Open makes
// a whole store of it.
func TestOpenAllOrNothing(t *testing.T) {
	t.Parallel()
	var tried points
	t.Run("open", func(t *testing.T) {
		for _, layout := range bothLayouts {
			t.Run(layout.name, func(t *testing.T) {
				t.Parallel()
				whole := newSite(t, village, layout.apart)
				whole.fragile = true
				r, err := whole.start(t.Context())
				require.NoError(t, err)
				var calls []int
				for _, f := range r.faults {
					calls = append(calls, f.Calls())
				}
				r.stop()
				step := 1
				if testing.Short() {
					step = 9
				}
				var wg sync.WaitGroup
				for db := range calls {
					for _, mode := range []faultsql.Mode{faultsql.Before, faultsql.After, faultsql.Kill} {
						wg.Go(func() { // beside one another: goose sleeps three seconds over an error at its first calls
							for n := 1; n <= calls[db]; n += step {
								t.Run(fmt.Sprintf("%s, call %d, mode %d", []string{dataFile, keysFile}[db], n, mode), func(t *testing.T) {
									openAt(t, layout.apart, db, mode, n, &tried)
								})
							}
						})
					}
				}
				wg.Wait()
				t.Logf("calls %v", calls)
			})
		}
	})
	t.Logf("points tried: %d errors injected, %d processes killed", tried.failed.Load(), tried.killed.Load())
}

func openAt(t *testing.T, apart bool, db int, mode faultsql.Mode, n int, tried *points) {
	t.Helper()
	s := newSite(t, village, apart)
	s.fragile = true
	if mode == faultsql.Kill {
		p := startChild(t, s, "fault in open", strconv.Itoa(db), strconv.Itoa(n))
		require.True(t, p.end(), "%s", p.text.String())
		tried.killed.Add(1)
	} else {
		s.arm = func(which int, f *faultsql.Faults) {
			if which == db {
				f.At(n, mode)
			}
		}
		if r, err := s.start(t.Context()); err == nil {
			r.stop()
		}
		tried.failed.Add(1)
	}
	s.arm = nil
	r, err := s.start(t.Context())
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(s.dir) }()
	defer r.stop()
	data, keys := r.data.Writer(), r.data.Writer()
	if apart {
		keys = r.keys.Writer()
	}
	require.Equal(t, []string{"checkpoint", "index", "suppression", "trail"}, column(t, keys, `SELECT name FROM gallra_store_keys ORDER BY name`))
	require.Equal(t, []string{"0"}, column(t, keys, `SELECT destroyed FROM gallra_controller_keys`))
	require.Equal(t, []string{"AdoptRegister"}, column(t, data, `SELECT json_extract(body, '$.action') FROM gallra_entries`))
	ledger, err := os.ReadFile(s.path(kekFile + ".ledger"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(ledger), "\n"))
	r.grant(t, support, "clerk")
	id, err := r.As(support, "inquiry").Put(t.Context(), gdpr.Record{Subject: gdpr.Email("anna@byn.example"), Fields: gdpr.Fields{"question": "Hej"}})
	require.NoError(t, err)
	_, err = r.As(support, "inquiry").Get(t.Context(), id)
	require.NoError(t, err)
	_, err = r.Verify(t.Context())
	require.NoError(t, err)
}

// killedInOpen is the process that dies while it opens a new store.
func killedInOpen(t *testing.T, c *child) {
	db, err := strconv.Atoi(c.Args[0])
	require.NoError(t, err)
	n, err := strconv.Atoi(c.Args[1])
	require.NoError(t, err)
	c.site.arm = func(which int, f *faultsql.Faults) {
		if which == db {
			f.At(n, faultsql.Kill)
		}
	}
	c.site.run(t)
}
