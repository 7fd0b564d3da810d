#!/usr/bin/env bash
# Writes a software bill of materials (CycloneDX 1.5) of the modules that the mythos
# binary is built from, as the binary itself lists them: scripts/sbom.sh [FILE].
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$bin" ./cmd/mythos
go version -m "$bin" | go run ./scripts/sbom > "${1:-/dev/stdout}"
