# Times and whole numbers as Python, SQL and pandas write them. What is no whole number or
# no time is refused with its line.
mythos init -q >/dev/null
mythos episode import -q --map map.yaml rows.jsonl --ref c > out
echo 'corpus: ["@c"]' | mythos dataset build -q - --ref d > out
mythos dataset export -q @d > rows
test "$(grep -o '"time_observed":"[^"]*"' rows | sort -u)" = '"time_observed":"2001-09-09T01:46:40.250000Z"'
test "$(grep -o '"status":[0-9]*' rows | sort -u)" = '"status":200'
grep '"value":9007199254740993,' rows
test "$(grep -o '"value":[0-9]*' rows | sort -n | head -1)" = '"value":2'
for line in '{"q":"a","a":"b","score":0.5}' '{"q":"a","a":"b","at":"2001-09-09 01:46:40"}'; do
	printf '\n%s\n' "$line" | mythos episode import --map map.yaml - 2> note && exit 1
	grep 'line 2' note
done
