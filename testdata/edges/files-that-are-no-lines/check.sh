# Files that are JSON, or nearly, and not one record a line. Each is refused by name, and
# nothing of it is kept.
mythos init -q >/dev/null
one='{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}'
refused() {
	reason=$1
	if mythos episode import --form chat in > out 2> note; then exit 1; fi
	grep -F "$reason" note
	test ! -s out || { cat out; exit 1; }
}
printf '[%s,%s]' "$one" "$one" > in && refused 'this is a list of them: jq'
printf '[\n%s,\n%s\n]\n' "$one" "$one" > in && refused 'a record a line is expected'
printf '%s%s' "$one" "$one" > in && refused 'a record a line is expected'
printf '%s' "$one" | sed 's/,/,\n/g' > in && refused 'a record a line is expected'
printf '%s\r%s\r' "$one" "$one" > in && refused 'CR alone'
printf '%s' "$one" | sed 's/}]/},]/' > in && refused 'it is not JSON (byte'
printf '%s' "$one" | sed 's/"a"/NaN/' > in && refused 'it is not JSON (byte'
printf '%s' "$one" | sed 's/"a"/"\\udc00"/' > in && refused 'surrogate'
printf '%s' "$one" | sed 's/"a"/{"x":{"y":1,"\\u0079":2}}/' > in && refused '"y" is there twice'
printf '%s' "$one" | sed 's/"a"/"a\x00"/' > in && refused 'it is not JSON (byte'
printf 'data: %s\n' "$one" > in && refused 'it is not JSON (byte 1)'
: > in && refused 'it has no records'
printf '\n \r\n' > in && refused 'it has no records'
# What only looks odd is taken: a mark, blank lines, CRLF, no end of the last line.
printf '\357\273\277%s\r\n\r\n  %s' "$one" "$one" > in
mythos episode import --form chat in 2> note
grep '2 episodes' note
