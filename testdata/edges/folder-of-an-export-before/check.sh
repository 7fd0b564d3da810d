# A second export into a folder leaves no rows of the first one: neither more shards, nor
# another split, nor what is redacted now. Files of others stay.
mythos init -q >/dev/null
for i in 1 2 3 4 5 6; do
	printf '{"messages":[{"role":"user","content":"secret %s"},{"role":"assistant","content":"ok"}]}\n' $i
done > chats.jsonl
mythos episode import -q --form chat chats.jsonl --ref c > out
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
printf -- '- {regex: "secret", label: s}\n' > rules.yaml
mythos dataset export -q @d -o data --shards 4 > out
echo mine > data/notes
mythos dataset export -q @d -o data --split train=0.5,test=0.5 --redact rules.yaml > out
test "$(ls data)" = "$(printf 'notes\ntest-00000-of-00001.jsonl\ntrain-00000-of-00001.jsonl')"
test "$(cat data/*.jsonl | wc -l)" -eq 6
if grep secret data/*.jsonl; then exit 1; fi
