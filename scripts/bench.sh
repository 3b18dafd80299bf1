#!/usr/bin/env bash
# Measures the product on this machine; results in bench/.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need.sh strace procps
ulimit -n "$(ulimit -Hn)"
CGO_ENABLED=0 go build -o bin/bench-run ./scripts/bench
bin/bench-run "$@"
echo "== bare event log"
CGO_ENABLED=0 go test ./centralnode/eventlog -run '^$' -bench BenchmarkAppend -benchtime 3s
