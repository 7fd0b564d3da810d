#!/usr/bin/env bash
# Builds mythos twice, from two copies of the sources in different folders, as a
# release is built, and compares the bytes. COLD=1 uses an empty build cache for the
# second build, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

build() { # SOURCE OUT
  (cd "$1" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w -buildid=' -o "$2" ./cmd/mythos)
}

mkdir -p "$work/elsewhere/deeper"
git ls-files -z | xargs -0 cp --parents -t "$work/elsewhere/deeper"
build . "$work/one"
if [ -n "${COLD:-}" ]; then
  export GOCACHE="$work/cache"
fi
build "$work/elsewhere/deeper" "$work/two"
sha256sum "$work/one" "$work/two" | sed "s|$work/||"
cmp "$work/one" "$work/two"
echo "the builds are the same, byte for byte"
