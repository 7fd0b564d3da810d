#!/bin/sh
# Pastes each tutorial, and the quickstart, into a machine that has nothing but the commands
# of busybox and the released binary: no Go, no bash, no certificates, no network. Says how
# long each took. Needs Linux, root and busybox (Debian: busybox-static).
set -eu
cd "$(dirname "$0")/.."
busybox=$(command -v busybox) || { echo "tutorials: no busybox: apt-get install busybox-static" >&2; exit 3; }
machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT
mkdir -p "$machine/bin" "$machine/dev" "$machine/proc" "$machine/tmp" "$machine/root"
CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w -buildid=' -o "$machine/bin/mythos" ./cmd/mythos
cp "$busybox" "$machine/bin/busybox"
for name in $("$busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$machine/bin/$name"; done

# The blocks that a page shows, as a person pastes them.
blocks() { awk '/^```sh$/ { shown = 1; next } /^```$/ { shown = 0 } shown' "$1"; }

# Mounts of the machine end with its namespace.
inside() {
  unshare --mount --pid --net --ipc --uts --fork sh -c '
    mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && ip link set lo up 2>/dev/null || true
    exec chroot "$1" /bin/env -i PATH=/bin HOME=/root TERM=dumb /bin/sh -c "$2"' sh "$machine" "$1"
}

failed=0
try() { # NAME SCRIPT
  from=$(date +%s%N)
  if printf '%s\n' "$2" | inside "mkdir /tmp/$1 && cd /tmp/$1 && sh -e" > "$machine.out" 2>&1; then
    result=works
  else
    result=FAILS failed=1
    cat "$machine.out" >&2
  fi
  rm -f "$machine.out"
  printf '%-12s %s %s ms\n' "$1" "$result" $((($(date +%s%N) - from) / 1000000))
}
try quickstart 'mythos quickstart'
for page in docs/tutorials/*.md; do try "$(basename "$page" .md)" "$(blocks "$page")"; done
exit $failed
