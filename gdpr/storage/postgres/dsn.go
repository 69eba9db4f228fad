package postgres

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
)

// errDSN does not repeat what could not be read: a password may stand in it.
var errDSN = errors.New("data source name: cannot be read; give a URL postgres://role:password@host/database?sslmode=verify-full, or key=value pairs")

var errPlaintext = errors.New("data source name: sslmode would let data travel unencrypted to another machine: use verify-full (or require), " +
	"or set Options.Plaintext where something else protects the wire")

const connectTimeout = 10 * time.Second

// config reads a data source name. Where it does not say, TLS is required of another machine and taken from this one.
func config(dsn string, opt *Options) (pq.Config, error) {
	if strings.TrimSpace(dsn) == "" {
		return pq.Config{}, errors.New("data source name: missing; give postgres://role:password@host/database?sslmode=verify-full")
	}
	cfg, err := pq.NewConfig(dsn)
	if err != nil {
		return pq.Config{}, errDSN
	}
	local := isLocal(cfg.Host, cfg.Hostaddr)
	for _, more := range cfg.Multi {
		local = local && isLocal(more.Host, more.Hostaddr)
	}
	switch {
	case local && !strings.Contains(dsn, "sslmode") && os.Getenv("PGSSLMODE") == "":
		cfg.SSLMode = pq.SSLModePrefer
	case local || opt.Plaintext:
	case cfg.SSLMode == pq.SSLModeDisable || cfg.SSLMode == pq.SSLModeAllow || cfg.SSLMode == pq.SSLModePrefer:
		return pq.Config{}, errPlaintext
	}
	cfg.BinaryParameters = true // bytes travel as they are, and an unprepared statement is one round trip
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout // the driver does not hear of a context while it connects
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "gallra"
	}
	return cfg, nil
}

// isLocal reports whether a host is this machine: a socket, or a loopback address. Where an address is given too, that is where data goes.
func isLocal(host string, addr netip.Addr) bool {
	if addr.IsValid() {
		return addr.IsLoopback()
	}
	if host == "" || host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
