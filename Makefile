# Targets for people. CI calls .ci/run.
.PHONY: attack cluster line engines s3 build test check race lint generate reproducible sbom fuzz edges duckdb hf oms bench crash quickstart bench-ledger bench-ledger-growth bench-batch bench-waiters bench-gate bench-hook bench-mcp bench-tree bench-vectors release-check network once tutorials mcp finetune

build: ## build ./mythos
	go build -trimpath -o mythos ./cmd/mythos

test: ## the README's test command (six to twelve minutes)
	go test -timeout 30m ./...

check: ## everything that CI checks (under twenty minutes)
	.ci/run

race: ## the packages that start goroutines, with the race detector (three minutes)
	scripts/race.sh

PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
vet-platforms: ## the platforms that releases are made for all compile, and the command for Windows, too (minutes)
	@for p in $(PLATFORMS); do echo "== $$p"; CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./... || exit 1; done
	@echo "== windows/amd64, ./cmd/mythos"; CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/mythos

lint: ## staticcheck, and assignments that nobody reads (minutes)
	go tool -modfile=.ci/lint.mod staticcheck ./...
	go tool -modfile=.ci/lint.mod ineffassign ./...

generate: ## manual pages, completions, JSON Schemas, the table of exit codes
	go generate ./...

reproducible: ## two builds from two folders, the second with an empty cache: the same bytes (minutes)
	COLD=1 scripts/reproducible.sh

sbom: ## the bill of materials of the binary, sbom.cdx.json
	scripts/sbom.sh sbom.cdx.json

GORELEASER ?= go run github.com/goreleaser/goreleaser/v2@v2.14.3
release-check: ## .goreleaser.yaml is valid, and a dry run makes archives and packages in dist/ (needs a network, minutes)
	$(GORELEASER) check
	$(GORELEASER) release --snapshot --clean --skip=sbom

FUZZTIME ?= 20s
fuzz: ## run each fuzz target for FUZZTIME (20 s each by default)
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

edges: ## inputs that real programs write and that are easy to get wrong, each against the binary (part of the tests; a minute)
	go test -count=1 -run TestEdges ./cmd/mythos

duckdb: ## read exported datasets with DuckDB and Arrow, and measure beside DuckDB (needs cgo; a minute)
	cd bench/datasets && go test -mod=mod -bench . -benchtime 3x .

BENCHDIR ?= /var/tmp/mythos-bench
bench-ledger: ## the ledger beside raw syncs, Ed25519, SQLite and PostgreSQL (two minutes; see bench/ledger.md)
	go run ./bench/ledger -dir $(BENCHDIR)

ENTRIES ?= 10000000
bench-ledger-growth: ## cost of an entry from 10^4 to 10^7 entries, and verifying them (a quarter of an hour, 10 GB; ENTRIES=1000000 takes two minutes)
	go run ./bench/ledger -dir $(BENCHDIR) -rows growth -entries $(ENTRIES)
	go run ./bench/ledger -dir $(BENCHDIR) -rows verify -entries 1000000

bench-batch: ## memory of a batch of 10,000 effects beside one of 1,000 (minutes)
	MYTHOS_BATCH=10000 go test ./cmd/mythos -run TestBatchMemory -v -timeout 30m

hf: ## exported rows and cards, read by datasets and trl of Hugging Face and by mlcroissant where Python has them (PYTHON=python3; half a minute, and the time of a build)
	scripts/hf.sh

oms: ## a signed model, verified by Sigstore's own client (npm and its registry, and openssl; a minute)
	scripts/oms.sh

bench: ## all benchmarks (about five minutes)
	go test -run '^$$' -bench . -benchmem ./...

bench-gate: build ## calls that a server records beside calls that are recorded here; 5,000 callers that wait for one key (two minutes; Linux, 20,000 open files)
	go run ./bench/gate -mythos ./mythos

bench-hook: build ## what a harness waits for: the hook before and after a call beside `mythos version` (half a minute)
	go run ./bench/hook -mythos ./mythos -n 40

bench-mcp: build ## what the gate costs between an MCP client and its server, a list of 10,000 tools, starts; beside mcp-proxy where make mcp has installed it (a minute, five on a busy machine)
	go run ./bench/mcp -mythos ./mythos

bench-tree: build ## a folder of 100,000 files, put beside `git add`, and put again beside `git status` (a quarter of an hour)
	go run ./bench/tree -mythos ./mythos

bench-waiters: build ## how soon 100 processes that wait for an effect have its answer, beside a bare lock (half a minute)
	go run ./bench/waiters -mythos ./mythos -n 100

bench-vectors: ## searches of 10^6 vectors beside a bare loop, of codes beside exact ones, and sqlite-vec (three minutes on an idle machine, 3 GB of memory)
	go run ./bench/vectors

