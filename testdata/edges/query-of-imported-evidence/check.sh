# A query names the tools of imported evidence as people do, and asking for success does
# not keep an episode in which a call failed.
mythos init -q >/dev/null
mythos episode import -q --map map.yaml rows.jsonl --ref c > out
count() { printf 'corpus: ["@c"]\nquery: %s\n' "$1" | mythos dataset build --json - 2>/dev/null | grep -o '"count":[0-9]*'; }
test "$(count 'has_tool("lookup")')" = '"count":2'
test "$(count 'status == 200')" = '"count":2'
test "$(count 'has_status(200)')" = '"count":3'
test "$(count 'not status == 500')" = '"count":2'
test "$(count 'status == 200 and failed')" = '"count":1'
