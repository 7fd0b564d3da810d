# A model gave two answers to choose from: two rows, and no conversation in which it speaks
# twice. Content that an exporter's limit cut off is no answer. A failure is one in every
# spelling of its status. One trace is one episode, however its id is written.
mythos init -q >/dev/null
mythos episode import --form otel spans.jsonl --ref c 2> note > out
grep 'not understood: 1 calls of models: gen_ai.output.messages is not JSON' note
grep '2 episodes' note
if mythos episode import --strict --form otel spans.jsonl 2> strict; then exit 1; fi
grep 'cut it off' strict
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d --rows messages | sort > rows
cat > want <<'ROWS'
{"messages":[{"role":"user","content":"Name one."},{"role":"assistant","content":"Ada"}]}
{"messages":[{"role":"user","content":"Name one."},{"role":"assistant","content":"Bob"}]}
ROWS
diff want rows
mythos dataset export -q @d > raw
test "$(grep -o '"status":500' raw | wc -l)" -eq 3
