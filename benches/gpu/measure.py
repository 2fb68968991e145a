"""Check and time vgrout on the machine at hand: one call, every figure in figures.json.

Sections run one after the other in a child process. What goes wrong in one is written down and the next one runs: an
exception is caught, a section over its time is stopped, and where the process itself is lost (a fault of the device, a
call that does not return) a new one goes on with the sections that are left. While it runs figures.jsonl grows by a
line a figure.

    python benches/gpu/measure.py --out DIR          on a CUDA device, under nine minutes
    python benches/gpu/measure.py --rehearse --out DIR   the same code at tiny sizes on the CPU
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import REHEARSAL, Bench, OverBudget, Sizes, budget, read_rows, write_row

SECTIONS: dict[str, tuple[str, int]] = {
    "environment": ("host:environment", 100),
    "correctness": ("correctness:correctness", 50),
    "steps": ("training:steps", 100),
    "variants": ("training:variants", 60),
    "head": ("sampling:head", 30),
    "generation": ("sampling:generation", 70),
    "engine": ("engines:engine", 120),
    "ranks": ("engines:ranks", 90),
    "grading": ("host:grading", 60),
    "buffer": ("host:buffer", 40),
    "smoke": ("host:smoke", 130),
    "compile": ("compiled:compiled", 120),
}
"""Name to function and seconds; the overall deadline may cut the last ones shorter."""
DEADLINE_S = 530
GRACE_S = 15
LOST = 71
"""Exit status of a child whose device answers no more."""
HIDDEN = {"section", "name", "traceback", "time_s"}


def main() -> int:
    """Run the sections and print the table; 0 where all ended and every check passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "runs/gpu")))
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="some of them, by commas")
    parser.add_argument("--deadline", type=float, default=DEADLINE_S, help="seconds for everything")
    parser.add_argument("--child", type=float, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.sections.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.child is not None:
        return run_sections(options, names, until=options.child)
    (options.out / "figures.jsonl").write_text("", encoding="utf-8")
    supervise(options, names)
    rows = read_rows(options.out)
    table = render(rows, names)
    (options.out / "table.txt").write_text(table, encoding="utf-8")
    sys.stdout.write(table)
    ended = {row["section"] for row in rows if row["name"] == "finished"}
    figures = {name: [row for row in rows if row["section"] == name] for name in names}
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(any(is_bad(row) for row in rows) or ended != set(names))


# parent


def supervise(options: argparse.Namespace, names: Sequence[str]) -> None:
    """Start a child for the sections that have not been started, until none is left or the time is over."""
    until = time.time() + options.deadline
    pending = list(names)
    while pending and time.time() < until - 5:
        command = [sys.executable, sys.argv[0], "--out", str(options.out), "--child", str(until)]
        command += ["--sections", ",".join(pending), *(["--rehearse"] if options.rehearse else [])]
        child = subprocess.Popen(command, process_group=0)
        try:
            status = watch(child, options.out, until)
        finally:
            if child.poll() is None:
                stop(child)
        rows = read_rows(options.out)
        started = {row["section"] for row in rows if row["name"] == "started"}
        ended = {row["section"] for row in rows if row["name"] == "finished"}
        for name in pending:
            if name in started and name not in ended:
                write_row(
                    options.out,
                    {"section": name, "name": "lost", "failed": True, "error": f"exit status {status}"},
                )
        left = [name for name in pending if name not in started]
        if left == pending:
            break
        pending = left
    for name in pending:
        write_row(options.out, {"section": name, "name": "skipped", "failed": True, "error": "no time left"})


def watch(child: subprocess.Popen[bytes], out: Path, until: float) -> int | None:
    """Wait for the child; end it where a section hangs beyond its budget or the deadline has passed."""
    while child.poll() is None:
        time.sleep(0.2)
        rows = read_rows(out)
        begun = [row for row in rows if row["name"] == "started"]
        # One that was lost with an earlier child is over, too.
        ended = {row["section"] for row in rows if row["name"] in {"finished", "lost"}}
        hanging = begun and begun[-1]["section"] not in ended
        limit = begun[-1]["time_s"] + begun[-1]["budget_s"] + GRACE_S if hanging else until
        if time.time() > min(limit, until + GRACE_S):
            stop(child)
    return child.returncode


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started."""
    os.killpg(child.pid, 9)
    child.wait()


# child


def run_sections(options: argparse.Namespace, names: Sequence[str], until: float) -> int:
    """Run sections in this process."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    bench = Bench(
        out=options.out,
        sizes=REHEARSAL if options.rehearse else Sizes(),
        device="cpu" if options.rehearse else "cuda",
    )
    for name in names:
        bench.section = name
        target, allowed = SECTIONS[name]
        seconds = min(allowed * bench.sizes.patience, until - time.time())
        if seconds < 3:
            break
        start = time.time()
        sys.stdout.write(f"=== {name} (at most {seconds:.0f} s)\n")
        bench.record("started", budget_s=seconds, time_s=start)
        module, _, function = target.partition(":")
        try:
            with budget(seconds):
                getattr(importlib.import_module(module), function)(bench)
        except OverBudget:
            bench.record("over_budget", failed=True, error=f"stopped after {seconds:.0f} s")
        except Exception as error:  # noqa: BLE001 - the next section is wanted
            bench.fail("section", error)
        alive = device_answers(bench)
        bench.record("finished", seconds=round(time.time() - start, 2), device_alive=alive)
        sys.stdout.write(f"=== {name}: {time.time() - start:.1f} s\n")
        if not alive:
            return LOST
    return 0


def device_answers(bench: Bench) -> bool:
    """Tell whether the device still works; after some faults every further call fails."""
    if not bench.cuda or "torch" not in sys.modules:
        return True
    try:
        bench.release()
        bench.synchronize()
    except Exception as error:  # noqa: BLE001 - any error is the answer
        bench.fail("device", error)
        return False
    return True


# table


def is_bad(row: dict[str, Any]) -> bool:
    """Tell a failure or a check that did not hold."""
    return bool(row.get("failed")) or row.get("passed") is False


def render(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """Give the figures as text, failures last."""
    lines = []
    for name in names:
        lines.append(f"\n[{name}]")
        lines += [
            f"  {'!' if is_bad(row) else ' '} {row['name']:<34} {values_of(row)}"
            for row in rows
            if row["section"] == name and row["name"] != "started" and not row.get("detail")
        ]
    checks = [row for row in rows if "passed" in row]
    bad = [f"{row['section']}/{row['name']}" for row in rows if is_bad(row)]
    lines.append(f"\n{sum(row['passed'] for row in checks)} of {len(checks)} checks passed")
    lines.append(f"not as it should be: {', '.join(bad) or 'nothing'}")
    return "\n".join(lines) + "\n"


def values_of(row: dict[str, Any]) -> str:
    """Give a row's values, short."""
    parts = []
    for key, value in row.items():
        if key in HIDDEN:
            continue
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        parts.append(f"{key}={text[:160]}")
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
