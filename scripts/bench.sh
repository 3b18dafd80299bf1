#!/usr/bin/env bash
# Measures the product on this machine; results in bench/.
# Usage: scripts/bench.sh [FLAGS of scripts/bench, such as -only idle,withdraw]
#        scripts/bench.sh path [FLAGS of scripts/bench/path, such as -only bulk -rounds 3]
#        scripts/bench.sh external [FLAGS of scripts/bench/external, such as -only small]
# Without arguments everything is measured.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
ulimit -n "$(ulimit -Hn)"
path() {
  scripts/need.sh haproxy nginx libnginx-mod-stream util-linux
  go build -o bin/bench-path ./scripts/bench/path
  bin/bench-path "$@"
}
external() {
  scripts/need.sh nginx yara
  go build -o bin/bench-external ./scripts/bench/external
  bin/bench-external "$@"
}
product() {
  scripts/need.sh strace procps
  go build -o bin/bench-run ./scripts/bench
  bin/bench-run "$@"
}
case "${1:-}" in
  path) path "${@:2}" ;;
  external) external "${@:2}" ;;
  '')
    path
    external
    product
    echo "== bare event log"
    go test ./centralnode/eventlog -run '^$' -bench BenchmarkAppend -benchtime 3s
    ;;
  *) product "$@" ;;
esac
