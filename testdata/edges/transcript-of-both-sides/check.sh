# Client and server number their requests independently, send batches, and may write a null
# error beside a result.
mythos init -q >/dev/null
mythos episode import --form mcp transcript.jsonl --ref c 2> note > out
grep '3 episodes, 3 calls' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > rows
for answer in 'two files' 'first' '{\"rows\":9007199254740993}'; do
	grep -F "\"response\":{\"text\":\"$answer\"}" rows
done
if grep '"status":500' rows; then exit 1; fi
