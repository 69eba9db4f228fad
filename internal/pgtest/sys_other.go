//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
)

// Without the processes of Unix there is no cluster, and the rest of these is never reached. A server named by GALLRA_TEST_POSTGRES will do.
const (
	supported = false

	quit   = syscall.SIGQUIT
	pause  = syscall.SIGTERM
	resume = syscall.SIGTERM
)

func attributes(*account) *syscall.SysProcAttr { return nil }

func send(int, syscall.Signal) error { return errors.ErrUnsupported }

func reap(int, bool) (bool, syscall.WaitStatus, error) {
	return true, syscall.WaitStatus{}, errors.ErrUnsupported
}
