## a. Two executors, each with a repository and an identity of its own

# A repository starts with a fresh Ed25519 identity.
mythos init -q --name a a && mythos init -q --name b b
A=$(mythos -C a key export) B=$(mythos -C b key export)
# A takes packets that B signs.
mythos -C a trust add $B --name b --for packet
# B takes A's packets, and A may issue capabilities for tools.
mythos -C b trust add $A --name a --for packet,tool

## b. A large file, one chunk of it proven with nothing but the root hash

tar -cf src.tar -C "$SRC" .
# Stored in chunks; the cid is printed when every byte is on the disk.
CID=$(mythos -C a blob put --chunk-size 256KiB ../src.tar)
mythos -C a blob stat $CID
# One chunk in the middle, and the tree nodes above it.
N=$(($(wc -c < src.tar) / 262144 / 2))
mythos -C a blob get $CID --range $((N * 262144)):262144 -o ../chunk
mythos -C a blob prove $CID --chunk $N -o ../chunk.proof
# Anybody checks it, without a repository.
mythos blob verify --root $CID --chunk $N --proof chunk.proof chunk

## c. A capability for one tool, and a smaller part of it for a second agent

# One of the shipped tools, built from Go to WebAssembly: it counts what is
# in a text.
mythos tool build -q textstat -o textstat.wasm
# The tool's id pins its module: it is the same in both repositories.
mythos -C a tool add textstat --wasm ../textstat.wasm --retry-safe
mythos -C b tool add textstat --wasm ../textstat.wasm --retry-safe
# No effect without a capability, not even for the owner. A issues itself one.
CAP=$(mythos -C a -q cap issue --scope tool.call:textstat,calls=10000 \
  --ttl 1d --delegable)
# A part of it goes to B: three calls, for an hour.
CHILD=$(mythos -C a -q cap attenuate $CAP --to b \
  --scope tool.call:textstat,calls=3 --ttl 1h)
# What B may do, in plain words.
mythos -C a cap show $CHILD

## d. A signed packet with a program, and a signed answer

TOOL=$(mythos -C a tool ls | grep ^textstat | cut -f4)
KEY=$(printf 'hello %s' $CHILD | od -An -v -tx1 | tr -d ' \n')
# A program: under the capability that A gave it, B counts what is in a
# greeting.
cat > hello.mir <<END
.tool textstat (bytes) -> bytes id #$TOOL

.const greeting bytes x"68656c6c6f2c20776f726c640a"
.const key      bytes x"$KEY"

.task #"sym:main" () budget { cpu 100000, io 1, writes 1 } trace

	require_cap #$CHILD
	const  r0, \$greeting
	effect tool:textstat, r0, r1, r2, \$key
	ret    r1
END
# Assembled to a canonical bundle.
mythos asm hello.mir -o hello.bundle
# B serves on loopback, and says where.
mythos -C b serve --listen 127.0.0.1:0 2> b.log & SERVER=$!
until URL=$(grep -o 'http:.*' b.log) || ! kill -0 $SERVER; do sleep .1; done
# A signs it, sends it with B's capability, and checks the signed answer.
mythos -C a submit $URL ../hello.bundle --cap $CHILD -o ../answer.packet
kill $SERVER && wait $SERVER || true
# The answer is a packet that anybody can check who trusts B.
mythos packet verify --trust $B answer.packet

## e. Hundreds of effects; the second time nothing is invoked

# Files of the directory, half of them tests, spread evenly over all that
# are there.
(cd "$SRC" && find . -name '*.go' -type f -size +0 -size -513 \
  ! -path '*/.*/*') | cut -c3- | grep -v '["\\]' | LC_ALL=C sort > files
spread() { awk -v n=$((FILES / 2)) '{ f[NR] = $0 } END { if (n > NR) n = NR; \
  for (i = 0; i < n; i++) print f[int(i * NR / n) + 1] }'; }
grep '_test.go$' files | spread > chosen
grep -v '_test.go$' files | spread >> chosen
# A file's path is the key of its effect.
sed "s#.*#{\"key\":\"&\",\"file\":\"$SRC/&\"}#" chosen > calls.jsonl
# Each call is a keyed effect: register, run in the sandbox, receipt, commit.
mythos -C a call textstat --batch ../calls.jsonl --capture > calls.out
# The same again.
mythos -C a call textstat --batch ../calls.jsonl --capture > again.out
# A second tool is a plain process. Two calls of it are allowed.
mythos -C a tool add lines --retry-safe --unconfined --process wc -l
TWO=$(mythos -C a -q cap issue --scope tool.call:lines,calls=2 --ttl 1h)
# Its keys are new with each capability, so that this can be taken again.
mythos -C a call lines --cap $TWO --key first-$TWO --in ../calls.jsonl

## f. What is not allowed does not happen, and says so

# The same tool in B's repository. Without a capability it is refused.
mythos -C b tool add lines --retry-safe --unconfined --process wc -l
mythos -C b call lines --key none --in ../hello.mir || echo "exit $?"
# The second of the two calls, and a third.
mythos -C a call lines --cap $TWO --key shared-$TWO --in ../calls.jsonl
mythos -C a call lines --cap $TWO --key third-$TWO --in ../hello.mir \
  || echo "exit $?"
# A used key with another request is a conflict, which the ledger keeps.
mythos -C a call lines --cap $TWO --key shared-$TWO --in ../hello.mir \
  || echo "exit $?"
mythos -C a ledger show shared-$TWO --tool lines

## g. Evidence becomes a dataset, and the same dataset elsewhere

