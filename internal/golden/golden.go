// Package golden compares what a test produced with a committed file that a person can read and approve.
//
//	golden.Assert(t, "testdata/report.html", got)
//
// Run the tests of one package with -update to write its golden files anew, then read the difference before it is committed:
//
//	go test ./subjectrights/report -update
package golden

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Assert fails the test if got differs in any byte from the file at path, which is relative to the package under test. With -update it
// writes the file, and its folder, instead. It reports whether the two are equal and lets the test go on.
func Assert(t testing.TB, path string, got []byte) bool {
	t.Helper()
	if err := compare(path, got, *update); err != nil {
		return assert.Fail(t, err.Error())
	}
	return true
}

// compare is Assert without a test around it.
func compare(path string, got []byte, update bool) error {
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write golden file: %w", err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			return fmt.Errorf("write golden file: %w", err)
		}
		return nil
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no golden file %s: run this package's tests with -update to write it, and read it", path)
	}
	if err != nil {
		return fmt.Errorf("read golden file: %w", err)
	}
	if string(want) == string(got) {
		return nil
	}
	line, wantLine, gotLine := firstDifference(want, got)
	return fmt.Errorf("%s:%d differs from what the test made\nfile: %q\ntest: %q\nrun with -update if the new text is right",
		path, line, wantLine, gotLine)
}
