"""Shared test set-up: shape checks on, two torch threads, where the sample data is."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# In the background of a shell Ctrl-C is ignored, and would be in every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Shapes are checked in tests only; production pays nothing.
install_import_hook(["vgrout.adapters", "vgrout.routing", "vgrout.grpo"], "beartype.beartype")

settings.register_profile(
    "fast", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "slow", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def sample_problems_path() -> Path:
    """The benchmark sample file; tests that need it skip where it is absent."""
    path = SHARED_DATA / "leetcode_medhard_80.jsonl.gz"
    if not path.exists():
        pytest.skip("the benchmark sample is not beside this checkout (../shared/data)")
    return path


@pytest.fixture(scope="session")
def sample_rollouts_path() -> Path:
    """Real model answers; tests that need them skip where they are absent."""
    path = SHARED_DATA / "model_rollouts_run_tests_320.jsonl.gz"
    if not path.exists():
        pytest.skip("the sample rollouts are not beside this checkout (../shared/data)")
    return path
