#!/usr/bin/env bash
# Generates Go from the protobuf contracts under proto/.
# Usage: scripts/generate.sh [OUTPUT FOLDER]  (default: the tree itself)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-.}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin" google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
mkdir -p "$out"
find proto -name '*.proto' -print0 | sort -z | PATH="$bin:$PATH" xargs -0 protoc -I . \
  --go_out="$out" --go_opt=module=vedette \
  --connect-go_out="$out" --connect-go_opt=module=vedette,simple=true
