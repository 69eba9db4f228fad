package storagetest

import (
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
)

// RunSteady is [Run] without the races and the large batches, which take most of its time: for a second way to the rows of an adapter that passes
// Run, such as another driver.
func RunSteady(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, g := range suite() {
		if g.name != "races" && g.name != "large" {
			t.Run(g.name, func(t *testing.T) { g.run(t, open) })
		}
	}
}
