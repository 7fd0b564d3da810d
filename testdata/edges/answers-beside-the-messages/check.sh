# Logs of a gateway: the answer stands beside the messages, of which an earlier one is an
# answer, too; the system prompt stands beside them; a call failed.
mythos init -q >/dev/null
mythos episode import --skip-bad --form chat calls.jsonl --ref c > out 2> note
grep 'line 1: .*end before the answer, which may stand in response' note
grep '2 episodes, 0 calls, 0 signals, 1 record left out' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d --rows messages > rows
test "$(cat rows)" = '{"messages":[{"role":"system","content":"You count."},{"role":"user","content":"how many?"},{"role":"assistant","content":"seven"}]}'
mythos dataset export -q @d > raw
grep '"status":500.*error: the connection was cut' raw
head -1 calls.jsonl > one.jsonl
mythos episode import --map map.yaml one.jsonl --ref m > out 2> note
echo 'corpus: ["@m"]' | mythos dataset build -q - --ref dm > out
mythos dataset export -q @dm --rows messages > rows
grep '"hello"},{"role":"user","content":"how many?"},{"role":"assistant","content":"seven"}]}' rows
