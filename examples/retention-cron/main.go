// Retention-cron is the program that an operator runs every night, from cron, a systemd timer or a Kubernetes CronJob: it erases what has come
// due, and says on one line what it did.
//
//	retention-cron plan            what a run would erase now
//	retention-cron run             erase it
//	retention-cron explain ID      why a record is still there, and until when
//	retention-cron overdue         what should be gone and is not
//	retention-cron replay          after a restore: erase again what came back
//	retention-cron health          the state of the store, and when it was last swept
//
// It works on a store that an application has set up, and never sets one up itself: a typing error in an address must not end in a new,
// empty store that is swept every night. README.md says how to run it, and what to raise an alarm on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes. What a command found is on its line of counts; the code says whether it could do its work.
const (
	exitDone   = 0 // also when another process is sweeping
	exitError  = 1
	exitMisuse = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks, a second one ends the process
	os.Exit(realMain(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// realMain writes results to out, the line of counts last, and what goes wrong to problems.
func realMain(ctx context.Context, args []string, out, problems io.Writer) int {
	set, err := parse(args, os.Getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(out, usage)
		return exitDone
	case err != nil:
		_, _ = fmt.Fprintf(problems, "retention-cron: %v\n\n%s", err, usage)
		return exitMisuse
	}
	j := &job{set: set, out: out, problems: problems}
	j.line.add("command", set.command)
	err = j.work(ctx)
	if err := j.line.end(out, outcome(err)); err != nil {
		_, _ = fmt.Fprintf(problems, "retention-cron: %v\n", err)
		return exitError
	}
	if err != nil && !errors.Is(err, errLeased) {
		_, _ = fmt.Fprintf(problems, "retention-cron %s: %v\n", set.command, err)
		return exitError
	}
	return exitDone
}

// job is one call of the program.
type job struct {
	*house
	set      settings
	out      io.Writer
	problems io.Writer
	line     line
}

// work opens the house, does what the command says, and closes it again.
func (j *job) work(ctx context.Context) (err error) {
	if j.house, err = openHouse(ctx, j.set); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.house.close()) }()
	switch j.set.command {
	case "plan":
		return j.plan(ctx)
	case "run":
		return j.run(ctx)
	case "explain":
		return j.explain(ctx)
	case "overdue":
		return j.overdue(ctx)
	case "replay":
		return j.replay(ctx)
	default:
		return j.health(ctx)
	}
}
