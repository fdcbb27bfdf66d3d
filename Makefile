LANGUAGE ?= typescript

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## One example's whole life against the emulator (LANGUAGE=typescript, python, go or csharp)
	@examples/demo $(LANGUAGE)

build: ## The plugin, for development
	cargo build --workspace

test: ## Every test, with all set-up
	@tests/run cargo oracles wire e2e

oracles: ## The emulator, tested with clients that are not ours
	@tests/run oracles

e2e: ## The examples with the real CLI, in four languages
	@tests/run e2e

e2e-%: ## The same in one language: e2e-go
	@E2E_LANGUAGES=$* tests/run e2e

fuzz: ## What comes from outside, with random bytes for a minute each; needs cargo-fuzz
	@tests/fuzz

lint: ## Formatting and lints
	@tests/lint

generate: ## Everything that is made from something else: protocol code, schema.json, the four SDKs
	@sdk/generate

generated-current: ## Fails where `make generate` changes a file
	@sdk/generate --check

install: ## The plugin for your own use, and the packages that the examples need
	@sdk/install

clean: ## Removes what was built here
	cargo clean
	rm -rf sdk/nodejs/bin sdk/nodejs/node_modules sdk/dotnet/bin sdk/dotnet/obj sdk/python/build

ci: ## What every change must pass
	@.ci/run

.PHONY: help demo build test oracles e2e fuzz lint generate generated-current install clean ci
