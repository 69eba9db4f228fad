#!/usr/bin/env bash
# Counts the tests, subtests included, in the output of `go test -json` and prints one line:
#
#   N passed, N failed, N skipped
#
# A package that does not build or panics outside of a test counts as one failed. Fails when no test ran.
set -euo pipefail

[ -s "${1:?which file?}" ] || { echo "0 passed, 0 failed, 0 skipped"; exit 1; }

# Quotes inside a test's output are escaped there, so that these patterns match nothing but the fields themselves.
awk '
  function field(name) { return match($0, "\"" name "\":\"[^\"]*\"") ? substr($0, RSTART, RLENGTH) : "" }
  !/"Action":"(pass|fail|skip)"/ { next }
  { package = field("Package") }
  /"Test":"/ {
    if (/"Action":"pass"/) passed++
    if (/"Action":"skip"/) skipped++
    if (/"Action":"fail"/) { failed++; failing[package] = 1 }
    next
  }
  /"Action":"fail"/ && !(package in failing) { failed++ }
  END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit passed + failed == 0
  }
' "$1"
