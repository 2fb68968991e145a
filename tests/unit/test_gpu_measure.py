"""The measuring script for a GPU machine: its rehearsal runs whole, and no failing section loses the others."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

GPU = Path(__file__).parents[2] / "benches" / "gpu"


def run(script: Path, *arguments: str, timeout: float) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    out = Path(arguments[arguments.index("--out") + 1])
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    lines = (out / "figures.jsonl").read_text(encoding="utf-8").splitlines()
    return done, [json.loads(line) for line in lines]


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(GPU))
    yield importlib.import_module("measure")
    for name in ("measure", "harness", "models"):
        sys.modules.pop(name, None)


@pytest.mark.skipif("VGROUT_SOAK" not in os.environ, reason="a minute and more: `just soak` runs it")
@pytest.mark.timeout(900)
def test_the_rehearsal_runs_every_section_and_passes_every_check(tmp_path: Path) -> None:
    done, rows = run(GPU / "measure.py", "--rehearse", "--out", str(tmp_path), timeout=880)
    bad = [row for row in rows if row.get("failed") or row.get("passed") is False]
    assert bad == []
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    sections = [row["section"] for row in rows if row["name"] == "finished"]
    assert sections == [
        *("environment", "correctness", "steps", "variants", "head", "generation"),
        *("engine", "ranks", "grading", "buffer", "smoke", "compile"),
    ]
    assert {
        *("imports_without_peft_and_vllm", "mixed_equals_solo_deployed_bf16", "sampler_gap_fp32_nats"),
        *("2_rows", "3_rows_checkpointed", "3_rows_checkpointed_ragged", "fused_over_plain_2_rows"),
        *("full_logits", "two_policies", "no_adapter", "fence", "hack_missed_eq_override"),
        *(
            "gradient_sum",
            "cpu_2_ranks",
            "rollouts_2_workers_gt_only",
            "bfloat16_all_threads",
            "smoke_cpu",
            "1_layers_gain",
        ),
    } <= {row["name"] for row in rows}
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [row for name in sections for row in figures[name]] == rows


def test_a_section_that_fails_hangs_or_dies_loses_no_other(tmp_path: Path) -> None:
    (tmp_path / "faults.py").write_text(
        textwrap.dedent(
            """
            import os, signal, time

            def fine(bench):
                with bench.guard("inner"):
                    raise RuntimeError("CUDA out of memory")
                with bench.guard("other"):
                    raise KeyError("lost")
                bench.record("figure", value=1)

            def raises(bench):
                bench.check("nan", float("nan"), 1.0)
                raise ValueError("broken")

            def slow(bench):
                with bench.guard("inner"):
                    time.sleep(60)

            def hangs(bench):
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                time.sleep(60)

            def dies(bench):
                os.abort()
            """
        )
    )
    driver = tmp_path / "driver.py"
    driver.write_text(
        # A child that is slow to start is no hanging one.
        f"import sys, time\ntime.sleep(0.5)\nsys.path[:0] = [{str(GPU)!r}, {str(tmp_path)!r}]\nimport measure\n"
        "names = ['raises', 'slow', 'hangs', 'dies', 'fine']\n"
        "measure.SECTIONS = {name: (f'faults:{name}', 5 if name in {'slow', 'hangs'} else 40) for name in names}\n"
        "measure.GRACE_S = 1\nmeasure.REHEARSAL = measure.Sizes(patience=1.0)\nsys.exit(measure.main())\n"
    )
    done, rows = run(driver, "--rehearse", "--out", str(tmp_path), timeout=120)
    assert done.returncode == 1
    found = {(row["section"], row["name"]): row for row in rows if row["name"] not in {"started", "finished"}}
    assert found["raises", "nan"]["passed"] is False
    assert found["raises", "section"]["error"] == "ValueError: broken"
    assert set(found) == {
        *(("raises", "nan"), ("raises", "section"), ("slow", "over_budget")),
        *(("hangs", "lost"), ("dies", "lost")),
        *(("fine", "inner"), ("fine", "other"), ("fine", "figure")),
    }
    assert found["fine", "inner"] == {"section": "fine", "name": "inner", "out_of_memory": True}
    assert found["dies", "lost"]["error"] == "exit status -6"
    last = "raises/nan, raises/section, slow/over_budget, hangs/lost, dies/lost, fine/other"
    assert f"not as it should be: {last}" in done.stdout


def test_what_the_deadline_leaves_undone_is_said(tmp_path: Path) -> None:
    done, rows = run(
        GPU / "measure.py", "--rehearse", "--deadline", "0", "--sections", "head,buffer", "--out", str(tmp_path), timeout=60
    )  # fmt: skip
    assert done.returncode == 1
    assert [(row["section"], row["name"]) for row in rows] == [("head", "skipped"), ("buffer", "skipped")]


def test_flops_of_a_token_are_the_counted_products(modules: ModuleType) -> None:
    """Qwen3-4B, r = 32, rows of 1024: base 14.53, head 1.56, adapter 1.32, attention 0.91 GFLOP."""
    models, harness = importlib.import_module("models"), importlib.import_module("harness")
    sizes = harness.Sizes()
    weights = 2560 * 4096 * 2 + 2560 * 1024 * 2 + 3 * 2560 * 9728
    ends = 2 * (2560 + 4096) + 2 * (2560 + 1024) + 3 * (2560 + 9728)
    base, head = 4 * 36 * weights, 4 * 151_936 * 2560
    adapter, attention = 36 * (4 * 128 + 2 * 64) * ends, 3 * 36 * 4 * 512 * 4096
    assert models.training_flops(sizes, 1024, 1.0) == pytest.approx(base + head + adapter + attention)
    assert models.training_flops(sizes, 1024, 0.5, adapter=False) == pytest.approx(
        base + head / 2 + attention
    )
    assert 18.2e9 < models.training_flops(sizes, 1024, 1.0) < 18.5e9


def test_an_unknown_section_is_refused_by_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(GPU / "measure.py"), "--sections", "speed", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "no such section: speed" in done.stderr


def test_only_full_size_goes_to_the_device(modules: ModuleType) -> None:
    """A rehearsal must not need one, and a measurement must not fall back to the CPU unseen."""
    harness = importlib.import_module("harness")
    assert harness.REHEARSAL.vocabulary < 1000 < harness.Sizes().vocabulary
    assert "cuda" not in dict(harness.REHEARSAL.smoke)
    assert sum(seconds for _, seconds in modules.SECTIONS.values()) < 2 * modules.DEADLINE_S
    assert modules.DEADLINE_S + modules.GRACE_S < 9 * 60 + 10
