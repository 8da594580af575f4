# make demo   shows the whole flow: create an endpoint, publish, deliver, verify
# make test   every test, with the race detector if there is a C compiler to link it
# make check  before every commit: format, vet, lint, test

GO ?= go

RACE ?= $(shell command -v "$${CC:-gcc}" >/dev/null 2>&1 && echo -race)

# Tools run at these versions through "go run", so that nothing is installed.
GOFUMPT      = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK  = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI     = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# PKG narrows test, bench, fuzz and faults to some packages.
PKG        ?= ./...
# OWN are the modules below this one, which "./..." does not enter.
OWN         = $(if $(filter ./...,$(PKG)),dispatcher/transport/pubsub)
BENCH      ?= .
FUZZTIME   ?= 10s
# FAULT_RUNS is what the long fault runs read; empty, each test runs its short version.
FAULT_RUNS ?= long
FAULT_TIME ?= 120m

.DEFAULT_GOAL := test
.PHONY: demo test check format lint bench fuzz faults audit sabotage

demo:
	$(GO) run ./examples/quickstart

test:
	@status=0; echo "$(GO) test $(RACE) -timeout 15m $(PKG)"; \
	$(GO) test $(RACE) -timeout 15m $(PKG) || status=$$?; \
	for m in $(OWN); do echo "$$m:"; (cd $$m && $(GO) test $(RACE) -timeout 5m ./...) || status=$$?; done; \
	exit $$status

check: format lint test

format:
	@files="$$($(GOFUMPT) -l .)" || exit 1; \
	if [ -n "$$files" ]; then echo "gofumpt would change:"; echo "$$files"; exit 1; fi

lint:
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GOLANGCI) run ./...
	@set -e; for m in $(OWN); do echo "$$m:"; (cd $$m && $(GO) vet ./... && $(STATICCHECK) ./... && $(GOLANGCI) run ./...); done

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

# Every fuzz target for FUZZTIME; a finding is left in the package's testdata/fuzz.
fuzz:
	@set -e; for pkg in $$($(GO) list $(PKG)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

faults:
	POSTRIDER_FAULTS=$(FAULT_RUNS) $(GO) test -count 1 -timeout $(FAULT_TIME) -v -run 'Fault' $(PKG)

# What a security engineer wants to see: every test that SECURITY.md names, the corpora
# of hostile input, the hunt for canaries, every fuzz target for FUZZTIME, hostile
# receivers, and that the tests of guard, fence and outbox can fail. HOSTILE_FOR is how
# long the receivers are hostile.
HOSTILE_FOR ?= 10m
AUDIT_TESTS  = $(shell grep -oE '`(Test|Fuzz)[A-Za-z0-9]+`' SECURITY.md | tr -d '`' | sort -u | paste -sd '|' -)
AUDIT_WORDS  = URL|Hostile|Denied|Names|Lists|Proxy|Redirect|Control|Special|Canar|Secret|Credential|Redact|Echo|Watch|Seal|Backup|Erase|Vacuum

audit: sabotage
	$(GO) test -count 1 -run '^($(AUDIT_TESTS))$$|$(AUDIT_WORDS)' $(PKG)
	$(GO) test -count 1 -run 'Contract|TestStore$$|FaultsAreCaught' ./store/...
	POSTRIDER_FAULTS=$(FAULT_RUNS) $(GO) test -count 1 -timeout $(FAULT_TIME) -v -run 'FaultHostile' ./dispatcher/faults -hostile.for=$(HOSTILE_FOR)
	$(MAKE) fuzz

# Builds that lack a promise must fail their tests.
sabotage:
	POSTRIDER_FAULTS=$(FAULT_RUNS) $(GO) test -count 1 -timeout $(FAULT_TIME) -v ./sabotage
