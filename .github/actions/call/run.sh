#!/usr/bin/env bash
# The step of the action: registers the tool, gets a capability for one call, calls, and says
# what became of it. With a server, that gives the capability to the job's identity token, and
# the key is made here and now. Inputs: TOOL COMMAND KEY IN RETRY_SAFE DIR, and URL SERVER or
# IDENTITY.
set -euo pipefail
[ -z "${IDENTITY:-}" ] || export MYTHOS_KEY=$IDENTITY
unset IDENTITY
run() { mythos -q --repo "$DIR" "$@"; }
[ -d "$DIR/.mythos" ] || mythos init -q ${URL:+--at "$URL"} ${SERVER:+--server "$SERVER"} "$DIR"
read -ra command <<< "$COMMAND"
retry=(); [ "${RETRY_SAFE:-false}" != true ] || retry=(--retry-safe)
run tool add "$TOOL" "${retry[@]}" --unconfined --process "${command[@]}" > /dev/null
if [ -n "${URL:-}" ]; then
  run cap request --at "$URL" --scope "tool.call:$TOOL,calls=1" --oidc github > /dev/null
else
  run cap issue --to self --scope "tool.call:$TOOL,calls=1" --ttl 10m > /dev/null
fi
unset ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN # the command gets no tokens
line=$(run call "$TOOL" --key "$KEY" ${IN:+--in "$IN"} ${URL:+--at "$URL"} --json)
echo "$line"
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<< "$line"; }
{
  echo "receipt=$(field receipt)"
  echo "replayed=$(field replayed)"
} >> "${GITHUB_OUTPUT:-/dev/null}"
