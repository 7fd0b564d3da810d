# The text of a message stands in parts whose names differ from API to API.
mythos init -q >/dev/null
mythos episode import -q --form chat parts.jsonl --ref c > out
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > rows
for text in blue 'I will not' 'the tool says 12' '[{\"type\":\"image\",\"source\":{\"n\":1.0}}]'; do
	grep -F "\"response\":{\"text\":\"$text\"}" rows
done
