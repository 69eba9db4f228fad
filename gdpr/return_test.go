package gdpr_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// What was held for a customer is given back whole, sealed for the customer alone, and erased once the customer has confirmed it (Art. 28(3)(g), EPM-8.2).
func TestReturn(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx := t.Context()
		_, agreement := h.customer("Bageriet i Åmål AB")
		_, other := h.customer("Smedjan")
		for i := range 3 {
			f.hosted(agreement, gdpr.Ref(fmt.Sprint("Pat-Ö", i)))
		}
		neighbor := f.hosted(other, gdpr.Ref("Pat-Ö1"))
		key, err := age.GenerateX25519Identity()
		require.NoError(t, err)
		s := h.As(dpo, hostedPurpose).Under(agreement)
		var w bytes.Buffer
		_, err = s.Return(ctx, &w, key.Recipient().String())
		refusedInput(t, err, "Agreement")
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		_, err = h.As(support, hostedPurpose).Under(agreement).Return(ctx, &w, key.Recipient().String())
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		_, err = s.Return(ctx, &w)
		refusedInput(t, err, "Recipients")
		_, err = s.Return(ctx, &w, "age1nyckel")
		refusedInput(t, err, "Recipients")
		assert.NotContains(t, err.Error(), "nyckel")
		refusedInput(t, s.ConfirmReturn(ctx, "inget"), "Digest")
		assert.Zero(t, w.Len())
		_, err = s.Return(ctx, fullDisk{}, key.Recipient().String())
		require.Error(t, err)

		out, err := s.Return(ctx, &w, key.Recipient().String())
		require.NoError(t, err)
		assert.Equal(t, 3, out.Parts)
		assert.NotContains(t, w.String(), "Pat-Ö")
		plain, err := age.Decrypt(bytes.NewReader(w.Bytes()), key)
		require.NoError(t, err)
		text, err := io.ReadAll(plain)
		require.NoError(t, err)
		lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
		require.Len(t, lines, 1+3+1)
		sum := sha256.Sum256([]byte(strings.Join(lines[:4], "")))
		assert.Equal(t, out.Digest, hex.EncodeToString(sum[:]))
		assert.Contains(t, lines[4], out.Digest)
		var who []string
		for _, line := range lines[1:4] {
			var got struct {
				Activity    string
				Identifiers map[string][]string
				Content     struct{ Fields map[string]string }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &got))
			assert.Equal(t, hostedPurpose, got.Activity)
			assert.Equal(t, "Journal: öronvärk", got.Content.Fields["content"])
			who = append(who, got.Identifiers["user.unique_id"]...)
		}
		assert.ElementsMatch(t, []string{"pat-ö0", "pat-ö1", "pat-ö2"}, who)

		assert.Zero(t, h.sweep().Erased, "nobody has confirmed it")
		refusedInput(t, s.ConfirmReturn(ctx, strings.Repeat("0", 64)), "Digest")
		require.NoError(t, s.ConfirmReturn(ctx, out.Digest))
		require.NoError(t, s.ConfirmReturn(ctx, out.Digest))
		assert.Equal(t, 3, h.sweep().Erased)
		_, err = h.As(ops, hostedPurpose).Under(other).Get(ctx, neighbor)
		require.NoError(t, err)
		h.verified()
	})
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("skivan är full") }
