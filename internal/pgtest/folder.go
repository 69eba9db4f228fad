package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A folder is a temporary folder with at most one running process of ours. Neither outlives this process, however it ends: a watcher, a shell
// that does nothing but read from a pipe, comes to the end of the pipe when we are gone, ends the process and removes the folder.
// (PR_SET_PDEATHSIG would not do: it tells of the death of a thread, and Go's threads come and go.)
type folder struct {
	path    string
	as      *account // of the process; nil for our own
	log     *os.File // what processes print
	watcher int      // its process id
	pipe    *os.File // to the watcher; nobody else has it
}

// The watcher is told the id of each process before that does anything, and gets an empty line when it has ended. It waits for the end of the
// one that it stops, until that is a zombie at least, which nobody but the first process of the system can change.
const watcher = `
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -s "$2" "$pid"
  n=0
  while kill -0 "$pid" && ! grep -q ') Z' "/proc/$pid/stat" && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
  kill -s KILL "$pid"
fi
n=0
until rm -rf "$1" || [ $n -ge 20 ]; do sleep 0.1; n=$((n+1)); done
`

// A process begins when it has read a line: the watcher knows it by then. If we die before, it ends there.
const gate = `ulimit -c 0; read -r _ && exec "$@" < /dev/null`

// pipes holds on to the pipes to all watchers. A file that nobody has is closed, and somebody may keep no more of a cluster than its address.
var pipes sync.Map

// newFolder makes a folder under dir, for processes that the named signal ends at once.
func newFolder(dir, signal string) (_ *folder, err error) {
	if !supported {
		return nil, fmt.Errorf("a server of our own is %w: this is not Unix", ErrMissing)
	}
	as, err := servant()
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(dir, "gallra-pg-") // for its owner alone
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, as: as}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.remove())
		}
	}()
	if f.path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err = f.own(f.path); err != nil {
		return nil, err
	}
	if f.log, err = os.OpenFile(filepath.Join(f.path, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	f.watcher, f.pipe, err = f.spawn(nil, "sh", "-c", watcher, "sh", f.path, signal)
	if err != nil {
		return nil, err
	}
	pipes.Store(f.pipe, nil)
	return f, nil
}

type account struct{ uid, gid int }

// servant returns the user as whom to run what refuses root: postgres, if there is one. It returns nil when we are not root.
func servant() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("servers refuse to run as root, and there is no other user: %w", err)
	}
	var a account
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, err
	}
	a.gid, err = strconv.Atoi(u.Gid)
	return &a, err
}

// own gives a file to the user of the processes.
func (f *folder) own(path string) error {
	if f.as == nil {
		return nil
	}
	return os.Chown(path, f.as.uid, f.as.gid)
}

// spawn starts a program in the folder, as another user if one is given, and returns the pipe to its input.
func (f *folder) spawn(as *account, name string, args ...string) (pid int, input *os.File, err error) {
	reads, writes, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // the programs are ours to choose
	cmd.Dir = f.path
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.path, "LC_ALL=C"} // and nothing of PGHOST, PGOPTIONS, ~/.pgpass
	cmd.Stdin, cmd.Stdout, cmd.Stderr = reads, f.log, f.log                       // go test waits for whoever has its own output
	cmd.SysProcAttr = attributes(as)
	err = cmd.Start()
	_ = reads.Close()
	if err != nil {
		_ = writes.Close()
		return 0, nil, err
	}
	pid = cmd.Process.Pid
	return pid, writes, cmd.Process.Release() // reap waits for it
}

// start starts a program in the folder and returns its process id.
func (f *folder) start(name string, args ...string) (int, error) {
	pid, input, err := f.spawn(f.as, "sh", append([]string{"-c", gate, "sh", name}, args...)...)
	if f.as != nil && errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; may user %d enter every folder of %s?", err, f.as.uid, f.path)
	}
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(f.pipe, pid)
	if err == nil {
		_, err = fmt.Fprintln(input)
	}
	return pid, errors.Join(err, input.Close())
}

// ended says whether a process of start has ended, and in which error. After a yes it must not be asked again.
func (f *folder) ended(pid int) (bool, error) {
	done, status, err := reap(pid, false)
	if !done {
		return false, nil
	}
	_, told := fmt.Fprintln(f.pipe)
	switch {
	case err == nil && status.Signaled():
		err = fmt.Errorf("ended by signal: %v", status.Signal())
	case err == nil && status.ExitStatus() != 0:
		err = fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return true, errors.Join(err, told)
}

// wait waits until a process of start has ended. If the context is done before, the process is killed.
func (f *folder) wait(ctx context.Context, pid int) error {
	for {
		if done, err := f.ended(pid); done {
			return errors.Join(err, ctx.Err())
		}
		if doze(ctx) != nil {
			_ = send(pid, syscall.SIGKILL)
			time.Sleep(time.Millisecond)
		}
	}
}

// run runs a program to its end. The error of one that fails has what it printed.
func (f *folder) run(ctx context.Context, name string, args ...string) error {
	before := f.printed()
	pid, err := f.start(name, args...)
	if err != nil {
		return err
	}
	if err := f.wait(ctx, pid); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, f.since(before))
	}
	return nil
}

// serve starts a server and returns its process id when it answers. If it has ended, for want of its port or of the memory that the one before it
// has not given back yet, again is true.
func (f *folder) serve(ctx context.Context, answers func() bool, name string, args ...string) (pid int, again bool, err error) {
	before := f.printed()
	if pid, err = f.start(name, args...); err != nil {
		return 0, false, err
	}
	for {
		if ended, err := f.ended(pid); ended {
			text := f.since(before)
			again = bytes.Contains(text, []byte("Address already in use")) || bytes.Contains(text, []byte("pre-existing shared memory block"))
			return 0, again, fmt.Errorf("the server ended: %w: %s", err, text)
		}
		if answers() {
			return pid, false, nil
		}
		if err := doze(ctx); err != nil {
			_ = send(pid, quit)
			patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
			defer cancel()
			_ = f.wait(patience, pid)
			return 0, false, fmt.Errorf("%w: %s", err, f.since(before))
		}
	}
}

// printed returns how much the processes have printed up to now, for since.
func (f *folder) printed() int64 {
	n, _ := f.log.Seek(0, io.SeekEnd) // of a file it does not fail
	return n
}

// since returns what was printed after an earlier moment, or the end of it if it is much.
func (f *folder) since(before int64) []byte {
	const enough = 4096
	text, err := io.ReadAll(io.NewSectionReader(f.log, max(before, f.printed()-enough), enough))
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text)
}

// remove removes the folder, in which nothing runs any more, and ends the watcher.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	if f.log != nil {
		err = errors.Join(err, f.log.Close())
	}
	if f.pipe != nil {
		pipes.Delete(f.pipe)
		err = errors.Join(err, f.pipe.Close())
		_, _, waited := reap(f.watcher, true)
		err = errors.Join(err, waited)
	}
	return err
}

// doze waits for a moment, before something is looked at again.
func doze(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(5 * time.Millisecond):
		return nil
	}
}
