# Targets for people. CI calls .ci/run and nothing else.
.PHONY: duckdb build test check generate fuzz bench crash quickstart

build: ## build ./mythos
	go build -trimpath -o mythos ./cmd/mythos

test: ## the README's test command (under five minutes)
	go test ./...

check: ## everything that CI checks (under fifteen minutes)
	.ci/run

generate: ## manual pages, completions, JSON Schemas, the table of exit codes
	go generate ./...

FUZZTIME ?= 20s
fuzz: ## run each fuzz target for FUZZTIME (20 s each by default)
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

duckdb: ## read exported datasets with DuckDB and Arrow, and measure beside DuckDB (needs cgo; a minute)
	cd bench/datasets && go test -bench . -benchtime 3x .

bench: ## all benchmarks (about five minutes)
	go test -run '^$$' -bench . -benchmem ./...

KILLS ?= 200
crash: ## kill -9 at random points over 200 puts; nothing acknowledged is lost (about a minute)
	MYTHOS_KILLS=$(KILLS) go test -count=1 -v -run TestKilledPuts ./cmd/mythos

quickstart: ## the whole loop on the Go toolchain's sources (under two minutes)
	go run ./cmd/mythos quickstart