# A scorer looks at each file: is it a test? It is a tool like any other.
mythos tool build -q scorer -o scorer.wasm
mythos -C a tool add scorer --wasm ../scorer.wasm --retry-safe
mythos -C a -q cap issue --scope tool.call:scorer,calls=10000 --ttl 1h
# Four fifths of the episodes to learn from, by the hash of each request;
# the rest is held out.
CORPUS=$(mythos -C a -q corpus snapshot --tool textstat --part 2-5/5)
mythos -C a ref set corpus/train $CORPUS
mythos -C a -q corpus snapshot --tool textstat --part 1/5 --ref corpus/test
# The scorer emits signed signals about them.
mythos -C a score scorer --corpus @corpus/train > scored.train
mythos -C a score scorer --corpus @corpus/test > scored.test
# The signals seen with them are fixed, too: a rebuild must see the same.
SIGNALS=$(mythos -C a -q corpus signals @corpus/train --ref signals/train)
cat > train.yaml <<END
corpus: [$CORPUS]
signals: [$SIGNALS]
query: has_tool("textstat") and status == 200 and signal.reward == 1
sampling: {mode: hash_n, n: 5000, seed: quickstart}
END
# The build is an effect with a receipt.
mythos -C a dataset build ../train.yaml --ref train > manifest.a
# B may read the definition and everything below it, by a capability that
# travels as text.
DEF=$(mythos -C a dataset show @train --json \
  | grep -o '"dataset_def_id":"[0-9a-f]*"' | cut -d'"' -f4)
READ=$(mythos -C a -q cap issue --to b --scope blob.read:$DEF --ttl 1h)
mythos -C a cap export $READ > read.cap
mythos -C a serve --listen 127.0.0.1:0 2> a.log & SERVER=$!
until URL=$(grep -o 'http:.*' a.log) || ! kill -0 $SERVER; do sleep .1; done
# B pulls; every part proves itself by its hash or its signature.
mythos -C b pull $URL $DEF --cap ../read.cap
kill $SERVER && wait $SERVER || true
# B builds it from the same definition.
mythos -C b dataset build ../train.yaml --ref train > manifest.b
cmp manifest.a manifest.b && echo "the same manifest: $(cat manifest.b)"
# The held-out episodes are a dataset of their own.
echo 'corpus: ["@corpus/test"]' > test.yaml
mythos -C a dataset build ../test.yaml --ref test
# And one of a single episode, too few to learn anything.
sed 's/n: 5000/n: 1/' train.yaml > small.yaml
mythos -C a dataset build ../small.yaml --ref small

## h. A model is trained, measured, promoted and rolled back, with evidence

# The learner is a tool, too: a linear classifier over hashed words.
mythos tool build -q linear -o linear.wasm
mythos -C a tool add linear --wasm ../linear.wasm --retry-safe
# Two recipes: predict from its text whether a file is a test. Each may be
# trained three times.
printf 'code: linear\nlabel: test\nparams: {epochs: %d}\n' 5 > recipe1.yaml
printf 'code: linear\nlabel: test\nparams: {epochs: %d}\n' 9 > recipe2.yaml
for i in 1 2; do mythos -C a recipe add ../recipe$i.yaml --ref recipe$i; done
mythos -C a -q cap issue --scope train.run:@recipe1,jobs=3 --ttl 1h
mythos -C a -q cap issue --scope train.run:@recipe2,jobs=3 --ttl 1h
# The suite that measures it.
cat > suite.yaml <<'END'
code: linear
label: test
tests: "@test"
metrics: [accuracy_micro, balanced_accuracy_micro]
END
mythos -C a suite add ../suite.yaml --ref suite
mythos -C a -q cap issue --scope eval.run:@suite,runs=10 --ttl 1h
# The policy of ring 0, signed, and put in force.
cat > policy.yaml <<'END'
name: first light
ring: 0
suites: ["@suite"]
thresholds:
  - metric: balanced_accuracy_micro
    at_least: 600000
    largest_regression: 200000
quorum: 1
verifiers: [self]
END
mythos -C a policy add ../policy.yaml --ref policy
mythos -C a policy set @policy
mythos -C a -q cap issue --scope deploy.promote:0,policy=@policy --ttl 1h
# A model of one example. Nothing attests to it yet: refused.
mythos -C a train @recipe1 @small --ref weak
mythos -C a promote @weak --ring 0 --policy @policy || echo "exit $?"
# Measured on the held-out episodes, measured again by a verifier who
# attests, and signed off.
mythos -C a attest $(mythos -C a eval @weak @suite)
mythos -C a attest @weak --policy @policy
# It is below the policy's threshold: refused.
mythos -C a promote @weak --ring 0 --policy @policy || echo "exit $?"
# A model of all examples: every condition holds, and it enters ring 0.
# (Taken again in the same folder: it is in ring 0 already, exit 4.)
FIRST=$(mythos -C a train @recipe1 @train --ref first)
mythos -C a attest $(mythos -C a eval @first @suite)
mythos -C a attest @first --policy @policy
mythos -C a promote @first --ring 0 --policy @policy || echo "exit $?"
# A second model takes its place; the first one stays pinned.
mythos -C a train @recipe2 @train --ref second
mythos -C a attest $(mythos -C a eval @second @suite)
mythos -C a attest @second --policy @policy
mythos -C a promote @second --ring 0 --policy @policy
# Rolled back: the pinned model is in service again.
RESTORED=$(mythos -C a -q rollback --ring 0 --reason 'to see it work')
test $RESTORED = $FIRST && echo "ring 0 has $RESTORED again"
mythos -C a model ls
# From the model in service down to the first capability, every link verified.
mythos -C a why @ring0
