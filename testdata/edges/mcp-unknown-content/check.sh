# An MCP result with a kind of content and members that nobody here knows is an answer: it is kept whole, and replayed.
mythos init -q
mythos tool add -q render --unconfined --mcp "$PWD/server.sh"
mythos cap issue -q --scope tool.call:render,calls=1 --ttl 1h
for try in 1 2; do
  echo '{}' | mythos call -q render --key 1 --in - > got
  cmp got answer.json
done
