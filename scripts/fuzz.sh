#!/usr/bin/env bash
# Runs every fuzz target of the tree for FUZZ_TIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in $(go list ./...); do
  dir=${package#vedette}
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' ".${dir}"/*_test.go 2>/dev/null | sed 's/^func //'); do
    echo "== $package $target"
    go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ_TIME:-20s}"
  done
done
