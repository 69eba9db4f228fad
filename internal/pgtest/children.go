package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// children returns the processes that a process has started and that have not ended.
func children(parent int) ([]int, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, p := range all {
		if p.parent == parent && p.state != 'Z' {
			pids = append(pids, p.pid)
		}
	}
	return pids, nil
}

// childrenAtRest are the children of a process that was told to pause, once it has: until then it may make one more.
func childrenAtRest(parent int) ([]int, error) {
	for {
		all, err := processes()
		if err != nil {
			return nil, err
		}
		running := false
		for _, p := range all {
			running = running || p.pid == parent && p.state != 'T' && p.state != 'Z'
		}
		if !running {
			return children(parent)
		}
		time.Sleep(time.Millisecond)
	}
}

// alive says whether any of these processes has not ended.
func alive(pids []int) (bool, error) {
	all, err := processes()
	if err != nil {
		return false, err
	}
	for _, p := range all {
		for _, pid := range pids {
			if p.pid == pid && p.state != 'Z' {
				return true, nil
			}
		}
	}
	return false, nil
}

type process struct {
	pid, parent int
	state       byte // T is paused, Z has ended and waits to be noticed
}

// processes lists the processes of the system: from /proc, or by ps where there is none.
func processes() ([]process, error) {
	if _, err := os.Stat("/proc/self/stat"); errors.Is(err, fs.ErrNotExist) {
		return ps()
	}
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		// 4711 (a name (of any kind)) S 1 ...
		pid, rest, _ := strings.Cut(string(text), " ")
		rest = rest[strings.LastIndexByte(rest, ')')+1:]
		var p process
		if _, err := fmt.Sscanf(pid+rest, "%d %c %d", &p.pid, &p.state, &p.parent); err != nil {
			return nil, fmt.Errorf("pgtest: %s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func ps() ([]process, error) {
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,state=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("pgtest: ps: %w", err)
	}
	var all []process
	for line := range strings.Lines(string(out)) {
		var p process
		var state string
		if _, err := fmt.Sscan(line, &p.pid, &state, &p.parent); err != nil {
			return nil, fmt.Errorf("pgtest: ps: %w", err)
		}
		p.state = state[0]
		all = append(all, p)
	}
	return all, nil
}
