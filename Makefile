LANGUAGE ?= typescript

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## One example's whole life against the emulator (LANGUAGE=typescript, python, go, csharp or yaml)
	@examples/demo $(LANGUAGE)

build: ## The plugin, for development
	cargo build --workspace

test: ## Tests of every kind, with all set-up; of what is tried in many cases or languages, a part
	@tests/run cargo oracles wire docs e2e

test-all: ## The same in every case and language, as CI runs it
	@EVERY_TEST=true tests/run cargo oracles wire docs e2e

oracles: ## The emulator, tested with clients that are not ours
	@tests/run oracles

e2e: ## The examples with the real CLI, in four languages and YAML
	@tests/run e2e

e2e-%: ## The same in one language: e2e-go
	@E2E_LANGUAGES=$* tests/run e2e

crash: ## The plugin and `pulumi` killed at every instant of every operation of every type
	@cargo build --workspace --quiet
	@EVERY_TEST=true tests/e2e/run "" -k test_crash

bench: ## Start, memory, throughput, `pulumi` on many images, against floors: bench/RESULTS.md (BENCH_SIZES, PEER)
	@bench/run

instructions: ## Fails if a Check, a signature or an answer's reading takes a tenth more instructions than committed
	@python3 bench/instructions.py

instructions-renew: ## Writes the present counts to bench/ceilings.json
	@python3 bench/instructions.py --renew

soak: ## Two thousand images while one call in twenty goes wrong; no part of `make test` (SEED repeats a run)
	@tests/soak/run $(if $(SEED),--seed $(SEED))

fuzz: ## What comes from outside, with random bytes for a minute each; needs cargo-fuzz
	@tests/fuzz

lint: ## Formatting and lints
	@tests/lint

generate: ## Everything that is made from something else: protocol code, schema.json, the four SDKs
	@sdk/generate

generated-current: ## Fails if `make generate` changes a file
	@sdk/generate --check

docs: ## The documentation as a static site: target/docs/index.html
	@docs/build

docs-test: ## Its links, its examples, what it says of properties, and how Chromium shows it
	@tests/run docs

install: ## The plugin for your own use, and the packages that the examples need
	@sdk/install

dist: ## What a release consists of, as far as this machine can build it, in dist/ (PARTS="linux-amd64 nodejs sums")
	@python3 release/parts.py $(PARTS)

clean: ## Removes what was built here
	cargo clean
	rm -rf dist sdk/nodejs/bin sdk/nodejs/node_modules sdk/dotnet/bin sdk/dotnet/obj sdk/python/build

ci: ## What every change must pass
	@.ci/run

.PHONY: help demo build test test-all oracles e2e crash bench instructions instructions-renew soak fuzz lint generate generated-current docs docs-test install dist clean ci
