#!/usr/bin/env bash
# Tests the packages that start goroutines, or whose tests do, with the race detector.
# They are vetted elsewhere, and nobody debugs these binaries.
set -euo pipefail
cd "$(dirname "$0")/.."
racy=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | grep -vE '/(cmd/mythos|tools) ' |
  while read -r package folder; do
    if grep -qE '^[[:space:]]*go [a-zA-Z(]|\.Go\(|par\.(Each|Ordered)|t\.Parallel\(\)' "$folder"/*.go; then echo "$package"; fi
  done)
CGO_ENABLED=1 go test -race -short -vet=off -ldflags=-w $racy
