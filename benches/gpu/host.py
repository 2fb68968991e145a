"""What runs on the processor: environment, fence and grading, the score buffer, the smoke preset."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from harness import Bench

from vgrout.versions import version_of

PACKAGES = (
    "vgrout",
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "triton",
    "peft",
    "vllm",
    "jaxtyping",
    "tyro",
)
MODULES = (
    "vgrout.adapters", "vgrout.grpo", "vgrout.routing", "vgrout.rollouts.hf", "vgrout.evals.evaluate",
    "vgrout.train.run",
)  # fmt: skip
ABSENT = ("peft", "vllm")
"""A machine may lack these: the trainer must do without."""


def environment(bench: Bench) -> None:
    """Versions, processor, device, and that the trainer loads where peft and vllm are not installed."""
    versions = {name: version_of(name) or "-" for name in PACKAGES}
    bench.record("versions", python=platform.python_version(), **versions)
    bench.record(
        "machine",
        kernel=platform.release(),
        libc=" ".join(platform.libc_ver()),
        cpus=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1),
    )
    with bench.guard("device"):
        _device(bench)
    with bench.guard("imports"):
        _imports_without_optional_parts(bench)


def _device(bench: Bench) -> None:
    import torch

    if not bench.cuda:
        bench.record("device", kind="cpu", threads=torch.get_num_threads())
        return
    properties = torch.cuda.get_device_properties(0)
    bench.record(
        "device",
        kind=properties.name,
        multiprocessors=properties.multi_processor_count,
        memory_gib=round(properties.total_memory / (1 << 30), 2),
        capability=f"{properties.major}.{properties.minor}",
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
        bf16_reduced=torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
    )


def _imports_without_optional_parts(bench: Bench) -> None:
    code = f"import sys; sys.modules |= dict.fromkeys({ABSENT}); import {', '.join(MODULES)}; print(vgrout.__file__)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    bench.check(
        "imports_without_peft_and_vllm",
        float(done.returncode),
        0.0,
        seconds=round(time.perf_counter() - start, 2),
        package="source tree" if _in_source_tree(done.stdout.strip()) else "installed",
        error=done.stderr[-500:],
    )


def _in_source_tree(file: str) -> bool:
    """Tell whether a package's `__init__.py` lies in a checkout: `python/vgrout/` beside a project file."""
    return (Path(file).parents[2] / "pyproject.toml").is_file() if file else False


# grading


def grading(bench: Bench) -> None:
    """The fence on this kernel, verdicts on the package's problems, and light rollouts a second."""
    from vgrout.env.problems import load_problems

    problems = load_problems()[: bench.sizes.graded_problems]
    with bench.guard("doctor"):
        _doctor(bench)
    with bench.guard("fence"):
        _fence(bench)
    with bench.guard("canonicals"):
        _canonicals(bench, problems)
    with bench.guard("hacks"):
        _hack_matrix(bench, problems)
    for workers in bench.sizes.workers:
        with bench.guard(f"rollouts_{workers}_workers"):
            _throughput(bench, problems, workers)