S3 ?= $(CURDIR)/.ci/bin/versitygw
mcp: ## official MCP clients, servers, inspector and conformance suite from npm, beside wrap and serve (npm and its registry, 400 MB; ten minutes)
	@if ! command -v npm >/dev/null; then echo "npm is not installed: what needs it is skipped"; else \
	  mkdir -p .ci/npm && cp cmd/mythos/testdata/npm/package.json cmd/mythos/testdata/npm/package-lock.json .ci/npm/ && \
	  (cd .ci/npm && npm install --ignore-scripts --no-audit --no-fund && node node_modules/node/installArchSpecificPackage.js) && \
	  MYTHOS_TEST_NPM=$(CURDIR)/.ci/npm go test -count=1 -v -run 'TestNPM|TestDocumentationRuns/docs/mcp.md' ./cmd/mythos; fi

PYTHON ?= /usr/bin/python3
finetune: ## examples/finetune as its page says: a transformer, an adapter that is killed and goes on, two rings (PyTorch; three minutes on an idle core)
	@if ! $(PYTHON) -c 'import torch, numpy' 2>/dev/null; then echo "$(PYTHON) has no PyTorch: examples/finetune is skipped (apt-get install python3-torch libopenblas0-pthread)"; else \
	  MYTHOS_TEST_FINETUNE=1 go test -count=1 -v -timeout 60m -run TestDocumentationRuns/examples/finetune/README.md ./cmd/mythos; fi

s3: ## the object store for tests, as .ci/bin/versitygw (four minutes of processor)
	scripts/versitygw.sh

engines: ## the scripts of cmd/mythos a second time, over PostgreSQL and a bucket (needs both, see s3; four minutes)
	MYTHOS_TEST_VERSITYGW=$(S3) MYTHOS_TEST_ALL_ENGINES=1 go test -count=1 -timeout 60m -run 'TestEngines|TestMachines|TestOneKey$$|TestTwiceAtOnce|TestQuotaManyProcesses|TestManyProcesses|TestTwoPromotionsAtOnce' ./cmd/mythos

cluster: ## faults of a repository on many machines: a standby takes over, the bucket is away, workers and who appends are killed and stopped (needs PostgreSQL, pgbouncer and s3; three minutes, seven on a busy machine)
	MYTHOS_TEST_CLUSTER=1 go test -count=1 -v -timeout 60m -run 'TestStandby|TestTurn|TestPooler' ./store/postgres
	MYTHOS_TEST_VERSITYGW=$(S3) MYTHOS_TEST_CLUSTER=1 go test -count=1 -v -timeout 60m -run 'TestWorkersDie|TestSpawnerDies|TestFailover|TestTurnHolderDies|TestMachinesClocks|TestPausedCall|TestBucketAway' ./cmd/mythos

ROUNDS ?= 6
attack: ## each damage to each file of a database and of a repository, ROUNDS times (6: about five minutes); damage is named or does no harm
	ATTACK_ROUNDS=$(ROUNDS) go test ./store/badger -run 'TestDamage|TestMoments|TestGone' -timeout 180m
	ATTACK_ROUNDS=$(ROUNDS) go test ./cmd/mythos -run 'TestDamagedRepository|TestOddFiles' -timeout 180m

line: ## the line between a caller and the ledger of a server is cut after each byte of a call, by a reset and by an end, and carries again, stays dead, or tells nobody (an hour on an idle machine, several on a busy one)
	MYTHOS_TEST_CUT_EVERY=1 go test -count=1 -v -run 'TestCuts|TestDeadLine|TestHalfOpen|TestDelays' -timeout 180m ./internal/remote

KILLS ?= 200
crash: ## kill -9 at random points over 200 puts; nothing acknowledged is lost (about a minute)
	MYTHOS_KILLS=$(KILLS) go test -count=1 -v -run TestKilledPuts ./cmd/mythos

once: ## 100 processes of three identities on one key, 300 deaths, clocks that are apart, a freeze of 64 processes (about 20 minutes)
	MYTHOS_TEST_ONCE=100 MYTHOS_TEST_ROUNDS=300 go test -count=1 -v -timeout 1h -run 'TestOneKey|TestClocks|TestFreezeProcesses|TestWaiterLeaves|TestTwiceAtOnce|TestKilled(Call|Batch)' ./cmd/mythos

network: ## peers that lie, cuts, and links that lose, delay and go dark (about a minute; the links need Linux, root and iproute2)
	MYTHOS_NETWORK=1 go test -count=1 -v -run 'TestNetwork' ./cmd/mythos

tutorials: ## the tutorials and the quickstart pasted into a machine with nothing but busybox and the binary (half a minute; Linux, root, busybox-static)
	scripts/tutorials.sh

quickstart: build ## the whole loop on the Go toolchain's sources (under two minutes)
	./mythos quickstart --full
