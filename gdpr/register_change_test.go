package gdpr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// TestFieldThatLeftTheRegister: an invoice whose address the register names no more still holds it, and is found by it when all else of the person has gone.
func TestFieldThatLeftTheRegister(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h.grant(support, "support")
		h.grant(books, "accounts")
		h.grant(dpo, "privacy")
		const address = "åsa@kund.example"
		who := gdpr.Email(address)
		invoice, err := h.As(books, "invoice").Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"email": address, "reference": "Åsa", "document": "Faktura 7"}})
		require.NoError(t, err)
		_, err = h.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		require.Len(t, find(t, h.As(dpo, gdpr.SubjectRights), who), 2)

		text, err := os.ReadFile(filepath.Join("..", "testdata", "registers", "epm.yaml"))
		require.NoError(t, err)
		next := strings.Replace(string(text), "email: user.contact.email, document: user.financial}", "document: user.financial}", 1)
		require.NotEqual(t, string(text), next)
		next = strings.Replace(next, "version: 1, from", "version: 2, change: mindre, from", 1)
		path := filepath.Join(t.TempDir(), "epm.yaml")
		require.NoError(t, os.WriteFile(path, []byte(next), 0o600))
		h.reg, err = gdpr.LoadRegister(path)
		require.NoError(t, err)
		h.open()

		rights := h.As(dpo, gdpr.SubjectRights)
		out, err := rights.Erase(ctx, who, gdpr.Unlawful)
		require.NoError(t, err)
		require.Equal(t, 1, out.Parts)
		found := find(t, rights, who)
		require.Len(t, found, 1)
		assert.Equal(t, invoice, found[0].ID)
	})
}
