# The log of a gateway: the sessions of its clients number their requests alike.
mythos init -q >/dev/null
mythos episode import --strict --form mcp transcript.jsonl --ref c > out 2> note
grep '2 episodes, 2 calls' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d --rows messages > rows
grep 'anna.*anna has 10' rows
grep 'bert.*bert has 20' rows
