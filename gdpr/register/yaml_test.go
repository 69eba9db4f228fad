package register

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A span is where a plain scalar stands in a text, in bytes.
type span struct {
	from, to int
	key      bool
}

func scalars(t testing.TB, text string) []span {
	t.Helper()
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	lines := strings.SplitAfter(text, "\n")
	var spans []span
	var walk func(n *yaml.Node, key bool)
	walk = func(n *yaml.Node, key bool) {
		if n.Kind == yaml.ScalarNode {
			from := len(strings.Join(lines[:n.Line-1], "")) + len(string([]rune(lines[n.Line-1])[:n.Column-1]))
			if strings.HasPrefix(text[from:], n.Value) {
				spans = append(spans, span{from, from + len(n.Value), key})
			}
		}
		for i, c := range n.Content {
			walk(c, n.Kind == yaml.MappingNode && i%2 == 0)
		}
	}
	walk(&doc, false)
	return spans
}

// shuffled writes the same YAML without comments, with the keys of every mapping
// in another order.
func shuffled(t testing.TB, text string, seed uint64) string {
	t.Helper()
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	random := rand.New(rand.NewPCG(seed, seed))
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
		n.Style &^= yaml.FlowStyle
		if n.Kind == yaml.MappingNode {
			random.Shuffle(len(n.Content)/2, func(i, j int) {
				c := n.Content
				c[2*i], c[2*i+1], c[2*j], c[2*j+1] = c[2*j], c[2*j+1], c[2*i], c[2*i+1]
			})
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&doc)
	out, err := yaml.Marshal(&doc)
	require.NoError(t, err)
	return string(out)
}
