package chromium_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/subjectrights/report/chromium"
)

func TestX(t *testing.T) {
	page, err := os.ReadFile("../../testdata/epm.sv.html")
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, chromium.Renderer{}.PDF(t.Context(), &b, strings.NewReader(string(page))))
	require.NoError(t, os.WriteFile("/tmp/x.pdf", b.Bytes(), 0o600))
}
