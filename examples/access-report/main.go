// Access-report answers a request for access (GDPR Art. 15): it finds the person, makes the report of what is held as controller, and writes it as
// one sealed package.
//
//	go run ./examples/access-report -demo -plain          # an invented firm in memory: nothing to set up
//
//	access-report -email - -seal-to age1... < address     # a store that an application keeps; the address is on the first line
//
// The package is a ZIP file of pages and data, sealed by age for a key or a passphrase. Whoever has either opens it by the program age and then unzip, or by
// report.OpenPackage, which also checks who made it. Run it with -help for all flags.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
	"github.com/gallra/gallra/subjectrights/report/chromium"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks, a second one ends the process
	os.Exit(realMain(ctx, os.Args[1:], os.Stdin, os.Stderr))
}

// realMain tells how it goes on told; the package is the only result.
func realMain(ctx context.Context, args []string, in io.Reader, told io.Writer) int {
	set, err := parse(args, os.Getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(told, usage)
		return 0
	case err != nil:
		_, _ = fmt.Fprintf(told, "access-report: %v\n\n%s", err, usage)
		return 2
	}
	if err := answer(ctx, set, in, told); err != nil {
		_, _ = fmt.Fprintf(told, "access-report: %v\n", err)
		return 1
	}
	return 0
}

// answer finds, reports, packs.
func answer(ctx context.Context, set settings, in io.Reader, told io.Writer) (err error) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(told, format+"\n", args...) }
	who, err := set.identity(in)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(set.out); err == nil { // before anything is taken in
		return fmt.Errorf("%s is there already: give another name by -out", set.out)
	}
	h, err := openHouse(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if set.demo {
		if err := h.fill(ctx); err != nil {
			return err
		}
		say("This is %s, which is invented and holds its data in memory.", h.Register().Organization.Name)
	}
	say("Looking for the person ...")
	desk, c, r, err := h.report(ctx, set, who)
	var several *subjectrights.AmbiguousError
	if errors.As(err, &several) {
		return fmt.Errorf("%w: find out who asks, and name that one by -person: %v", err, several.Persons)
	}
	if err != nil {
		return err
	}
	say("Case %s: %d records.", r.Case(), r.Records())
	if err := r.Incomplete(); err != nil {
		say("Not all could be read, and the report says so: %v", err)
	}
	opt := report.PackageOptions{Formats: set.formats, Languages: set.langs, Recipients: set.sealTo, Plain: set.plain, Signer: h, PDF: chromium.Renderer{}}
	if set.passphraseFile != "" {
		if opt.Passphrase, err = firstLine(set.passphraseFile); err != nil {
			return fmt.Errorf("-passphrase-file: %w", err)
		}
	}
	m, err := write(ctx, set.out, r, opt, say)
	if err != nil {
		return err
	}
	digest, err := digestOf(set.out)
	if err != nil {
		return err
	}
	if err := desk.SealedCopy(ctx, set.actor, c, digest); err != nil {
		return err
	}
	key, err := h.CheckpointKey()
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		say("  %-16s %9d bytes", f.Name, f.Bytes)
	}
	say("The case waits for the answer, at the latest on %s.", desk.Due(c))
	say("Written to %s. It was signed by the store whose key is\n  %s", set.out, key)
	if set.plain {
		say("It is NOT sealed: whoever gets hold of it reads it.")
	}
	return nil
}

// report takes the request in, as one that came by letter from somebody who was identified, grants it, and makes the report. A case that is there already goes on.
func (h *house) report(ctx context.Context, set settings, who gdpr.Identity) (*subjectrights.Desk, *subjectrights.Case, *report.Report, error) {
	desk, err := subjectrights.New(h.Engine, &subjectrights.Options{Now: h.now})
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := desk.Receive(ctx, set.actor, subjectrights.Request{Rights: []subjectrights.Right{subjectrights.Access}, Channel: subjectrights.Letter,
		Received: set.received, Subject: who, Person: set.person, Case: set.caseID})
	if errors.Is(err, gdpr.ErrConflict) && set.caseID != "" {
		var several *subjectrights.AmbiguousError
		if !errors.As(err, &several) {
			c, err = desk.Case(ctx, set.actor, set.caseID)
		}
	}
	if err == nil && c.Identified() == nil {
		err = desk.Identify(ctx, set.actor, c, set.identified, subjectrights.Address{})
	}
	if err == nil && c.State() == subjectrights.Assessing {
		err = desk.Decide(ctx, set.actor, c, subjectrights.Decision{Right: subjectrights.Access, Grant: true})
	}
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := desk.Access(ctx, set.actor, c)
	return desk, c, r, err
}

// digestOf is the SHA-256 of a file: the case keeps it.
func digestOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return sum.Sum(nil), err
}

// write packs the report into a new file. Half a package is removed.
func write(ctx context.Context, path string, r *report.Report, opt report.PackageOptions, say func(string, ...any)) (m *report.Manifest, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	p := &progress{Writer: f, say: say, next: time.Now().Add(time.Second)}
	if m, err = report.Package(ctx, p, r, opt); err != nil {
		return nil, err
	}
	return m, f.Sync()
}

// progress says once a second how much is written.
type progress struct {
	io.Writer
	say  func(string, ...any)
	n    int64
	next time.Time
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if p.n += int64(n); time.Now().After(p.next) {
		p.say("... %d KiB", p.n>>10)
		p.next = time.Now().Add(time.Second)
	}
	return n, err
}

// identity is the person that the flags name.
func (s settings) identity(in io.Reader) (gdpr.Identity, error) {
	value := s.value
	if value == "-" {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if value = strings.TrimSpace(line); value == "" {
			return gdpr.Identity{}, errors.Join(errors.New("nothing on standard input: whom to look for"), err)
		}
	}
	return s.by(value), nil
}

func firstLine(path string) (string, error) {
	text, err := os.ReadFile(path)
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), err
}
