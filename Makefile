# `make demo` and `make test` need Go and Python 3 with pip, nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS     := -s -w -X main.version=$(VERSION)
FUZZTIME    ?= 10s
# Without gRPC's pages of traces, which nobody sees, the linker can tell which methods are never called: 7 MB less.
TAGS        := grpcnotrace

.PHONY: fused help build demo up test race fuzz golden fmt lint check detect bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binaries into bin/
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/ringfence ./examples/agent ./examples/demo

demo: build ## start a mesh on a real Envoy and play the scenario
	bin/demo

up: build ## leave the same mesh running
	bin/demo --stay --data .data

test: ## run all tests, the end-to-end ones on a real Envoy included
	go test ./...

race: ## run all tests under the race detector
	go test -race ./...

fused: ## run the end-to-end tests of what may pass once more, with Envoys that ask once (envoy.shape: fused), and grpc-go
	RINGFENCE_E2E_SHAPE=fused RINGFENCE_E2E_RPC=grpc-go go test -count=1 ./tests/e2e -run 'TestMatrix|TestDataPath|TestContentOf|TestContentIn|TestPolicyRules|TestLimitsOfRingThree|TestApprovalTasks|TestHost|TestKill'

fuzz: ## fuzz every parser for FUZZTIME each
	scripts/fuzz $(FUZZTIME)

golden: ## rewrite the golden files
	go test ./tests/detect ./tests/detect/evasion ./internal/a2a ./internal/agent ./internal/config ./internal/did ./internal/identity ./internal/inspect/internal/confusables ./cmd/ringfence ./xds ./envoy -update

fmt: ## format the code
	go run $(GOFUMPT) -l -w .

lint: ## format check, vet, staticcheck
	@test -z "$$(go run $(GOFUMPT) -l .)" || { echo "run make fmt"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

check: lint race build ## what CI runs
	@git diff --exit-code -- go.mod go.sum

detect: ## measure what content rules find and what disguises cost; FILES="a.jsonl b" measures other sets, with a report in OUT
	go run ./tests/detect $(if $(FILES),-out $(or $(OUT),bin/detect) $(FILES),-check)

bench: build ## measure bare Envoy against governed Envoy and a peer, and propagation; ARGS="-short", ARGS="-only shapes"
	scripts/bench $(ARGS)

clean: ## remove what the targets made
	rm -rf bin .data
