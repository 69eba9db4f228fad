#!/usr/bin/env bash
# Looks for what the tests need. As root on Debian or Ubuntu it installs what is missing; elsewhere it prints the one command that does, and
# fails. When everything is there it says nothing and touches nothing.
set -euo pipefail

missing=()

# need COMMAND PACKAGE: the Debian package that brings a command.
need() {
  command -v "$1" > /dev/null || missing+=("$2")
}

need cc gcc # for the race detector
[ -e /usr/include/stdlib.h ] || command -v xcrun > /dev/null || missing+=(libc6-dev)
need git git

# Later components stand here, each in one line; a component that is more than a package gets a function of its own.
# Postgres: unless GALLRA_TEST_POSTGRES names a server, `pg_config --bindir` must hold initdb. Debian: postgresql.

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
  elif command -v apt-get > /dev/null; then
    echo "missing; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  else
    echo "missing; install what your system calls: ${missing[*]}" >&2
    exit 1
  fi
fi

# Go itself is not taken from the distribution, whose version is most often too old.
want=$(awk '$1 == "go" { print $2 }' "$(dirname "$0")/../../go.mod")
if ! command -v go > /dev/null; then
  echo "missing; install Go $want or newer from https://go.dev/dl/" >&2
  exit 1
fi
have=$(go env GOVERSION)
have=${have#go}
if [ "$(printf '%s\n' "$want" "${have%%[ -]*}" | sort -V | head -1)" != "$want" ]; then
  echo "Go $have is too old; install Go $want or newer from https://go.dev/dl/" >&2
  exit 1
fi
