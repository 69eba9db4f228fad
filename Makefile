# Gallra: everything a developer does, by name. `make help` lists it.

.DEFAULT_GOAL := help
SHELL := /bin/bash -eu -o pipefail
TOOLS := internal/tools
# Modules of their own: what few users want. Each is tested and checked like the rest.
NESTED := gdpr/otelgdpr

# Everything built or written by these targets lies in bin/ and out/, which git ignores.
export GOFLAGS ?= -buildvcs=false

##@ Every day

.PHONY: test
test: setup bin/gotestsum ## Run all tests; install or name what is missing, and let no test skip for the want of it
	@mkdir -p out && rm -f out/test.json
	@status=0; run="$(CURDIR)/bin/gotestsum --format pkgname --format-icons text --format-hide-empty-pkg --hide-summary skipped"; \
	GALLRA_REQUIRE=1 $$run --jsonfile out/test.json -- -timeout 18m ./... || status=$$?; \
	for module in $(NESTED); do \
		(cd $$module && $$run --jsonfile "$(CURDIR)/out/nested.json" -- ./...) || status=$$?; \
		cat out/nested.json >> out/test.json && rm out/nested.json; \
	done; \
	$(TOOLS)/summary.sh out/test.json || status=1; \
	exit $$status

.PHONY: check
check: check-format check-vet check-house check-tidy check-lint check-race ## Everything that must hold before a commit, besides the tests

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Parts of check

.PHONY: check-format
check-format: ## gofmt has nothing to say
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

.PHONY: check-vet
check-vet: ## go vet
	go vet ./...
	@for module in $(NESTED); do (cd $$module && go vet ./...); done

.PHONY: check-house
check-house: ## Import floors, words of shared SQL, pinned versions
	go test ./internal/archtest

.PHONY: check-tidy
check-tidy: ## go.mod and go.sum are tidy
	go mod tidy -diff
	@for module in $(NESTED); do (cd $$module && go mod tidy -diff); done

.PHONY: check-lint
check-lint: bin/golangci-lint ## golangci-lint, in the version that internal/tools fixes
	bin/golangci-lint run
	@for module in $(NESTED); do (cd $$module && "$(CURDIR)/bin/golangci-lint" run -c "$(CURDIR)/.golangci.yml"); done

# Pure Go SQLite is some twenty times slower under the race detector, so this keeps to the packages with goroutines of their own, and to the
# engine's tests in which several writers, readers and engines meet. `make test` runs everything.
SHARED := PutGetFindSweep|OneRegister|Everybody|Concurrent|TwoSweeps|HoldReleased|ManySides|SweepRaces
.PHONY: check-race
check-race: setup ## Where goroutines meet, under the race detector
	go test -race -short -timeout 8m ./crypto/... ./retention/... ./gdpr/audit/... ./gdpr/storage/memory ./gdpr/civil/... ./subjectrights/...
	go test -race -short -timeout 8m -run "$(SHARED)" ./gdpr

##@ Now and then

.PHONY: bench
bench: setup ## All benchmarks against their baselines; writes bench/results.json
	go run ./internal/bench

.PHONY: bench-quick
bench-quick: setup ## The same with few rounds, to see that they run
	go run ./internal/bench -quick

.PHONY: soak
soak: setup ## Property and model tests for long, from a random seed: ROUNDS=2000
	GALLRA_SEED=random GALLRA_REQUIRE=1 go test -count=1 -timeout 2h -run 'TestModel$$' \
		./gdpr/storage/memory ./gdpr/storage/sqlite ./gdpr/storage/postgres ./examples/journal -rapid.checks $(or $(ROUNDS),2000)
	GALLRA_SEED=random go test -count=1 -timeout 2h ./retention ./gdpr/civil -rapid.checks $(or $(ROUNDS),2000)
	GALLRA_SEED=random go test -count=1 -timeout 2h -run 'TestLifetimes$$' ./gdpr -rapid.checks $(or $(ROUNDS),2000)

.PHONY: cover
cover: ## How much of each package its tests, and those of its users, reach
	@mkdir -p out
	go test -short -coverpkg=./... -coverprofile=out/cover.out ./... > out/cover.txt || { cat out/cover.txt; exit 1; }
	go tool cover -html=out/cover.out -o out/cover.html
	@go tool cover -func=out/cover.out | tail -1; echo "line by line: out/cover.html"

.PHONY: generate
generate: ## Write the invented tickets, agreements and persons under testdata/ anew
	go run ./internal/invented/generate

.PHONY: pictures
pictures: setup ## Take the pictures of docs/for-dpos.md anew, from the real report
	@mkdir -p docs/report
	go run ./internal/chromium/pictures

.PHONY: setup
setup: ## Look for what the tests need; as root on Debian or Ubuntu, install what is missing
	@$(TOOLS)/setup.sh

.PHONY: clean
clean: ## Remove bin/ and out/
	rm -rf bin out

# The tools are built once, from the versions in a module of their own, and again when these change.
bin/golangci-lint: $(TOOLS)/go.mod $(TOOLS)/go.sum
	cd $(TOOLS) && go build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/gotestsum: $(TOOLS)/go.mod $(TOOLS)/go.sum
	cd $(TOOLS) && go build -o ../../$@ gotest.tools/gotestsum
