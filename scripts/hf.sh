#!/usr/bin/env bash
# Exports a small dataset in every form of rows, and has Python's readers of datasets read it:
# datasets and trl of Hugging Face, and mlcroissant. What Python lacks is named and skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/mythos" ./cmd/mythos
export PATH="$dir:$PATH" HF_HOME="$dir/cache" HF_HUB_OFFLINE=1
cd "$dir"
mythos init -q --name data repo >/dev/null && cd repo
cat >map.yaml <<'END'
name: mine
input: /q
output: /a
signals: [{type: reward, value: /r}]
END
for i in 1 2 3 4 5 6 7 8; do
  printf '{"q":"question %d","a":"good answer","r":1}\n{"q":"question %d","a":"bad answer","r":-1}\n' $i $i
done >rated.jsonl
cat >chats.jsonl <<'END'
{"messages":[{"role":"user","content":"how long?"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"wc","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"7"},{"role":"assistant","content":"7 lines"}],"tools":[{"type":"function","function":{"name":"wc","parameters":{"type":"object"}}}]}
{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]}
END
mythos -q episode import --map map.yaml rated.jsonl --ref corpus/rated >/dev/null
mythos -q episode import --form chat chats.jsonl --ref corpus/chats >/dev/null
for name in rated chats; do
  printf 'corpus: ["@corpus/%s"]\nquery: "true"\n' $name >$name.yaml
  mythos -q dataset build $name.yaml --ref $name >/dev/null
done
for format in jsonl parquet; do
  mythos -q dataset export @chats --rows messages --format $format --card -o out/messages-$format/ >/dev/null
  mythos -q dataset export @chats --rows prompt-completion --format $format --card -o out/prompt-completion-$format/ >/dev/null
  mythos -q dataset export @rated --rows preference --format $format --card -o out/preference-$format/ >/dev/null
done
"${PYTHON:-python3}" "$here/scripts/hf.py" out