def _doctor(bench: Bench) -> None:
    """Record what `vgrout doctor` says, where there is such a command."""
    done = subprocess.run(
        [sys.executable, "-m", "vgrout.cli", "doctor"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    bench.record("doctor", status=done.returncode, detail=True, text=(done.stdout + done.stderr)[-6000:])
    sys.stdout.write(f"--- vgrout doctor (status {done.returncode})\n{done.stdout}{done.stderr}\n")


def _fence(bench: Bench) -> None:
    from vgrout import Grader

    with Grader(workers=1) as grader:
        report = grader.fence
    layers = {layer.name: layer.status for layer in report.layers}
    bench.record("fence", level=report.level, **layers)
    for layer in report.layers:
        if layer.reason:
            bench.record("fence_reason", layer=layer.name, errno=layer.errno, reason=layer.reason)
        open_probes = [attack for attack, blocked, _ in layer.probes if not blocked]
        if layer.status == "enforced":
            bench.check(f"open_probes_{layer.name}", len(open_probes), 0, open=open_probes)


def _job(problem: Any, code: str, mode: str, marker: str | None = None) -> Any:
    from vgrout import GradeJob

    return GradeJob(
        f"```python\n{code}\n```",
        list(problem.tests),
        mode=mode,
        setup_code=problem.setup_code,
        canonical_solution=problem.canonical_solution,
        func_name=problem.func_name,
        marker=marker,
    )


def _canonicals(bench: Bench, problems: list[Any]) -> None:
    """Every canonical solution is correct, whatever mode it is graded in."""
    from vgrout import Grader
    from vgrout.env.modes import MODES

    with Grader() as grader:
        for mode in MODES:
            verdicts = grader.grade([_job(p, p.canonical_solution, mode) for p in problems])
            wrong = [
                f"{p.id}: {v.outcome}" for p, v in zip(problems, verdicts, strict=True) if not v.gt_correct
            ]
            cpu = np.array([verdict.cpu_ms for verdict in verdicts])
            bench.check(
                f"canonicals_refused_{mode}",
                len(wrong),
                0,
                of=len(problems),
                wrong=wrong[:5],
                cpu_ms_median=round(float(np.median(cpu)), 2),
                cpu_ms_max=round(float(cpu.max()), 2),
            )


def _hack_matrix(bench: Bench, problems: list[Any]) -> None:
    """Hack by mode against mode graded under: each pays in its own mode, none is ever correct."""
    from vgrout import Grader
    from vgrout.env.hacks import hack_code
    from vgrout.env.modes import LOOPHOLE_MODES, MODES, training_marker

    with Grader() as grader:
        for hack in LOOPHOLE_MODES:
            codes = [hack_code(problem, hack, training_marker(hack)) for problem in problems]
            paid: Counter[str] = Counter()
            correct = 0
            for mode in MODES:
                jobs = [_job(p, code, mode) for p, code in zip(problems, codes, strict=True)]
                verdicts = grader.grade(jobs)
                paid[mode] = sum(verdict.exploited for verdict in verdicts)
                correct += sum(verdict.gt_correct for verdict in verdicts)
            missed = len(problems) - paid[hack]
            bench.check(
                f"hack_missed_{hack}", missed + correct + paid["gt_only"], 0, of=len(problems), **paid
            )


def _throughput(bench: Bench, problems: list[Any], workers: int) -> None:
    """Light rollouts a second: the quickest canonical solution, graded without a loophole and in run_tests mode."""
    from vgrout import Grader

    with Grader(workers=workers) as grader:
        verdicts = grader.grade([_job(p, p.canonical_solution, "gt_only") for p in problems])
        _, place = min((verdict.cpu_ms, place) for place, verdict in enumerate(verdicts))
        light = problems[place]
        for mode in ("gt_only", "run_tests"):
            job = _job(light, light.canonical_solution, mode)
            rate, count = 0.0, 8 * workers
            for seconds in (0.2, bench.sizes.grading_seconds):
                start = time.perf_counter()
                batch = grader.grade([job] * count)
                elapsed = time.perf_counter() - start
                rate = count / elapsed
                wrong = sum(not verdict.gt_correct for verdict in batch)
                last, count = count, max(8 * workers, int(rate * seconds * 2))
            bench.record(
                f"rollouts_{workers}_workers_{mode}",
                rollouts_per_s=round(rate, 1),
                rollouts=last,
                wrong=wrong,
                failed=wrong > 0,
                light_cpu_ms=round(float(np.median([verdict.cpu_ms for verdict in batch])), 3),
            )


# score buffer


def buffer(bench: Bench) -> None:
    """Push, thresholds and re-scoring of a full buffer, against NumPy's product."""
    sizes = bench.sizes
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((sizes.buffer_rows, sizes.buffer_dim), dtype=np.float32)
    directions = generator.standard_normal((2, sizes.buffer_dim), dtype=np.float32)
    timing = _host_time(lambda: rows @ directions[0])
    bench.record("numpy_product", **timing, gb_s=_rate(rows.nbytes, timing))
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    for dtype in dtypes:
        for threads in (1, None):
            name = f"{dtype}_{'all' if threads is None else threads}_threads"
            with bench.guard(name):
                _buffer(bench, name, (rows, directions), dtype=dtype, threads=threads)


def _buffer(
    bench: Bench,
    name: str,
    data: tuple[Any, Any],
    *,
    dtype: Literal["float32", "bfloat16"],
    threads: int | None,
) -> None:
    """Fill a buffer, then push, re-score and cut it."""
    from vgrout import ScoreBuffer

    sizes, (rows, directions) = bench.sizes, data
    buffer = ScoreBuffer(sizes.buffer_rows, sizes.buffer_dim, half_life=96.0, dtype=dtype, threads=threads)
    buffer.set_direction(directions[0])
    start = time.perf_counter()
    scores = np.concatenate(
        [buffer.push(rows[at : at + sizes.pushed]) for at in range(0, len(rows), sizes.pushed)]
    )
    filled = time.perf_counter() - start
    want = rows.astype(np.float64) @ directions[0].astype(np.float64)
    error = float(np.abs(scores - want).max() / np.abs(want).max())
    turn = [0]

    def rescore() -> None:
        turn[0] += 1
        buffer.set_direction(directions[turn[0] % 2])

    pushed = _host_time(lambda: buffer.push(rows[: sizes.pushed]))
    rescored = _host_time(rescore)
    cut = _host_time(lambda: buffer.thresholds(0.1))
    size = rows.nbytes // (2 if dtype == "bfloat16" else 1)
    bench.record(
        name,
        push_ms=pushed["ms"],
        pushed=sizes.pushed,
        push_us_per_row=round(pushed["ms"] / sizes.pushed * 1e3, 2),
        fill_ms=round(filled * 1e3, 1),
        rescore_ms=rescored["ms"],
        rescore_ms_low=rescored["ms_low"],
        rescore_gb_s=_rate(size, rescored),
        thresholds_ms=cut["ms"],
    )
    bench.check(f"scores_{name}", error, 1e-5 if dtype == "float32" else 1e-2)


def _host_time(work: Any, repeats: int = 9) -> dict[str, float]:
    """Median and least milliseconds."""
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1e3)
    return {"ms": round(float(np.median(found)), 4), "ms_low": round(min(found), 4)}


def _rate(size: int, timing: dict[str, float]) -> float:
    return round(size / max(timing["ms"], 1e-6) / 1e6, 2)


# smoke preset


def smoke(bench: Bench) -> None:
    """The package's own training command, start to end, on both devices."""
    for device, flags in bench.sizes.smoke:
        with bench.guard(f"smoke_{device}"), tempfile.TemporaryDirectory() as folder:
            timed_run(
                bench,
                f"smoke_{device}",
                ["-m", "vgrout.train", "smoke", "--device", device, *flags],
                Path(folder) / "run",
            )


def timed_run(bench: Bench, name: str, command: list[str], run: Path) -> None:
    """Record how the package's own command ended, with `run` as its folder, and where its time went."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command, "--run-dir", str(run)], capture_output=True, text=True, check=False
    )
    bench.record(
        name,
        seconds=round(time.perf_counter() - start, 2),
        status=done.returncode,
        failed=done.returncode != 0,
        **_phases(run),
        error=done.stderr[-1500:] if done.returncode else "",
    )


def _phases(run: Path) -> dict[str, float]:
    """Seconds by phase over the whole run, out of its timing.jsonl."""
    totals: Counter[str] = Counter()
    path = run / "timing.jsonl"
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            totals.update(json.loads(line).get("seconds", {}))
    return {f"{name}_s": round(value, 2) for name, value in totals.items()}
