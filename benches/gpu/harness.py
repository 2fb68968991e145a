"""What the sections share: sizes, one line per figure, timing by events, and budgets that end a section early."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GIB = 1 << 30
TRACEBACK_CHARACTERS = 4000


class OverBudget(BaseException):
    """A section's time is up. No Exception, so that a guard around one figure lets it pass."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large everything is; `REHEARSAL` runs the same code on a CPU."""

    # shape of the model: Qwen3-4B
    layers: int = 36
    hidden: int = 2560
    intermediate: int = 9728
    heads: int = 32
    kv_heads: int = 8
    head_dim: int = 128
    vocabulary: int = 151_936
    rank: int = 32
    # rows of a training step
    prompt: int = 24
    completion: int = 1000
    micro_batches: tuple[int, ...] = (4, 8, 12)
    variant_batches: tuple[tuple[int, bool], ...] = ((4, False), (8, True))
    """Rows, and whether layers are checkpointed."""
    repeats: int = 5
    matmul: int = 8192
    # the head alone
    head_tokens: int = 8192
    head_chunks: tuple[tuple[int, int], ...] = ((1024, 16384), (1024, 151_936), (4096, 16384), (8192, 8192))
    # generation
    prompts: int = 8
    group: int = 8
    new_tokens: int = 128
    prompt_tokens: int = 256
    # score buffer
    buffer_rows: int = 8192
    buffer_dim: int = 8064
    pushed: int = 64
    # grading
    workers: tuple[int, ...] = (1, 8, 16)
    grading_seconds: float = 2.0
    graded_problems: int | None = None
    smoke: tuple[tuple[str, tuple[str, ...]], ...] = (("cpu", ()), ("cuda", ("--steps", "4")))
    # several ranks: elements of the adapter's differences at r = 32, two blocks of 36 layers
    summed: tuple[int, ...] = (3_670_016,) * 36
    ranks_run: tuple[str, ...] = ("--steps", "6", "--eval.problems", "4", "--eval.samples", "2")
    # the vLLM engine
    engine_run: tuple[str, ...] = ("--steps", "3", "--eval.problems", "4", "--eval.samples", "2")
    compile_backend: str = "inductor"
    compiled_layers: tuple[int, ...] = (1, 2)
    patience: float = 1.0
    """Factor on every section's budget: a rehearsal may share its processor."""


REHEARSAL = Sizes(
    layers=2,
    hidden=32,
    intermediate=48,
    heads=4,
    kv_heads=2,
    head_dim=8,
    vocabulary=211,
    rank=4,
    prompt=4,
    completion=12,
    micro_batches=(2, 3),
    variant_batches=((2, False), (3, True)),
    repeats=2,
    matmul=64,
    head_tokens=50,
    head_chunks=((16, 64), (50, 211)),
    prompts=2,
    group=2,
    new_tokens=5,
    prompt_tokens=6,
    buffer_rows=64,
    buffer_dim=40,
    pushed=8,
    workers=(1, 2),
    grading_seconds=0.3,
    graded_problems=4,
    smoke=(
        (
            "cpu",
            ("--steps", "1", "--eval.problems", "1", "--eval.samples", "1", "--eval.max-new-tokens", "8"),
        ),
    ),
    summed=(1000, 30),
    ranks_run=(
        *("--steps", "2", "--rollouts.prompts-per-step", "2", "--rollouts.max-new-tokens", "24"),
        *("--eval.problems", "1", "--eval.samples", "1", "--eval.max-new-tokens", "8"),
    ),
    engine_run=(
        *("--steps", "1", "--rollouts.prompts-per-step", "2", "--eval.problems", "1", "--eval.samples", "1"),
    ),
    compile_backend="eager",
    compiled_layers=(1,),
    patience=5.0,
)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Of several repetitions; milliseconds."""

    median: float
    low: float
    high: float
    laps: dict[str, float] = field(default_factory=dict)
    """Medians of the parts that the work marked."""

    def fields(self) -> dict[str, Any]:
        """For a figure's line."""
        laps = {f"{name}_ms": round(value, 3) for name, value in self.laps.items()}
        return {
            "ms": round(self.median, 3),
            "ms_low": round(self.low, 3),
            "ms_high": round(self.high, 3),
            **laps,
        }


