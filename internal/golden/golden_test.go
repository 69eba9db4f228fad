package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "brev.txt")
	require.NoError(t, os.WriteFile(path, []byte("Hej!\nÅsa hör av sig.\n"), 0o600))

	tests := map[string]struct {
		path, got, want string
	}{
		"equal":               {path, "Hej!\nÅsa hör av sig.\n", ""},
		"a letter differs":    {path, "Hej!\nAsa hör av sig.\n", `:2 differs from what the test made` + "\n" + `file: "Åsa hör av sig.\n"` + "\n" + `test: "Asa hör av sig.\n"`},
		"a line is missing":   {path, "Hej!\n", `:2 differs`},
		"a line too many":     {path, "Hej!\nÅsa hör av sig.\n\n", `:3 differs`},
		"the last line end":   {path, "Hej!\nÅsa hör av sig.", `:2 differs`},
		"nothing was made":    {path, "", `:1 differs`},
		"there is no file":    {path + ".nej", "Hej!\n", "run this package's tests with -update"},
		"the path is no file": {filepath.Dir(path), "Hej!\n", "read golden file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := compare(tt.path, []byte(tt.got), false)
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestCompareUpdates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ny", "brev.txt")
	require.NoError(t, compare(path, []byte("Smörgås\n"), true))
	require.NoError(t, compare(path, []byte("Smörgås\n"), false))
	require.NoError(t, compare(path, []byte("Räksmörgås\n"), true))
	require.NoError(t, compare(path, []byte("Räksmörgås\n"), false))
	assert.ErrorContains(t, compare(filepath.Join(path, "brev.txt"), nil, true), "write golden file")
}

func TestAssertFailsTheTest(t *testing.T) {
	if *update {
		t.Skip("would write the file that must not exist")
	}
	failed := &recorder{TB: t}
	assert.False(t, Assert(failed, "testdata/none.txt", nil))
	assert.Contains(t, failed.text, "no golden file testdata/none.txt")
}

// recorder stands in for a test that is expected to fail.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }
