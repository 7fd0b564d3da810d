# Why an MCP server does not come up is said: its exit status and its standard error. Nothing happened, so that the key stays free.
mythos init -q
code=0
mythos tool add weather --unconfined --mcp "$PWD/server.sh" why 2>said || code=$?
[ "$code" = 8 ]
grep -q 'exit status 3' said
grep -q 'WEATHER_KEY is not set' said
mythos tool add -q weather --no-check --unconfined --mcp "$PWD/server.sh" why
mythos cap issue -q --scope tool.call:weather,calls=1 --ttl 1h
for try in 1 2 3; do # the capability is for one call: none is charged
  code=0
  echo '{}' | mythos call weather --key 1 --in - 2>said || code=$?
  [ "$code" = 8 ]
  grep -q 'WEATHER_KEY is not set' said
done