Lap = Callable[[str], None]


class Bench:
    """A section's view of the run: device, sizes, and where figures go."""

    def __init__(self, *, out: Path, sizes: Sizes, device: str) -> None:
        self.sizes, self.device_name, self.out = sizes, device, out
        self.section = "-"
        self.kept: dict[str, Any] = {}
        """What one section leaves for a later one, such as the large model; it may have to be made again."""

    @property
    def device(self) -> Any:
        import torch

        return torch.device(self.device_name)

    @property
    def cuda(self) -> bool:
        return self.device_name == "cuda"

    def record(self, name: str, **values: Any) -> None:
        """Write one figure."""
        write_row(self.out, {"section": self.section, "name": name, **values})

    def check(self, name: str, value: float, bound: float, **values: Any) -> None:
        """Write a figure that must not exceed `bound`; NaN does not pass."""
        passed = bool(value <= bound)
        self.record(name, value=value, bound=bound, passed=passed, **values)

    @contextlib.contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Record a failure inside instead of losing the rest of the section; out of memory is a figure."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are wanted
            if "out of memory" in str(error).lower():
                self.record(name, out_of_memory=True)
            else:
                self.fail(name, error)
        finally:
            self.release()

    def fail(self, name: str, error: BaseException) -> None:
        """Write what went wrong, and show it."""
        text = "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:]
        sys.stdout.write(f"--- {self.section}/{name} failed\n{text}\n")
        summary = f"{type(error).__name__}: {error}"[:600]
        self.record(name, failed=True, error=summary, traceback=text)

    def release(self) -> None:
        """Give unused memory back."""
        gc.collect()
        if self.cuda:
            import torch

            torch.cuda.empty_cache()

    def synchronize(self) -> None:
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def timed(self, work: Callable[[Lap], object], *, repeats: int | None = None, warmup: int = 2) -> Timing:
        """Time `work`, which is given a function that marks the end of a part."""
        for _ in range(warmup):
            work(lambda _name: None)
        runs = [self._one(work) for _ in range(repeats or self.sizes.repeats)]
        totals = [sum(run.values()) for run in runs]
        names = [name for name in runs[0] if name != "rest"]
        return Timing(
            median=statistics.median(totals),
            low=min(totals),
            high=max(totals),
            laps={name: statistics.median(run[name] for run in runs) for name in names},
        )

    def _one(self, work: Callable[[Lap], object]) -> dict[str, float]:
        """Milliseconds of each part of one run: by device events where there is a device."""
        marks: list[tuple[str, Any]] = []
        self.synchronize()
        marks.append(("start", self._mark()))
        work(lambda name: marks.append((name, self._mark())))
        marks.append(("rest", self._mark()))
        self.synchronize()
        parts = {}
        for (_, before), (name, after) in itertools.pairwise(marks):
            parts[name] = before.elapsed_time(after) if self.cuda else (after - before) * 1e3
        return parts

    def _mark(self) -> Any:
        if not self.cuda:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @contextlib.contextmanager
    def peak(self) -> Iterator[dict[str, float]]:
        """Fill a dictionary with the device memory (GiB) before and at the peak of what runs inside."""
        found: dict[str, float] = {}
        if not self.cuda:
            yield found
            return
        import torch

        self.release()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        try:
            yield found
        finally:
            peak = torch.cuda.max_memory_allocated()
            found |= {
                "peak_gib": round(peak / GIB, 3),
                "above_start_gib": round((peak - before) / GIB, 3),
                "reserved_gib": round(torch.cuda.max_memory_reserved() / GIB, 3),
            }


def write_row(out: Path, row: dict[str, Any]) -> None:
    """Append one line to the figures."""
    with (out / "figures.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, default=str) + "\n")


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Give every complete line of the figures."""
    path = out / "figures.jsonl"
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


@contextlib.contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Raise `OverBudget` in the main thread once the seconds are over."""

    def stop(*_: object) -> None:
        raise OverBudget

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def relative_error(value: Any, reference: Any) -> float:
    """‖value - reference‖ / ‖reference‖ in float64."""
    difference = (value.detach().double() - reference.detach().double()).norm()
    return float(difference / reference.detach().double().norm().clamp(min=1e-300))
