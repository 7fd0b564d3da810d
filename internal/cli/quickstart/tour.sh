## 1. A deploy that happens once

# A repository: the folder .mythos, with a ledger and a signing key.
mythos init -q --name shop shop && cd shop
# A deploy that must not happen twice for the same release.
echo 'echo "deployed to $1" | tee -a deployed.log' > deploy.sh
mythos once release-7 -- sh deploy.sh web
# Again: the recorded output is shown, and nothing happens.
mythos once release-7 -- sh deploy.sh web
wc -l < deployed.log

## 2. An agent that may do this and nothing else

# The agent has a key of its own. It gets twenty calls of one tool.
mythos tool add -q words --retry-safe --unconfined --process wc -w
mythos key gen bot
mythos trust add -q bot
mythos cap issue -q --to bot --scope tool.call:words,calls=20 --ttl 1h
AGENT_KEY=$PWD/.mythos/keys/bot.key
echo 'to be or not' > line
MYTHOS_KEY=$AGENT_KEY mythos call -q words --key line-1 --in line --capture
# Nothing else is for the agent. It is refused, and the refusal is recorded.
mythos tool add -q refund --unconfined --process echo refunded
MYTHOS_KEY=$AGENT_KEY mythos call -q refund --key order-9 || echo "exit $?"
# Who did what: the newest first.
mythos log

## 3. Evidence for somebody who was not there

# One file: the receipt, the capability, and the proof that the ledger has it.
RECEIPT=$(mythos receipt ls | grep release-7 | cut -f1)
mythos receipt export $RECEIPT -o ../deploy.evidence
OUR_KEY=$(mythos key export)
# Outside of the repository, offline. Who trusts our key can rely on it,
cd ..
mythos receipt verify deploy.evidence --trust $OUR_KEY
# who does not only learns that the bytes are intact.
mythos receipt verify -q deploy.evidence > /dev/null || echo "exit $?"

## 4. A large file, and a proof of one part of it

cd shop
seq 300000 > numbers
FILE=$(mythos blob put --chunk-size 256KiB numbers)
mythos blob stat $FILE
# The fourth chunk, and the hashes that lead from it to the root.
mythos blob get $FILE --range 786432:262144 -o chunk
mythos blob prove $FILE --chunk 3 -o chunk.proof
mythos blob verify --root $FILE --chunk 3 --proof chunk.proof chunk

## 5. A dataset from what just happened

# Each call is an episode. A definition selects some of them.
mythos corpus snapshot -q --ref corpus/all
printf 'corpus: ["@corpus/all"]\nquery: has_tool("words")\n' > words.yaml
mythos dataset build words.yaml --ref words
# Built again from its definition, on any machine: the same bytes.
mythos dataset verify @words
mythos dataset export -q @words -o data/

## 6. What needs attention

mythos status
