#!/usr/bin/env bash
# Format, vet, staticcheck, tidy go.mod, generated files up to date.
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
failed=0
check() { # NAME COMMAND...: prints the command's output only when it fails
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "ok    $name"
  else
    failed=1
    printf 'FAIL  %s\n%s\n' "$name" "$out"
  fi
}
formatted() { [ -z "$(gofmt -l $(git ls-files '*.go'))" ] || { gofmt -d $(git ls-files '*.go'); return 1; }; }
generated() { # the same files with the same content, here and made anew
  local dir result=0
  dir=$(mktemp -d)
  scripts/generate.sh "$dir" || result=1
  diff <(cd "$dir" && find . -type f | sort) <(find ./proto \( -name '*.pb.go' -o -name '*.connect.go' \) | sort) || result=1
  (cd "$dir" && find . -type f) | while read -r file; do diff "$dir/$file" "$file" || exit 1; done || result=1
  rm -rf "$dir"
  return $result
}
check gofmt formatted
check 'go vet' go vet ./...
check staticcheck go tool staticcheck ./...
check 'go mod tidy' go mod tidy -diff
if scripts/need.sh protobuf-compiler libprotobuf-dev; then
  check 'generated files' generated
elif [ "${CI:-}" = true ]; then
  echo 'FAIL  generated files: protoc is missing'
  failed=1
else
  echo 'skip  generated files: protoc is missing'
fi
exit $failed
