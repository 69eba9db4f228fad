package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

const usage = `Usage: access-report WHO HOW [FLAGS]

WHO is one of these; - reads it from standard input, where no list of processes shows it:
  -email ADDRESS  -phone NUMBER  -number NATIONAL-NUMBER  -key KEY-OF-THE-APPLICATION
  -demo              an invented firm in memory, and one of its members

HOW it is sealed:
  -seal-to KEY       for a public key of age, age1...; may be given several times
  -passphrase-file FILE
                     for the passphrase on the first line of a file
  -plain             not at all

  -format LIST       of html, pdf, json, jsonl, csv; default html,json,csv. pdf needs Chromium
  -lang LIST         of sv, en; default both
  -out FILE          a new file; default access-report.zip.age, or .zip for a plain one,
                     with -demo in the folder out
  -actor NAME        the person who answers, with a role that may read everything
  -identified METHOD how it was made sure who asks: logged-in, known-address, electronic-id,
                     questions, seen-document or known. There is no report without
  -case NUMBER       of the request; default: a new one. A case that is there goes on
  -received DAY      on which it came, as 2026-03-05; default today
  -person ID         which one, where several share an address

The store, as for retention-cron, is in the environment:
  GALLRA_DSN       the data: a Postgres URL or key=value string, or sqlite:PATH
  GALLRA_KEYS_DSN  the keys, if they live apart
  GALLRA_KEK       the file of the key that wraps them
  GALLRA_REGISTER  the register, a YAML file
`

// settings are what a call says.
type settings struct {
	by    func(string) gdpr.Identity
	value string
	demo  bool

	sealTo         []string
	passphraseFile string
	plain          bool

	formats, langs []string
	out            string
	actor          gdpr.Actor
	identified     subjectrights.Method
	caseID         string
	received       time.Time
	person         gdpr.ID

	dsn, keysDSN, kek, register string
}

// parse reads a command line. Its errors do not repeat what was given.
func parse(args []string, env func(string) string) (settings, error) {
	s := settings{received: time.Now(), out: "access-report.zip"}
	f := flag.NewFlagSet("access-report", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	ways := 0
	for name, by := range map[string]func(string) gdpr.Identity{"email": gdpr.Email, "phone": gdpr.Phone, "number": gdpr.NationalNumber, "key": gdpr.Ref} {
		f.Func(name, "", func(v string) error {
			s.by, s.value = by, v
			ways++
			return nil
		})
	}
	f.BoolFunc("demo", "", func(string) error {
		s.demo, s.by, s.value, s.actor, s.caseID, s.identified = true, gdpr.Email, demoMember, demoOfficer, "2026-17", subjectrights.LoggedIn
		s.received = demoNow.AddDate(0, 0, -5)
		ways++
		return nil
	})
	f.Func("seal-to", "", func(v string) error {
		s.sealTo = append(s.sealTo, v)
		return nil
	})
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "")
	f.BoolVar(&s.plain, "plain", false, "")
	f.Func("format", "", func(v string) error { return list(&s.formats, v) })
	f.Func("lang", "", func(v string) error { return list(&s.langs, v) })
	out := f.String("out", "", "")
	f.Func("actor", "", func(v string) error {
		s.actor = gdpr.Person(v)
		return nil
	})
	f.StringVar(&s.caseID, "case", "", "")
	f.Func("identified", "", func(v string) error {
		s.identified = subjectrights.Method(v)
		return nil
	})
	f.Func("received", "", func(v string) (err error) {
		s.received, err = time.ParseInLocation(time.DateOnly, v, time.Local)
		return err
	})
	f.Func("person", "", func(v string) (err error) {
		s.person, err = gdpr.ParseID(v)
		return err
	})
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, errors.New(quoted.ReplaceAllString(err.Error(), ""))
	}
	s.dsn, s.keysDSN = strings.TrimSpace(env("GALLRA_DSN")), strings.TrimSpace(env("GALLRA_KEYS_DSN"))
	s.kek, s.register = strings.TrimSpace(env("GALLRA_KEK")), strings.TrimSpace(env("GALLRA_REGISTER"))
	if s.demo {
		s.out = filepath.Join("out", s.out) // where git does not look
	}
	if !s.plain {
		s.out += ".age"
	}
	if *out != "" {
		s.out = *out
	}
	return s, s.check(ways, f.NArg())
}

var quoted = regexp.MustCompile(`(?s)invalid (boolean )?value ".*" for |: .*`)

func list(to *[]string, v string) error {
	*to = append(*to, strings.Split(v, ",")...)
	return nil
}

// check refuses what cannot be meant, before anything is opened.
func (s settings) check(ways, rest int) error {
	switch {
	case rest > 0:
		return errors.New("it takes flags only")
	case ways != 1:
		return errors.New("say once whom to look for")
	case !s.plain && len(s.sealTo) == 0 && s.passphraseFile == "":
		return errors.New("say how to seal it: a report leaves the house sealed, unless -plain says otherwise")
	case s.demo:
		return nil
	case s.actor == gdpr.Actor{}:
		return errors.New("say who answers: -actor")
	case !s.identified.Valid():
		return errors.New("say how it was made sure who asks: -identified")
	}
	for _, must := range []struct{ value, name string }{{s.dsn, "GALLRA_DSN"}, {s.kek, "GALLRA_KEK"}, {s.register, "GALLRA_REGISTER"}} {
		if must.value == "" {
			return fmt.Errorf("%s is not set", must.name)
		}
	}
	return nil
}
