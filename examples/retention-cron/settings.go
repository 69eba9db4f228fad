package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
)

const usage = `Usage: retention-cron COMMAND [FLAGS]

  plan             show what a run would erase now
    -out FILE        and keep it for run -plan
  run              erase what has come due
    -dry-run         only show it
    -plan FILE       exactly what this plan shows, or nothing
    -as ACTOR        who runs it, with a role that may erase; default: the sweep itself
    -batch N         parts in one batch; default 1000
    -max-time TIME   stop after this long, such as 90m; the next run goes on
  explain [-as ACTOR] ID
                   say why a record is still there, and until when
    -as ACTOR        who asks, with a role that may read; default: job retention-cron
  overdue          count what should be gone and is not
    -as ACTOR        who asks, with a role that may read everything; default: job retention-cron
  replay           after a restore: erase again what came back, and open the store
    -as ACTOR        who does it, with a role that may erase everything; default: job retention-cron
  health           show the state of the store, and when it was last swept
    -silence TIME    how old the last sweep may be; default 36h

ACTOR is "person NAME" or "job NAME".

What every command needs is in the environment, or in a flag of the same name:

  GALLRA_DSN       -dsn       the data: a Postgres URL or key=value string, or sqlite:PATH
  GALLRA_KEYS_DSN  -keys-dsn  the keys, if they live apart
  GALLRA_KEK       -kek       the file of the key that wraps them
  GALLRA_LEDGER    -ledger    the ledger of erasures; default: beside the KEK
  GALLRA_REGISTER  -register  the register, a YAML file

A flag stands in the list of processes, where everybody reads it: a DSN with a password belongs in the environment.

Exit codes: 0 done, also when another process is sweeping; 1 error; 2 wrong usage.
`

// settings are what a call says, by its command line and its environment.
type settings struct {
	command string
	record  gdpr.ID // of explain

	dsn, keysDSN, kek, ledger, register string

	as       gdpr.Actor
	planFile string
	dryRun   bool
	batch    int
	maxTime  time.Duration
	silence  time.Duration
}

var commands = []string{"plan", "run", "explain", "overdue", "replay", "health"}

// parse reads a command line. Its errors do not repeat what was given: it may be a DSN that stands in the wrong place.
func parse(args []string, env func(string) string) (settings, error) {
	if len(args) == 0 {
		return settings{}, errors.New("a command is missing")
	}
	s := settings{command: args[0]}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, s.command) {
		return s, flag.ErrHelp
	}
	if !slices.Contains(commands, s.command) {
		return s, errors.New("the first argument is not a command")
	}
	flags := s.flags()
	if err := flags.Parse(args[1:]); err != nil {
		return s, wrongFlag(err)
	}
	for name, value := range map[string]*string{"GALLRA_DSN": &s.dsn, "GALLRA_KEYS_DSN": &s.keysDSN, "GALLRA_KEK": &s.kek,
		"GALLRA_LEDGER": &s.ledger, "GALLRA_REGISTER": &s.register} {
		if *value == "" {
			*value = strings.TrimSpace(env(name)) // a secret that was written into a file often ends in a new line
		}
	}
	return s, s.check(flags.Args())
}

// flags are those of the command. Their defaults are not what the environment says: package flag would print them.
func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet(s.command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.dsn, "dsn", "", "")
	f.StringVar(&s.keysDSN, "keys-dsn", "", "")
	f.StringVar(&s.kek, "kek", "", "")
	f.StringVar(&s.ledger, "ledger", "", "")
	f.StringVar(&s.register, "register", "", "")
	switch s.command {
	case "plan":
		f.StringVar(&s.planFile, "out", "", "")
	case "run":
		f.BoolVar(&s.dryRun, "dry-run", false, "")
		f.StringVar(&s.planFile, "plan", "", "")
		f.Func("as", "", s.readActor)
		f.IntVar(&s.batch, "batch", 1000, "")
		f.DurationVar(&s.maxTime, "max-time", 0, "")
	case "explain", "overdue", "replay":
		s.as = gdpr.Job("retention-cron")
		f.Func("as", "", s.readActor)
	case "health":
		f.DurationVar(&s.silence, "silence", 36*time.Hour, "")
	}
	return f
}

var quoted = regexp.MustCompile(`(?s)invalid (boolean )?value ".*" for |: .*=.*`)

// wrongFlag is what package flag says, without the value that it quotes.
func wrongFlag(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errors.New(quoted.ReplaceAllString(err.Error(), ""))
}

// check refuses what cannot be meant, before anything is opened.
func (s *settings) check(rest []string) error {
	if s.command == "explain" {
		if len(rest) != 1 {
			return errors.New("explain takes the id of one record, after its flags")
		}
		var err error
		if s.record, err = gdpr.ParseID(rest[0]); err != nil {
			return errors.New("explain: not the id of a record")
		}
	} else if len(rest) > 0 {
		return fmt.Errorf("%s takes flags only", s.command)
	}
	for _, must := range []struct{ value, what string }{
		{s.dsn, "the data: set GALLRA_DSN"},
		{s.kek, "the KEK: set GALLRA_KEK"},
		{s.register, "the register: set GALLRA_REGISTER"},
	} {
		if must.value == "" {
			return fmt.Errorf("nothing says where to find %s", must.what)
		}
	}
	if s.command == "run" && s.batch < 1 {
		return errors.New("-batch: must be over 0")
	}
	if s.maxTime < 0 || s.silence < 0 {
		return errors.New("a time must not be negative")
	}
	return nil
}

// readActor reads an actor as the trail writes it.
func (s *settings) readActor(text string) error {
	kind, name, _ := strings.Cut(text, " ")
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New(`want "person NAME" or "job NAME"`)
	case kind == "person":
		s.as = gdpr.Person(name)
	case kind == "job":
		s.as = gdpr.Job(name)
	default:
		return errors.New(`want "person NAME" or "job NAME"`)
	}
	return nil
}
