# Every entry point of the project; CI calls the same recipes.
set shell := ["bash", "-euo", "pipefail", "-c"]

export RUST_BACKTRACE := "1"

_default:
    @just --list --unsorted

# Install uv where it is missing, then the locked environment with the extension built
setup:
    command -v uv >/dev/null || python3 -m pip install uv
    uv sync

# Build the extension and the wheel
build:
    uv build --wheel --out-dir dist

fmt:
    cargo fmt --all
    uv run ruff format python tests benches
    uv run ruff check --fix --quiet python tests benches

lint:
    cargo fmt --all --check
    cargo clippy --workspace --release --all-targets -- -D warnings
    uv run ruff format --check python tests benches
    uv run ruff check python tests benches
    uv run mypy
    uv run lint-imports

# Everything that must hold on a plain machine
test: lint test-rust test-py

test-rust:
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --release --no-fail-fast; else cargo test --workspace --release --no-fail-fast; fi

test-py *args:
    uv run pytest {{args}}

attacks:
    uv run pytest tests/attacks

smoke *args:
    uv run vgrout-train smoke {{args}}

bench:
    cargo bench -p vgrout-bench
