# Everything a person does with this tree. `make help` lists it.
SHELL := /bin/bash
GO    ?= go
export CGO_ENABLED ?= 0

VERSION := $(shell cat VERSION)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: build demo test bench race lint vuln fuzz cover generate clean help

build: ## build the binaries into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

demo: build ## run a Central Node and an agent here, with real events of this machine (DEMO_SECONDS=30 ends it)
	scripts/demo.sh

test: ## check and test everything; installs what is missing, ends with the counts
	scripts/test.sh

bench: build ## measure, beside peers where there are any; results in bench/
	scripts/bench.sh

race: ## only the Go tests, with the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

lint: ## gofmt, vet, staticcheck, tidy go.mod, generated files up to date
	scripts/lint.sh

vuln: ## known vulnerabilities of the dependencies (needs the internet)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

fuzz: ## every fuzz target for FUZZ_TIME (default 20s) each
	scripts/fuzz.sh

cover: ## test coverage by package
	CGO_ENABLED=1 $(GO) test -race -coverprofile=coverage.out ./... && $(GO) tool cover -func=coverage.out

generate: ## Go from the protobuf contracts
	scripts/generate.sh

clean: ## remove what was built
	rm -rf bin bench demo coverage.out

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
