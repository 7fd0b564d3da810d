# An MCP server that greets people on standard output works; the line is skipped, and told of with -v.
mythos init -q
mythos tool add -q weather --unconfined --mcp "$PWD/server.sh" banner
mythos cap issue -q --scope tool.call:weather,calls=3 --ttl 1h
[ "$(echo '{}' | mythos call -v weather --key 1 --in - 2>notes)" = fine ]
grep -q 'Weather server 2.1 is ready' notes
