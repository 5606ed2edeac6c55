# Every target is described by the comment behind it; `make help` prints them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := build/plugins
WHEELS := build/dist
LOCK := requirements-dev.lock
IN_PARALLEL := --numprocesses auto --dist worksteal

.PHONY: help install plugins demo test test-rust test-python test-pythons lint types wheel lock clean scrutiny bench model

help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.installed: $(LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement $(LOCK)
	touch $@

install: $(VENV)/.installed ## Create .venv and build the extension into it
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .

plugins: ## Build the Rust plugins into build/plugins, with the Python ones beside them
	cargo build --release --quiet -p zerepy-plugin-search
	rm -rf $(PLUGINS) && mkdir -p $(PLUGINS)/search
	cp plugins/search/plugin.toml target/release/libzerepy_plugin_search.so $(PLUGINS)/search/
	cp -r plugins/search/twin/search_py examples/plugins/stdlib_docs $(PLUGINS)/

demo: install plugins ## Do the main job on real input: search the standard library's docstrings
	$(BIN)/zpl demo --plugins $(PLUGINS)

test: lint test-rust test-python types test-pythons ## Everything: cargo tests, Python tests, lints, type checks, stub check

test-rust: ## The tests of the crates
	cargo test --workspace --quiet

test-python: install plugins ## The tests of the package, with the Rust fixtures built
	cargo build --release --quiet -p zerepy-fixture-twins -p zerepy-fixture-tasks -p zerepy-fixture-arrays \
		-p zerepy-fixture-services
	$(BIN)/python -m pytest $(IN_PARALLEL)

test-pythons: wheel ## The same tests from the wheel, under every Python from 3.11 to 3.13 that is here
	tests/on_every_python.sh $(WHEELS)/*.whl $(LOCK) $(IN_PARALLEL)

wheel: $(VENV)/.installed ## Build the wheel and the source distribution into build/dist
	rm -rf $(WHEELS)
	$(BIN)/maturin build --release --quiet --out $(WHEELS)
	$(BIN)/maturin sdist --out $(WHEELS)

lint: $(VENV)/.installed ## rustfmt, clippy, ruff
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Of the last, three kinds of tests are left out: one opens each byte of a library's file, for an hour, one runs the
# compiler, and a forked child loses by design what belonged to its parent's threads.
MEMCHECK := "valgrind","--quiet","--error-exitcode=99","--leak-check=full","--errors-for-leak-kinds=definite","--show-leak-kinds=definite","--suppressions=$(CURDIR)/tests/memcheck.supp"
scrutiny: ## Longer fuzzing, and the tests of abi, sdk and native under valgrind: a few minutes
	ZEREPY_FUZZ_CASES=1000000 cargo test --quiet -p zerepy-plugin -p zerepy-native --lib fuzz
	ZEREPY_FUZZ_CASES=50000 cargo test --quiet -p zerepy-native --test fuzz
	ZEREPY_FUZZ_CASES=1000 cargo test --quiet --no-fail-fast -p zerepy-plugin-abi -p zerepy-plugin -p zerepy-native \
		--features zerepy-plugin/async --lib --tests --config 'target."cfg(unix)".runner=[$(MEMCHECK)]' \
		-- --skip no_damage_crashes_the_reader --skip forked_child --skip each_mistake

# The peers stand beside .venv, not in it, and are built in a workspace of their own.
PEERS := build/bench/peers
$(PEERS)/.installed: tests/bench/requirements.txt $(VENV)/.installed
	rm -rf $(PEERS)
	$(BIN)/python -m pip install --quiet --target $(PEERS) --requirement $<
	touch $@

bench: install $(PEERS)/.installed ## Measure it and its peers side by side: all, or ONLY="calls hooks"; minutes
	cargo build --release --quiet --manifest-path tests/bench/peers/Cargo.toml --target-dir target/peers
	mkdir -p build/bench/lib
	cp target/peers/release/libbench_hand.so build/bench/lib/bench_hand.so
	cp target/peers/release/libbench_plugin.so build/bench/lib/
	cargo build --release --quiet -p zerepy-bindings --no-default-features --target-dir target/version
	rm -rf build/bench/version && mkdir -p build/bench/version
	cp -r python/zerepy_plugins build/bench/version/
	cp target/version/release/lib_native.so build/bench/version/zerepy_plugins/_native.abi3.so
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=$(CURDIR)/$(PEERS):$(CURDIR)/build/bench/lib $(BIN)/python tests/bench/run.py $(ONLY)

# In a directory of its own: with another flag everything would be built anew, here and there.
model: ## Check the protocol between calls and stopping in every order of threads
	RUSTFLAGS="--cfg shuttle" cargo test --quiet --package zerepy-core --lib --target-dir build/model tests::admission

types: install ## mypy in strict mode, and the stub against the built extension
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest zerepy_plugins._native --allowlist tests/stubtest_allowlist.txt

lock: ## Renew requirements-dev.lock from the newest versions that fit
	$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet --upgrade pip
	build/lock/bin/python -m pip install --quiet --group dev 'rich>=13.7' 'typer>=0.20'
	build/lock/bin/python -m pip freeze --quiet | grep -v '^zerepy' > $(LOCK)

clean: ## Remove everything that was built
	rm -rf $(VENV) build dist target
