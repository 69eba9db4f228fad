// Existing-app is a small HTTP service that had its tickets in Postgres before it had Gallra. Its own table keeps what is not personal, and the
// library the rest, in the same transactions: README.md says what to copy.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks, a second one ends the process
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var set settings
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve at")
	flag.StringVar(&set.register, "register", "register.yaml", "the register")
	flag.StringVar(&set.kek, "kek", "dev.kek", "the file of the key that wraps all others; made if it is not there")
	flag.StringVar(&set.owner, "owner", "", "who grants the first roles, at the first start")
	flag.Parse()
	set.dsn, set.log = os.Getenv("APP_DSN"), log // a flag stands in the list of processes, where everybody reads it
	if err := realMain(ctx, set, *listen); err != nil {
		log.Error("existing-app", "error", err)
		os.Exit(1)
	}
}

func realMain(ctx context.Context, set settings, listen string) (err error) {
	a, err := openApp(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	set.log.InfoContext(ctx, "serving", "address", l.Addr().String())
	return serve(ctx, l, a.routes())
}

// patience is how long requests under way may take to end.
const patience = 20 * time.Second

// serve answers requests until ctx ends, and then those under way.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return server.Shutdown(last)
}
