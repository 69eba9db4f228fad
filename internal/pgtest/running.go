package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Restart starts the server on its old port and returns when it takes connections. One that runs is shut down first.
func (c *Cluster) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errors.New("pgtest: the cluster was stopped")
	}
	if err := c.shutdown(ctx); err != nil {
		return err
	}
	for {
		again, err := c.start(ctx)
		if err == nil {
			return nil
		}
		if !again || doze(ctx) != nil {
			return fmt.Errorf("pgtest: start: %w", err)
		}
	}
}

// start starts the server. If it could not have its port, or the memory of the server before it, again is true.
func (c *Cluster) start(ctx context.Context) (again bool, err error) {
	port := c.port
	if port == 0 {
		if port, err = freePort(ctx); err != nil {
			return false, err
		}
	}
	pid, again, err := c.folder.serve(ctx, func() bool { return serves(ctx, port, c.data) },
		c.Bin("postgres"), "-D", c.data, "-p", strconv.Itoa(port), "-k", c.Socket())
	if err != nil {
		return again, err
	}
	c.pid, c.port, c.killed = pid, port, false
	return false, nil
}

// serves says whether the server behind a port answers, and is the one with this data directory: somebody else may have taken the port first.
func serves(ctx context.Context, port int, data string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := query(ctx, address(port, "postgres"), "SHOW data_directory")
	return err == nil && got == data
}

// freePort returns a port that nobody uses. It lies below those that systems give out by themselves, so that it most likely stays free
// while a killed server waits for its restart.
func freePort(ctx context.Context) (int, error) {
	for {
		port := 12000 + rand.IntN(20000) //nolint:gosec // a port is no secret
		l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return port, l.Close()
		}
		if err := doze(ctx); err != nil {
			return 0, err
		}
	}
}

// Shutdown stops the server in good order, ending its sessions. Its files stay, and Restart starts it again.
func (c *Cluster) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shutdown(ctx)
}

func (c *Cluster) shutdown(ctx context.Context) error {
	if c.pid == 0 {
		return nil
	}
	err := send(c.pid, syscall.SIGINT)
	err = errors.Join(err, c.folder.wait(ctx, c.pid))
	c.pid = 0
	if err != nil {
		return fmt.Errorf("pgtest: shut down: %w", err)
	}
	return nil
}

// Kill kills all processes of the server by SIGKILL and returns when they are gone. What they had handed to the operating system is not lost,
// whether on the disk or not: this is the crash of a program, not of a machine.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		return nil
	}
	// Paused, it makes no new children while we look for those it has. They would not notice its death while they are busy, and as long as
	// one of them is left the server does not start again.
	if err := send(c.pid, pause); err != nil {
		return fmt.Errorf("pgtest: kill: %w", err)
	}
	pids, err := childrenAtRest(c.pid)
	if err != nil {
		return errors.Join(err, send(c.pid, resume))
	}
	for _, pid := range append(pids, c.pid) {
		_ = send(pid, syscall.SIGKILL) // it may have ended by itself
	}
	for done := false; !done; time.Sleep(time.Millisecond) {
		done, _ = c.folder.ended(c.pid) // by signal, that is sure
	}
	c.pid, c.killed = 0, true
	for {
		left, err := alive(pids)
		if err != nil || !left {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// Stop stops the server and its replicas, and removes all files of theirs. To stop again does nothing.
func (c *Cluster) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	var errs []error
	for _, r := range c.replicas {
		errs = append(errs, r.Stop())
	}
	errs = append(errs, c.shutdown(ctx))
	if c.killed {
		errs = append(errs, c.freeMemory(ctx))
	}
	return errors.Join(append(errs, c.folder.remove())...)
}

// freeMemory gives back the System V segment of a killed server. It has a few bytes only, but a system has a few thousand segments only, and
// the next start, which would do this, is not to come.
func (c *Cluster) freeMemory(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return nil // killed before it had any
	}
	segment := strings.Fields(lines[6]) // its key and its id
	if len(segment) != 2 {
		return nil
	}
	return c.folder.run(ctx, "ipcrm", "-m", segment[1])
}
