# caduceus: a private BitTorrent tracker for biology data in one Go binary.
# Only Go and make are needed; what the tests need besides, they install.

GO      ?= go
LINT     = $(shell $(GO) env GOPATH)/bin/golangci-lint
LINT_VERSION = v2.15.0
VULN_TOOL = golang.org/x/vuln/cmd/govulncheck@v1.9.0
SBOM_TOOL = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 20s
PKG      ?= ./...
GO_BUILD = $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
# Tests are linked without DWARF, which only debuggers read: that takes half the time.
TESTFLAGS = -ldflags=-w

# Build tags, with commas between them. Build, vet, lint and tests all see them here.
GOTAGS  ?= nomsgpack
export GOFLAGS := $(strip $(GOFLAGS) $(addprefix -tags=,$(GOTAGS)))

# One program without cgo: it runs on any Linux of its architecture.
export CGO_ENABLED = 0

.PHONY: help run build demo quick look screenshots test race test-kill test-stores test-long check vuln bench bench-tracker bench-irc fuzz docs release clean needs lint-tool
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

build: ## build ./caduceus
	$(GO_BUILD) -o caduceus .

run: build ## build and start everything on an embedded database in ./var
	./caduceus serve

demo: build ## a scratch site with real datasets, members and BitTorrent clients
	@./scripts/needs.sh demo
	./caduceus demo

quick: ## the tests without MariaDB, a browser and other people's programs
	$(GO) test -short $(TESTFLAGS) -p 4 $(PKG)

# What takes longest goes first: beside it the others run. make check has vetted all.
test: PKG = ./e2e ./site ./tracker ./internal/db ./...
test: needs ## install what the tests need and run all of them (PKG=./… for some)
	$(GO) run ./scripts/test $(TESTFLAGS) -vet=off -timeout 15m -p 2 $(PKG)

race: ## the same with the race detector
	@./scripts/needs.sh test gcc libc6-dev
	CGO_ENABLED=1 $(GO) run ./scripts/test $(TESTFLAGS) -race -timeout 20m -p 2 $(PKG)

test-kill: needs ## kill tracker and database again and again, for some minutes
	CADUCEUS_TEST_LONG=1 $(GO) run ./scripts/test $(TESTFLAGS) -timeout 60m -p 1 -count 1 -run '^(TestKill|TestOutage|TestFullDisk)' ./tracker

test-stores: needs ## the stores on MariaDB as it was before 11.6.2, without innodb_snapshot_isolation
	CADUCEUS_TEST_SNAPSHOT_ISOLATION=OFF $(GO) run ./scripts/test $(TESTFLAGS) -timeout 20m -p 2 -count 1 ./internal/...

test-long: test-kill test-stores ## test-kill, the long tests with the race detector, 5m for each fuzz target: hours
	@./scripts/needs.sh test gcc libc6-dev
	CADUCEUS_TEST_LONG=1 CGO_ENABLED=1 $(GO) run ./scripts/test $(TESTFLAGS) -race -timeout 120m -p 1 -count 1 ./ircd/... ./tracker/... ./internal/eventlog/...
	./scripts/fuzz.sh 5m

look: needs ## take a picture of every page in ./look, and let axe look at each (ARGS=500 for so many datasets)
	rm -rf look
	CADUCEUS_LOOK=$(CURDIR)/look CADUCEUS_LOOK_DATASETS=$(or $(ARGS),8) CADUCEUS_BROWSER_MINUTES=90 GOFLAGS="$(GOFLAGS),look" $(GO) test $(TESTFLAGS) -timeout 90m -count 1 -run '^TestLook$$' ./site
	@echo "Open look/index.html."

screenshots: build needs ## take the README's pictures of the demo again
	$(GO) run ./scripts/screenshots

check: lint-tool ## format, vet, lint and the law of imports
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
		if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(LINT) run --allow-parallel-runners ./...
	$(GO) test -count=1 -run '^TestImportLaw' .

vuln: ## look for known vulnerabilities in what the program calls (ARGS=… for govulncheck)
	@./scripts/vuln.sh $(VULN_TOOL) $(ARGS)

bench: ## run the benchmarks (PKG=./… for some)
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $(PKG)

bench-tracker: build ## put load on the tracker, on MariaDB, and on others, and compare (ARGS=… for the tool)
	@./scripts/needs.sh bench
	$(GO) build -o bin/load ./tracker/load
	$(GO) run ./scripts/withmariadb ./bin/load -caduceus caduceus=./caduceus \
		-caduceus sync-always=./caduceus,CADUCEUS_TRACKER_JOURNAL_SYNC=always \
		-caduceus busy=./caduceus,CADUCEUS_TRACKER_FLUSH_EVERY=5s,CADUCEUS_TRACKER_CHECKPOINT_EVERY=5s $(ARGS)

bench-irc: build ## put load on the IRC network, on MariaDB, and on inspircd and ngircd, and compare (ARGS=… for the tool)
	@./scripts/needs.sh bench
	$(GO) build -o bin/irc-load ./ircd/load
	$(GO) run ./scripts/withmariadb ./bin/irc-load -caduceus ./caduceus $(ARGS)

fuzz: ## run every fuzz target for FUZZTIME (20s)
	./scripts/fuzz.sh $(FUZZTIME)

docs: ## write docs/configuration.md from the comments in the code
	$(GO) run ./scripts/docs

release: ## static binaries for Linux (amd64, arm64) in dist/, with checksums and SBOMs
	rm -rf dist
	@set -e; for arch in amd64 arm64; do \
		name=dist/caduceus-$(VERSION)-linux-$$arch; echo "$$name"; \
		GOOS=linux GOARCH=$$arch $(GO_BUILD) -o $$name .; \
		$(GO) run $(SBOM_TOOL) bin -json -std -licenses -noserial -notimestamp -version $(VERSION) -output $$name.cdx.json $$name; \
	done
	cd dist && sha256sum caduceus-* >SHA256SUMS

clean: ## remove what was built; ./var, your data, stays
	rm -rf caduceus bin dist coverage.out
	$(GO) clean -testcache

needs:
	@./scripts/needs.sh test

lint-tool:
	@$(LINT) version 2>/dev/null | grep -q 'version $(LINT_VERSION:v%=%) ' || { \
		echo "Installing golangci-lint $(LINT_VERSION)."; \
		$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION); }
