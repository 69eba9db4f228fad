package chromium

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func opened(ctx context.Context, t *testing.T) *Page {
	t.Helper()
	if _, err := Find(); errors.Is(err, ErrMissing) && os.Getenv("GALLRA_REQUIRE") == "" {
		t.Skip(err)
	}
	p, err := Open(ctx, strings.NewReader("<!DOCTYPE html><title>åäö</title><p>Hej"), nil)
	require.NoError(t, err)
	return p
}

// TestEnvironment: a browser is not told what the application's environment holds.
func TestEnvironment(t *testing.T) {
	t.Setenv("GALLRA_DSN", "postgres://app:hemligt@db.example/app")
	env := strings.Join(environment("/dir"), "\n")
	assert.NotContains(t, env, "hemligt")
	assert.Contains(t, env, "PATH=")
	assert.Contains(t, env, "HOME=/dir")
}

func TestPage(t *testing.T) {
	t.Parallel()
	p := opened(t.Context(), t)
	var title string
	require.NoError(t, p.Eval(t.Context(), "document.title", &title))
	assert.Equal(t, "åäö", title)
	require.Error(t, p.Eval(t.Context(), "no.such", &title))
	require.Error(t, p.Eval(t.Context(), "17", &title), "no text")
	info, err := os.Stat(p.dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files := 0
	_ = filepath.WalkDir(p.dir, func(path string, _ os.DirEntry, _ error) error {
		if text, err := os.ReadFile(path); err == nil { // others are folders, or come and go
			files++
			assert.NotContains(t, string(text), "<p>Hej", "the page lies in %s", path)
		}
		return nil
	})
	assert.NotZero(t, files, "it looked")
	require.NoError(t, p.Close())
	assert.NoDirExists(t, p.dir)
}

// TestEnd: a browser ends with its context, or when it is killed, and nothing waits for it or stays.
func TestEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Page, func()){"canceled": func(_ *Page, cancel func()) { cancel() }, "killed": func(p *Page, _ func()) { _ = p.cmd.Process.Kill() }} {
		ctx, cancel := context.WithCancel(t.Context())
		p := opened(ctx, t)
		time.AfterFunc(100*time.Millisecond, func() { end(p, cancel) })
		var never bool
		require.Error(t, p.Eval(ctx, "new Promise(() => {})", &never), name)
		_ = p.Close()
		assert.NoDirExists(t, p.dir, name)
		cancel()
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), iotest.ErrReader(io.ErrNoProgress), nil)
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, err = Open(t.Context(), strings.NewReader(""), &Options{Path: "/no/such/program"})
	require.Error(t, err)
	_, err = Open(t.Context(), strings.NewReader(""), &Options{Path: "/bin/true"})
	require.Error(t, err, "it ends without a word")
}

func TestNothingToFind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find()
	require.ErrorIs(t, err, ErrMissing)
	_, err = Open(t.Context(), strings.NewReader(""), nil)
	require.ErrorIs(t, err, ErrMissing)
}
