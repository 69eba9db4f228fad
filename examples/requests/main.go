// Requests handles the requests of data subjects on a SQLite file, from receipt to the answer: what a data protection officer does, as a command line.
//
//	go run ./examples/requests -demo
//
// fills a store under out/requests and shows a few days' work on it; each other command then goes on there. -help lists them. Whoever puts it into production
// takes the KEK from a key service and the store from a server, and keeps the commands.
//
// What stands in a command line is seen by everybody on the machine: give "-" for an identifier or an address, and it is read from the input, a line each.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `Usage: requests [-dir DIR] COMMAND [FLAGS] [NUMBER]
       requests -demo

  open      take a request in
    -right RIGHT,...     access, rectification, erasure, restriction, portability, objection, automated-decisions, consent-withdrawal
    -channel CHANNEL     email, letter, form, phone, in-person
    -received TIME       when it arrived: a day, or an instant as in RFC 3339; default: now
    -email, -phone, -national-number, -ref   who asks; one or several
    -reply ADDRESS       where notices go; default: -email
    -name NAME           of the person, for letters
    -lang sv|en
  list      open requests, what burns first comes first       [-json]
  show      one request, and what can be done next            [-json]
  identify  it is established who asks
    -how METHOD          logged-in, known-address, electronic-id, questions, seen-document, known
    -to ADDRESS          where the answer goes
  extend    three months instead of one, with a notice to the person
    -ground GROUND       complexity, number
    -reasons TEXT
    -told TIME           the person was told by other means
  decide    a person's decision on every right that was asked for
    -grant RIGHT[=GROUND]  such as erasure=A17-1-a; once for each
    -refuse RIGHT=GROUND   such as erasure=A17-3-e
    -reasons TEXT          for what is refused; the person is told
  execute   carry out what was granted
    -seal-to KEY         the person's key, age1...; or
    -passphrase-file F   a passphrase that the person is told by another way: the copy is sealed with it
    -record ID -set FIELD=VALUE   what to rectify
  answer    answer the person: by a notice, with the sealed copy
    -told TIME           by other means
  close     everything is done and told
  deliver   write the notices that wait as mail drafts into DIR/drafts
  overdue   what is late, or due within -days 7; for the morning's mail: nothing to say, no mail   [-json]

For every command:
  -dir DIR         the store; default out/requests
  -register FILE   default: that of an invented firm
  -as ACTOR        "person NAME" or "job NAME"; default: GALLRA_ACTOR. list, overdue and deliver may be a job's

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
`

const defaultDir = "out/requests"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{in: bufio.NewReader(os.Stdin), out: os.Stdout, now: time.Now, env: os.Getenv}
	err := p.run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(os.Stdout, usage)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "requests:", err)
		if errors.Is(err, errUsage) {
			fmt.Fprintln(os.Stderr, "requests -help shows what there is")
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// program is one call of the program.
type program struct {
	in  *bufio.Reader
	out io.Writer
	now func() time.Time
	env func(string) string
	err error // of writing
}

func (p *program) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); err != nil {
		p.err = errors.Join(p.err, errors.New("the output cannot be written"))
	}
}

var errUsage = errors.New("wrong usage")

func misuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// commands do one thing each.
var commands = map[string]func(context.Context, *house, *settings) error{
	"open": open, "list": list, "show": show, "identify": identify, "extend": extend, "decide": decide, "execute": execute,
	"answer": answer, "close": closeCase, "deliver": deliver, "overdue": overdue,
}

func (p *program) run(ctx context.Context, args []string) (err error) {
	set, err := p.parse(args)
	if err != nil {
		return err
	}
	if set.demo {
		return errors.Join(p.demo(ctx, set), p.err)
	}
	h, err := openHouse(ctx, p, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(), p.err) }()
	return commands[set.command](ctx, h, set)
}
