# An exporter sends a span again when it had no answer, and another writes the ids of the
# same trace in other letters or in base64. A span counts once, a trace is one episode.
mythos init -q >/dev/null
mythos episode import --form otel spans.jsonl --ref c 2> note > out
grep '1 episode' note
grep 'skipped: 1 spans that were sent again' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > rows
test "$(grep -o '"receipt_id"' rows | wc -l)" -eq 3
for pair in '"first?"},"response":{"text":"one"}' '"{}"},"response":{"text":"tool"}' '"second?"},"response":{"text":"two"}'; do
	grep -F "\"request\":{\"text\":$pair" rows
done
