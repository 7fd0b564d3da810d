# JSON is UTF-8. A line in Latin-1 is refused with its number, never changed;
# --skip-bad goes on without it.
mythos init -q >/dev/null
printf '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"na\357ve"}]}\n' > mixed.jsonl
mythos episode import --form chat mixed.jsonl 2> note && exit 1
grep 'line 2: .*not UTF-8' note
mythos episode import --form chat --skip-bad mixed.jsonl 2> note
grep '1 record left out' note
