#!/usr/bin/env bash
# Pulls 1 GiB over loopback from `mythos serve`, beside curl of the same bytes piped to
# openssl, and beside rsync where it is installed; several rounds, one after the other.
#
#	bench/peers/pull.sh MYTHOS [DIR]
set -euo pipefail
mythos=$(realpath "$1")
dir=${2:-/var/tmp/mythos-bench-peers}
rm -rf "$dir" && mkdir -p "$dir" && cd "$dir"
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$dir"' EXIT
m() { "$mythos" -q "$@"; }
seconds() { # of a command
  local begin=$EPOCHREALTIME
  "$@" >/dev/null
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'
}

mkdir files
openssl enc -aes-128-ctr -pass pass:x -nosalt -pbkdf2 </dev/zero 2>/dev/null | head -c 1073741824 >files/big || true
m init far >/dev/null
cid=$(m -C far blob put --codec raw ../files/big)
"$mythos" -C far serve --listen 127.0.0.1:0 2>log &
until grep -q 'serves on' log; do sleep 0.05; done
url=$(sed -n 's/.*serves on //p' log)
cat >serve.go <<'G'
package main

import (
	"fmt"
	"net"
	"net/http"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(http.Serve(l, http.FileServer(http.Dir("files"))))
}
G
go build -o plain serve.go
./plain >plainaddr &
until [ -s plainaddr ]; do sleep 0.05; done

pull() {
  rm -rf near && m init near >/dev/null
  m -C far cap export "$(m -C far cap issue --to "$(m -C near key export)" --scope "blob.read:$cid" --ttl 1h)" >cap.txt
  m -C near peer add far "$url"
  sync
  seconds m -C near pull far "$cid" --cap ../cap.txt
}
hashed() { curl -s "http://$(cat plainaddr)/big" | openssl dgst -sha256; }
copied() { rsync -a --no-compress files/big copy/; sync -f copy/big; }

for _ in 1 2 3; do
  printf 'curl | openssl %s s' "$(seconds hashed)"
  printf '   mythos pull %s s' "$(pull)"
  if command -v rsync >/dev/null; then
    rm -rf copy && mkdir copy
    printf '   rsync (a local copy, durable) %s s' "$(seconds copied)"
  fi
  echo
done
