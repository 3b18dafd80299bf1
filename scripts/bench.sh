#!/usr/bin/env bash
# Measures the product on this machine; results in bench/.
# Usage: scripts/bench.sh [FLAGS of scripts/bench, such as -only idle,withdraw]
#        scripts/bench.sh path [FLAGS of scripts/bench/path, such as -only bulk -rounds 3]
#        scripts/bench.sh lossy [FLAGS of scripts/bench/lossy, such as -only loss10 -rounds 1], as root
#        scripts/bench.sh external [FLAGS of scripts/bench/external, such as -only small]
#        scripts/bench.sh web [FLAGS of scripts/bench/web, such as -agents 1000]
#        scripts/bench.sh quick   everything once, with short loads: that it works here, and roughly how fast
# Without arguments everything is measured.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
ulimit -n "$(ulimit -Hn)"
path() {
  scripts/need.sh haproxy nginx libnginx-mod-stream stunnel4 util-linux
  go build -o bin/bench-path ./scripts/bench/path
  bin/bench-path "$@"
}
lossy() {
  scripts/need.sh haproxy nginx libnginx-mod-stream stunnel4 util-linux iproute2
  go build -o bin/bench-lossy ./scripts/bench/lossy
  bin/bench-lossy "$@"
}
external() {
  scripts/need.sh nginx yara
  go build -o bin/bench-external ./scripts/bench/external
  bin/bench-external "$@"
}
web() {
  scripts/need.sh nginx
  go build -o bin/bench-web ./scripts/bench/web
  bin/bench-web "$@"
}
product() {
  scripts/need.sh strace procps
  go build -o bin/bench-run ./scripts/bench
  bin/bench-run "$@"
}
eventlog() {
  echo "== bare event log"
  go test ./centralnode/eventlog -run '^$' -bench BenchmarkAppend -benchtime "$1"
}
case "${1:-}" in
  path) path "${@:2}" ;;
  lossy) lossy "${@:2}" ;;
  external) external "${@:2}" ;;
  web) web "${@:2}" ;;
  '')
    path
    lossy
    external
    web
    product
    eventlog 3s
    ;;
  quick)
    path -rounds 1 -size 0.2
    lossy -rounds 1 -warm 4s -window 6s -only loss10,loss1
    external -rounds 1 -size 0.2
    web -rounds 1 -agents 3000 -events 20000 -requests 50
    product -steady 30s
    eventlog 1s
    ;;
  *) product "$@" ;;
esac
