# Responses of MCP servers that are no answer of the tool: a question back, a task, nothing.
# They are evidence, and no row to learn from. An error counts as one whatever its form.
mythos init -q >/dev/null
! mythos episode import --strict --form mcp transcript.jsonl > out 2> note
grep 'line 10: .*neither a result nor an error' note
mythos episode import --form mcp transcript.jsonl --ref c > out 2> note
grep 'not understood: 1 responses: they have neither a result nor an error' note
grep '7 episodes, 7 calls, 0 signals, 0 records left out' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d --rows messages > rows
test "$(wc -l < rows)" -eq 1
grep '"content":"three rows"' rows
mythos dataset export -q @d > raw
test "$(grep -c '"status":204' raw)" -eq 4
test "$(grep -c '"status":500' raw)" -eq 2
for note in 'asked for input' 'made a task' 'no answer was recorded' 'neither a result' 'error: the tool'; do grep "$note" raw > out; done
