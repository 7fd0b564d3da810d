# An assistant that says nothing at all did not answer. What it said in sound or refused is
# its answer; so is an empty text, where one stands there.
mythos init -q >/dev/null
mythos episode import --form chat chats.jsonl --ref c > out 2> note
grep '6 episodes' note
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > raw
test "$(grep -c '"status":204' raw)" -eq 3
for text in 'Hello there' 'I will not.' ''; do grep -F "\"response\":{\"text\":\"$text\"}" raw > out; done
mythos dataset export -q @d --rows messages > rows
test "$(wc -l < rows)" -eq 3
