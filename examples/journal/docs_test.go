package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocs holds docs/adapters.md against this package: the first block of Go is the adapter, the others stand in its tests.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "adapters.md"))
	require.NoError(t, err)
	code, err := os.ReadFile("journal.go")
	require.NoError(t, err)
	tests, err := os.ReadFile("journal_test.go")
	require.NoError(t, err)

	blocks := strings.Split(string(page), "```go\n")[1:]
	require.Greater(t, len(blocks), 2)
	for i, block := range blocks {
		block, _, closed := strings.Cut(block, "```\n")
		require.True(t, closed)
		if i == 0 {
			require.Equal(t, string(code), block, "docs/adapters.md shows another adapter")
			continue
		}
		for _, shown := range strings.SplitAfter(block, "\n}\n") {
			assert.Contains(t, string(tests), strings.TrimSpace(shown))
		}
	}
}
