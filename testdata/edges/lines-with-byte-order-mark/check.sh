# Windows tools begin a UTF-8 file with a byte order mark. It is not part of the first
# line. UTF-16 and compressed files are named for what they are.
mythos init -q >/dev/null
printf '\357\273\277{"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"hi"}]}\r\n' > bom.jsonl
printf '\377\376{\000"\000m\000' > utf16.jsonl
printf '\037\213\010\000' > lines.gz
printf '\050\265\057\375\000' > lines.zst
mythos episode import --form chat bom.jsonl --ref c 2> note
grep '1 episode' note
for file in utf16.jsonl:UTF-16 lines.gz:gzip lines.zst:zstd; do
	mythos episode import --form chat "${file%:*}" 2> note && exit 1
	grep "${file#*:}" note
done
# So it is with the lines of a batch, of a transcript, and of what a mapping describes.
mythos tool add copy --retry-safe --unconfined --process cat > out
mythos cap issue -q --scope tool.call:copy,calls=9 > out
printf '\357\273\277{"key":"1","request":"one"}\r\n\r\n{"key":"2","request":"two"}\r\n' > batch.jsonl
mythos call -q copy --batch batch.jsonl > out
test "$(cut -f2,4 out | tr "\t" " " | tr "\n" ";")" = "200 1;200 2;"
printf '{"key":"3","request":"three"}\r{"key":"4","request":"four"}\r' > batch.jsonl
if mythos call -q copy --batch batch.jsonl 2> note; then exit 1; fi
grep 'line 1' note
printf '\357\273\277{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f"}}\r\n' > bom.jsonl
mythos episode import --form mcp bom.jsonl 2> note > out
grep '1 episode' note
printf '\357\273\277input: /q\r\noutput: /a\r\n' > map.yaml
printf '\357\273\277{"q":"x","a":"y"}\r\n' > bom.jsonl
mythos episode import --map map.yaml bom.jsonl 2> note > out
grep '1 episode' note
