package pgtest_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/gallra/gallra/internal/pgtest"
)

// TestMain also plays the test binary that is cut short: it starts a cluster with a replica, says so, and leaves without a word of goodbye, or
// waits for what comes.
func TestMain(m *testing.M) {
	child := os.Getenv("GALLRA_PGTEST_CHILD")
	if child == "" {
		goleak.VerifyTestMain(m)
		return
	}
	c, err := pgtest.Start(context.Background(), nil)
	if err == nil {
		_, err = c.Replica(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("started")
	if child == "waits" {
		select {}
	}
	os.Exit(0)
}
