# Two definitions that select the same episodes are two datasets. Each name keeps telling
# its own definition, whichever was built last.
mythos init -q >/dev/null
echo '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}' > c.jsonl
mythos episode import -q --form chat c.jsonl --ref c > out
echo 'corpus: ["@c"]' > all.yaml
printf 'corpus: ["@c"]\nquery: imported\n' > some.yaml
mythos dataset build -q some.yaml --ref some > first
mythos dataset build -q all.yaml --ref all > second
cmp first second
mythos dataset show --explain @all | grep '^predicate  true$'
mythos dataset show --explain @some | grep '^predicate  has_tool'
mythos dataset export -q @all -o all --card > out
mythos dataset build -q some.yaml > out
mythos dataset export -q @all -o again --card > out
grep -v build_receipt all/README.md > a
grep -v build_receipt again/README.md > b
cmp a b
mythos dataset verify @all
