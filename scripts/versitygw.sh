#!/usr/bin/env bash
# Builds versitygw, the object store for tests, as .ci/bin/versitygw (four minutes of processor).
set -euo pipefail
cd "$(dirname "$0")/.."
GOFLAGS= GOBIN="$PWD/.ci/bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
