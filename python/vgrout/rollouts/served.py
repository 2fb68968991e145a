"""Adapters put where an engine can load them: one new folder a version, removed when it is replaced."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from vgrout.adapters import Lora2r
from vgrout.adapters.peft_io import export_ablated, export_full
from vgrout.errors import ConfigError
from vgrout.rollouts.rows import Adapter, Kind

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - meant: adapters are written every step and never kept
_SHARE = 0.1
"""Size of the probe's differences, as a share of the initial factors."""


def new_work_folder(asked: Path | None) -> Path:
    """A new folder in `asked`, or in shared memory, or where there is none in the temporary folder.

    Raises:
        ConfigError: `asked` is no folder that can be written to.
    """
    if asked is not None and not asked.is_dir():
        raise ConfigError(f"rollouts.adapter_dir: {asked} is not a folder")
    default = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    try:
        return Path(tempfile.mkdtemp(prefix="vgrout-", dir=asked or default)).absolute()
    except OSError as error:
        raise ConfigError(
            f"rollouts.adapter_dir: nothing can be written in {asked or default}: {error.strerror}"
        ) from error


class AdapterStore:
    """Exports the adapter as standard LoRA, a version at a time; a name or a path is never used twice."""

    def __init__(self, adapter: Lora2r, folder: Path) -> None:
        """Put versions in `folder`, which somebody else removes."""
        self._adapter, self._folder = adapter, folder
        self._run, self._count = secrets.token_hex(4), 0

    def publish(self, kind: Kind, version: str) -> Adapter:
        """Write the weights as they are now.

        In the base model's precision: an engine's kernels take no other.
        """
        self._count += 1
        label = f"{version}-{self._count}-{kind.label}"
        path = self._folder / label
        dtype = self._adapter.linears[0].weight.dtype
        if kind.ablated:
            export_ablated(self._adapter, path, dtype=dtype)
        else:
            export_full(self._adapter, path, dtype=dtype, quarantine_scale=kind.scale)
        return Adapter(name=f"vgrout-{self._run}-{label}", number=self._count, path=str(path))

    def remove(self, adapter: Adapter) -> None:
        """Forget a version; whoever serves it has let go of it."""
        shutil.rmtree(adapter.path, ignore_errors=True)


@contextmanager
def perturbed(adapter: Lora2r) -> Iterator[None]:
    """Inside, every module of both blocks contributes about a tenth of what a random matrix of its size would.

    The parameters are put back bit for bit. It shows whether an engine applies the adapter before there is anything
    to apply: a new one contributes nothing.
    """
    parameters = dict(adapter.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    generator = torch.Generator().manual_seed(0)
    try:
        with torch.no_grad():
            for name, parameter in parameters.items():
                width = parameter.shape[1] if "delta_a" in name else 2 * adapter.rank
                noise = torch.randn(parameter.shape, generator=generator) * (_SHARE / width**0.5)
                parameter.copy_(noise)
        yield
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(before[name])
        adapter.sync()
