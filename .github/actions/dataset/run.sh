#!/usr/bin/env bash
# The step of the action: builds the dataset, builds it again and compares, exports it.
# Inputs: DEFINITION OUT DIR, MYTHOS_KEY.
set -euo pipefail
run() { mythos -q --repo "$DIR" "$@"; }
manifest=$(run dataset build "$DEFINITION")
run dataset verify "$manifest"
run dataset export "$manifest" -o "$OUT" > /dev/null
echo "manifest=$manifest" | tee -a "${GITHUB_OUTPUT:-/dev/null}"
