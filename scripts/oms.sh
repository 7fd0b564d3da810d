#!/usr/bin/env bash
# Trains the small model of docs/tutorials/model.md, exports it as OpenSSF Model Signing has it, and
# has Sigstore's client from npm verify it. Without npm or openssl it says so.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in npm node openssl; do
  command -v $tool >/dev/null || { echo "$tool is not installed: the signed model is not verified"; exit 0; }
done
here=$PWD dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/mythos" ./cmd/mythos
cp scripts/oms.cjs "$dir"
(cd "$dir" && npm install --silent --no-audit --no-fund --ignore-scripts @sigstore/bundle@4.0.0 @sigstore/verify@3.1.1)
export PATH="$dir:$PATH"
mkdir "$dir/repo" && cd "$dir/repo"
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } /^## For those/ { exit } on' "$here/docs/tutorials/model.md" >page.sh
bash -e page.sh >page.out 2>&1 || { cat page.out; exit 1; }
openssl ecparam -name prime256v1 -genkey -noout -out signing.pem
openssl ec -in signing.pem -pubout -out public.pem 2>/dev/null
mythos model export @ring0 --format oms --key signing.pem -o model/
node "$dir/oms.cjs" model public.pem
printf x >>model/weights
if node "$dir/oms.cjs" model public.pem 2>/dev/null; then echo "changed weights were verified"; exit 1; fi
echo "changed weights are refused"
