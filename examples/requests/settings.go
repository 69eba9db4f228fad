package main

import (
	"errors"
	"flag"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
)

// settings are what a call says.
type settings struct {
	demo          bool
	dir, register string
	command       string
	number        string // of the case
	as            gdpr.Actor
	json          bool
	days          int

	rights         []subjectrights.Right
	channel, lang  string
	received, told string
	who            map[string]string // identifiers, by flag
	reply, name    string
	how, to        string
	ground         string
	reasons        string
	decisions      []subjectrights.Decision
	sealTo, file   string
	record         string
	fields         gdpr.Fields
}

var rightsByName = map[string]subjectrights.Right{
	"access": subjectrights.Access, "rectification": subjectrights.Rectification, "erasure": subjectrights.Erasure, "restriction": subjectrights.Restriction,
	"portability": subjectrights.Portability, "objection": subjectrights.Objection, "automated-decisions": subjectrights.AutomatedDecisions,
	"consent-withdrawal": subjectrights.ConsentWithdrawal,
}

func nameOf(r subjectrights.Right) string {
	for name, is := range rightsByName {
		if is == r {
			return name
		}
	}
	return string(r)
}

// numbered are the commands about one case.
var numbered = []string{"show", "identify", "extend", "decide", "execute", "answer", "close"}

var quoted = regexp.MustCompile(`(?s)invalid (boolean )?value ".*" for |: .*=.*|: -.*`) // what package flag repeats of a command line

// parse reads a command line: flags before the command, and those of the command after it. Its errors do not repeat values.
func (p *program) parse(args []string) (*settings, error) {
	s := &settings{who: map[string]string{}, fields: gdpr.Fields{}}
	general := flag.NewFlagSet("requests", flag.ContinueOnError)
	s.common(general)
	general.BoolVar(&s.demo, "demo", false, "")
	if err := parseFlags(general, args); err != nil {
		return nil, err
	}
	rest := general.Args()
	if s.demo && len(rest) == 0 {
		return s, nil
	}
	if s.demo || len(rest) == 0 {
		return nil, misuse("a command is missing, or one stands beside -demo")
	}
	if s.command = rest[0]; commands[s.command] == nil {
		return nil, misuse("the first argument is not a command")
	}
	f := flag.NewFlagSet(s.command, flag.ContinueOnError)
	s.common(f)
	s.flags(f)
	if err := parseFlags(f, rest[1:]); err != nil {
		return nil, err
	}
	rest = f.Args()
	if slices.Contains(numbered, s.command) {
		if len(rest) != 1 {
			return nil, misuse("%s takes the number of one request, after its flags", s.command)
		}
		s.number = rest[0]
	} else if len(rest) > 0 {
		return nil, misuse("%s takes flags only", s.command)
	}
	if s.as == (gdpr.Actor{}) {
		if err := s.readActor(p.env("GALLRA_ACTOR")); err != nil {
			return nil, misuse("nothing says who acts: give -as or set GALLRA_ACTOR")
		}
	}
	return s, p.readLines(s)
}

func parseFlags(f *flag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return misuse("%s", quoted.ReplaceAllString(err.Error(), ""))
	}
	return err
}

func (s *settings) common(f *flag.FlagSet) {
	if s.dir == "" {
		s.dir = defaultDir
	}
	f.StringVar(&s.dir, "dir", s.dir, "")
	f.StringVar(&s.register, "register", s.register, "")
	f.Func("as", "", s.readActor)
}

// flags are those of the command.
func (s *settings) flags(f *flag.FlagSet) {
	switch s.command {
	case "open":
		f.Func("right", "", s.readRights)
		f.StringVar(&s.channel, "channel", "", "")
		f.StringVar(&s.received, "received", "", "")
		for _, name := range []string{"email", "phone", "national-number", "ref"} {
			f.Func(name, "", func(v string) error { s.who[name] = v; return nil })
		}
		f.StringVar(&s.reply, "reply", "", "")
		f.StringVar(&s.name, "name", "", "")
		f.StringVar(&s.lang, "lang", "", "")
	case "list", "show":
		f.BoolVar(&s.json, "json", false, "")
	case "overdue":
		f.BoolVar(&s.json, "json", false, "")
		f.IntVar(&s.days, "days", 7, "")
	case "identify":
		f.StringVar(&s.how, "how", "", "")
		f.StringVar(&s.to, "to", "", "")
		f.StringVar(&s.name, "name", "", "")
	case "extend":
		f.StringVar(&s.ground, "ground", "", "")
		f.StringVar(&s.reasons, "reasons", "", "")
		f.StringVar(&s.told, "told", "", "")
	case "decide":
		f.Func("grant", "", func(v string) error { return s.readDecision(v, true) })
		f.Func("refuse", "", func(v string) error { return s.readDecision(v, false) })
		f.StringVar(&s.reasons, "reasons", "", "")
	case "execute":
		f.StringVar(&s.sealTo, "seal-to", "", "")
		f.StringVar(&s.file, "passphrase-file", "", "")
		f.StringVar(&s.record, "record", "", "")
		f.Func("set", "", s.readField)
	case "answer":
		f.StringVar(&s.told, "told", "", "")
	}
}

// readLines reads from the input what the command line gives as "-".
func (p *program) readLines(s *settings) error {
	values := []*string{&s.reply, &s.to, &s.name}
	for _, name := range []string{"email", "phone", "national-number", "ref"} {
		if s.who[name] == "-" {
			line, err := p.line()
			if err != nil {
				return err
			}
			s.who[name] = line
		}
	}
	for _, v := range values {
		if *v == "-" {
			line, err := p.line()
			if err != nil {
				return err
			}
			*v = line
		}
	}
	return nil
}

func (p *program) line() (string, error) {
	line, err := p.in.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" || err != nil && !errors.Is(err, io.EOF) {
		return "", misuse("a line of the input is missing")
	}
	return line, nil
}

func (s *settings) readActor(text string) error {
	kind, name, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case strings.TrimSpace(name) == "":
	case kind == "person":
		s.as = gdpr.Person(name)
		return nil
	case kind == "job":
		s.as = gdpr.Job(name)
		return nil
	}
	return errors.New(`want "person NAME" or "job NAME"`)
}

func (s *settings) readRights(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		r, ok := rightsByName[strings.TrimSpace(name)]
		if !ok {
			return errors.New("not one of the rights")
		}
		s.rights = append(s.rights, r)
	}
	return nil
}

func (s *settings) readDecision(text string, grant bool) error {
	name, ground, _ := strings.Cut(text, "=")
	r, ok := rightsByName[name]
	if !ok {
		return errors.New("not one of the rights")
	}
	s.decisions = append(s.decisions, subjectrights.Decision{Right: r, Grant: grant, Ground: ground})
	return nil
}

func (s *settings) readField(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("want FIELD and VALUE")
	}
	s.fields[name] = value
	return nil
}

// instant reads a day, which is its noon in the firm's zone, or an instant; "" is the zero time.
func instant(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := civil.ParseDate(text); err == nil {
		return day.Start(zone).Add(12 * time.Hour), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, misuse("a time is neither a day like 2026-03-05 nor an instant as in RFC 3339")
	}
	return at, nil
}
