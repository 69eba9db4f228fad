package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// watch measures a piece of work: the time, and the processor time of this process and of Postgres with all its servants.
type watch struct {
	pg    *server
	began time.Time
	cpu   time.Duration
}

// watch begins to measure.
func (p plan) watch() watch {
	w := watch{pg: p.pg, cpu: p.pg.cpu()}
	w.began = time.Now()
	return w
}

func (w watch) stop() spent {
	wall := time.Since(w.began)
	return spent{wall, w.pg.cpu() - w.cpu}
}

// cpu is the processor time so far, as Linux counts it; elsewhere 0.
func (s *server) cpu() time.Duration {
	own, _, err := used("self")
	if err != nil || s.pid == "" {
		return own
	}
	main, ended, err := used(s.pid)
	if err != nil {
		return 0
	}
	own += main + ended
	children, err := os.ReadFile("/proc/" + s.pid + "/task/" + s.pid + "/children")
	if err != nil {
		return 0
	}
	for _, pid := range strings.Fields(string(children)) {
		of, _, _ := used(pid) // one that has ended since is counted with its parent
		own += of
	}
	return own
}

// used is the processor time of a process, and of its children that have ended.
func used(pid string) (own, ended time.Duration, err error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// 4711 (a name (of any kind)) S 1 ...: the 14th to 17th field, in hundredths of a second
	var user, system, childUser, childSystem int64
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(f) < 15 {
		return 0, 0, fmt.Errorf("/proc/%s/stat: too short", pid)
	}
	if _, err := fmt.Sscan(string(bytes.Join(f[11:15], []byte(" "))), &user, &system, &childUser, &childSystem); err != nil {
		return 0, 0, err
	}
	return time.Duration(user+system) * tick, time.Duration(childUser+childSystem) * tick, nil
}

const tick = 10 * time.Millisecond
