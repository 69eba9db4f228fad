//go:build unix

package pgtest

import (
	"errors"
	"syscall"
)

// What this package asks of the operating system.
const (
	supported = true

	quit   = syscall.SIGQUIT
	pause  = syscall.SIGSTOP
	resume = syscall.SIGCONT
)

// attributes lets a process run as another user, if one is given, and in a session of its own, so that what is typed at a terminal reaches
// only us.
func attributes(as *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	return attr
}

// send sends a signal.
func send(pid int, signal syscall.Signal) error { return syscall.Kill(pid, signal) }

// reap says whether a child has ended, and how. With block it waits for that. It needs no goroutine, which a package that looks for leaks
// would find.
func reap(pid int, block bool) (bool, syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	options := syscall.WNOHANG
	if block {
		options = 0
	}
	for {
		got, err := syscall.Wait4(pid, &status, options, nil)
		if !errors.Is(err, syscall.EINTR) {
			return got != 0, status, err
		}
	}
}
