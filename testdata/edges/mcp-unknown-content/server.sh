#!/bin/sh
# An MCP server that answers with the content of answer.json, byte by byte, and lists no tools.
# shellcheck disable=SC2034
odd=${1:-}
[ "$odd" = banner ] && echo 'Weather server 2.1 is ready'
if [ "$odd" = why ]; then echo 'WEATHER_KEY is not set' >&2; exit 3; fi
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/^{"jsonrpc":"2.0","id":\([0-9]*\),.*/\1/p')
  case $line in
  *'"method":"initialize"'*)
    printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}\n' "$id" ;;
  *'"method":"tools/call"'*)
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$(cat "$(dirname "$0")/answer.json")" ;;
  *'"id":'*)
    [ "$odd" = silent ] || printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}\n' "$id" ;;
  esac
done
