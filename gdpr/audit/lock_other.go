//go:build !unix || aix

package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Without a lock two processes could break the chain: there is no file ledger on these systems.
func lockFile(context.Context, *os.File) error {
	return fmt.Errorf("no file locks on this system, use a ledger of another kind: %w", errors.ErrUnsupported)
}

func unlockFile(*os.File) error { return nil }

func syncFolder(string) error { return nil }
