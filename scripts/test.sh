#!/usr/bin/env bash
# Installs what the tests need, checks the tree, runs every test with the race
# detector, and ends with the counts. With CI=true a skipped test is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
scripts/need.sh gcc libc6-dev openssl curl jq iproute2 nftables procps e2fsprogs strace protobuf-compiler libprotobuf-dev \
  openssh-client putty-tools lftp ssh-audit tmux screen clamav-daemon yara postfix chromium haproxy || {
  [ "${CI:-}" = true ] && status=1
}
# Node.js brings npm where it does not come from Debian.
command -v node npm >/dev/null || scripts/need.sh nodejs npm || {
  [ "${CI:-}" = true ] && status=1
}
scripts/lint.sh || status=1
# The race detector needs cgo. Two packages at a time share two cores best. The
# cache of tests does not see binaries that a test builds, so it is not asked.
# internal/socket makes other system calls without the detector, so it and who
# uses it most are tested without it too.
# The gates compare times with those of peers, so they run when nothing else does.
{
  failed=0
  CGO_ENABLED=1 go test -race -count=1 -json -timeout 40m ./... || failed=1
  CGO_ENABLED=0 go test -count=1 -json ./internal/socket ./internal/door ./sensor/proxy || failed=1
  CGO_ENABLED=0 go test -count=1 -json -timeout 40m ./scripts/gates || failed=1
  [ $failed = 0 ]
} | CGO_ENABLED=0 go run ./scripts/testreport || status=1
exit $status
