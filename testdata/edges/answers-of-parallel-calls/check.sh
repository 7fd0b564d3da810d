# Some model servers give calls no ids. An answer that names its tool belongs to the call
# of that tool; where it is not known which call was answered, the line is refused.
mythos init -q >/dev/null
mythos episode import -q --form chat named.jsonl --ref named > out
echo 'corpus: ["@named"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > rows
grep -F '"request":{"text":"{\"key\":\"a\"}"},"response":{"text":"for a"}' rows
grep -F '"request":{"text":"{\"key\":\"b\"}"},"response":{"text":"for b"}' rows
mythos episode import --form chat unknown.jsonl 2> note && exit 1
grep 'line 1: .*which answer belongs to which call is not known' note
