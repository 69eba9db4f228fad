package gdpr_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// frontDoor is the example of README.md, word for word.
func frontDoor(ctx context.Context) error {
	store, err := sqlite.Open(ctx, "app.db", nil)
	if err != nil {
		return err
	}
	defer store.Close()
	kek, err := insecurekeyfile.Open("dev.kek") // in production any Tink AEAD: a cloud KMS, Vault, an HSM
	if err != nil {
		return err
	}
	reg, err := gdpr.LoadRegister("register.yaml")
	if err != nil {
		return err
	}
	eng, err := gdpr.Open(ctx, store, kek, reg, nil)
	if err != nil {
		return err
	}
	defer eng.Close()

	// Who acts, and for which purpose. Role, basis and deadlines follow from the register.
	s := eng.As(gdpr.Job("web"), "inquiry")
	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		return err
	}
	why, err := s.Explain(ctx, id) // why it is held, until when, by which rule
	if err != nil {
		return err
	}
	fmt.Print(why)

	// Every night: what is due goes, with its keys, its index rows and a proof. Then the trail is sealed.
	if _, err := eng.Sweep(ctx, nil); err != nil {
		return err
	}
	if err := eng.Seal(ctx); err != nil {
		return err
	}

	// One day the person asks to be erased, and somebody decides.
	_, err = eng.As(gdpr.Person("Data protection officer"), gdpr.SubjectRights).Erase(ctx, gdpr.Email("anna@kund.example"), gdpr.NoLongerNeeded)
	return err
}

// TestReadme runs the README's example under the README's register, and holds the two texts together.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)

	_, code, ok := strings.Cut(string(source), "func frontDoor(ctx context.Context) error {\n")
	require.True(t, ok)
	code, _, _ = strings.Cut(code, "\n}\n")
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "\t")
	}
	require.Equal(t, fenced(t, string(readme), "go"), strings.Join(lines, "\n")+"\n")

	register := fenced(t, string(readme), "yaml")
	smallest, err := os.ReadFile(filepath.Join("..", "testdata", "registers", "smallest.yaml"))
	require.NoError(t, err)
	require.Equal(t, string(smallest), register)

	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("register.yaml", []byte(register), 0o600))
	require.NoError(t, frontDoor(t.Context()))
}

// fenced returns the first block of a language.
func fenced(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "```"+language+"\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	return block
}
