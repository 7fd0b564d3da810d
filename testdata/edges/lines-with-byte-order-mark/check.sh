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
