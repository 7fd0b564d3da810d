#!/usr/bin/env bash
# The step of the action: registers the tool, allows one call, calls, and says what
# became of it. Inputs: TOOL COMMAND KEY IN DIR, MYTHOS_KEY.
set -euo pipefail
run() { mythos -q --repo "$DIR" "$@"; }
[ -d "$DIR/.mythos" ] || mythos init -q "$DIR"
read -ra command <<< "$COMMAND"
run tool add "$TOOL" --unconfined --process "${command[@]}" > /dev/null
run cap issue --to self --scope "tool.call:$TOOL,calls=1" --ttl 10m > /dev/null
line=$(run call "$TOOL" --key "$KEY" ${IN:+--in "$IN"} --json)
echo "$line"
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<< "$line"; }
{
  echo "receipt=$(field receipt)"
  echo "replayed=$(field replayed)"
} >> "${GITHUB_OUTPUT:-/dev/null}"
