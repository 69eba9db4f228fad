package archtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

// pins name a module that must have exactly the version that another one was built and tested with.
var pins = []struct{ module, of string }{
	{"modernc.org/libc", "modernc.org/sqlite"}, // SQLite translated from C breaks in subtle ways on another libc
}

func TestPinnedVersions(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	for _, pin := range pins {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoMod}}", pin.of).Output()
		require.NoError(t, err, "go list -m %s", pin.of)
		theirs, err := os.ReadFile(strings.TrimSpace(string(out)))
		require.NoError(t, err)
		assert.NoError(t, sameVersion(pin.module, pin.of, ours, theirs))
	}
}

// sameVersion compares the version of a module in two go.mod files.
func sameVersion(module, of string, ours, theirs []byte) error {
	have, err := version(module, ours)
	if err != nil {
		return fmt.Errorf("go.mod: %w", err)
	}
	want, err := version(module, theirs)
	if err != nil {
		return fmt.Errorf("go.mod of %s: %w", of, err)
	}
	if have != want {
		return fmt.Errorf("go.mod requires %s %s, but %s is made for %s: run go get %s@%s", module, have, of, want, module, want)
	}
	return nil
}

// version returns what a go.mod file requires of a module.
func version(module string, text []byte) (string, error) {
	file, err := modfile.ParseLax("go.mod", text, nil)
	if err != nil {
		return "", err
	}
	for _, r := range file.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s is not required", module)
}

func TestPinnedVersionsCanFail(t *testing.T) {
	t.Parallel()
	mod := func(version string) []byte {
		return []byte("module a.example/b\n\nrequire c.example/d " + version + "\n")
	}
	assert.NoError(t, sameVersion("c.example/d", "e.example/f", mod("v1.2.3"), mod("v1.2.3")))
	assert.ErrorContains(t, sameVersion("c.example/d", "e.example/f", mod("v1.2.4"), mod("v1.2.3")), "go get c.example/d@v1.2.3")
	assert.ErrorContains(t, sameVersion("c.example/g", "e.example/f", mod("v1.2.4"), mod("v1.2.3")), "c.example/g is not required")
	assert.Error(t, sameVersion("c.example/d", "e.example/f", mod("v1.2.3"), []byte("modul")))
}
