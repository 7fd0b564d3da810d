# An older MCP server that says nothing to methods which it does not know is greeted as an older one, and works.
mythos init -q
mythos tool add -q greet --no-check --unconfined --timeout 60s --mcp "$PWD/server.sh" silent
mythos cap issue -q --scope tool.call:greet,calls=3 --ttl 1h
[ "$(echo '{}' | mythos call -q greet --key 1 --in -)" = fine ]
