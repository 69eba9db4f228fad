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

# Each component stands here in one line; one that is more than a package gets a function of its own.
# Postgres, from whose programs tests make their own clusters, and PgBouncer; neither if the tests are to use a server that is there.
postgres() {
  local initdb
  for initdb in "$(pg_config --bindir 2> /dev/null)/initdb" /usr/lib/postgresql/*/bin/initdb "$(command -v initdb)"; do
    [ ! -x "$initdb" ] || return 0
  done
  missing+=(postgresql)
}
if [ -z "${GALLRA_TEST_POSTGRES:-}" ]; then
  postgres
  [ -x /usr/sbin/pgbouncer ] || need pgbouncer pgbouncer
fi

# A browser that shows the access report and prints it, a font with å, ä and ö for both, and what reads the PDF.
chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    ! command -v $name > /dev/null || return 0
  done
  missing+=(chromium)
}
chromium
[ -n "$(fc-list :lang=sv 2> /dev/null)" ] || missing+=(fontconfig fonts-dejavu-core)
need pdftotext poppler-utils

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null; }

# keep_still: what is installed starts no server, now or later, and Postgres makes no cluster for the system.
keep_still() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap "rm $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod +x $policy
  fi
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    apt_install postgresql-common
    sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  fi
}

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing ${missing[*]}"
    apt-get update -qq
    keep_still
    apt_install "${missing[@]}"
    if [[ " ${missing[*]} " == *" pgbouncer "* ]] && command -v systemctl > /dev/null; then
      systemctl --quiet disable pgbouncer || true
    fi
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
