# The structured answer of an MCP tool is kept as the server sent it: whole numbers beyond 2^53, 1.50, 1E-7 and escapes.
mythos init -q
mythos tool add -q account --unconfined --mcp "$PWD/server.sh"
mythos cap issue -q --scope tool.call:account,calls=3 --ttl 1h
echo '{}' | mythos call -q account --key 1 --in - > got
printf '%s' '{"account":9007199254740993,"sum":12345678901234567890,"price":1.50,"rate":1E-7,"note":"a<b \u00e9"}' > want
cmp got want
echo '{}' | mythos call -q account --key 1 --in - > again
cmp again want
