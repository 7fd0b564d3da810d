# A call that never left (nobody listens, no such host) happened not at all: exit code 8, the key stays free, nothing is charged.
mythos init -q
mythos tool add -q refused --http http://127.0.0.1:1/hook
mythos tool add -q nowhere --http http://no-such-host.invalid/hook
for tool in refused nowhere; do
  mythos cap issue -q --scope tool.call:$tool,calls=1 --ttl 1h
  for try in 1 2 3; do
    code=0
    echo '{}' | mythos call -q $tool --key k --in - 2>said || code=$?
    [ "$code" = 8 ]
    grep -q 'did not start' said
  done
done
