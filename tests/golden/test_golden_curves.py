"""Twenty steps of the organism per arm, by the command line, against the curves that are committed here.

The same command gives the same numbers on one machine; another one rounds otherwise, and from the first token that it draws
otherwise its run is another sample. So the first step is compared closely, before that can be, and the whole curve by its
means. `python tests/golden/test_golden_curves.py` writes the file anew, for a change that is meant.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from vgrout.artifacts import METRICS, read_records

FILE = Path(__file__).with_name("curves.json")
STEPS = 20
ROLLOUTS = 128
ARMS = {
    "none": ["--intervention", "none"],
    "none-full": ["--intervention", "none-full"],
    "absorb": ["--intervention", "absorb"],
    "routeA": ["--intervention", "routeA"],
    "haar": ["--intervention", "routeA", "--routeA-random-v-seed", "7"],
    "oracle": ["--intervention", "oracle"],
    "shuffled": ["--intervention", "shuffled"],
}
COUNTS = ("exploited", "gt_correct", "zone_keep", "zone_absorb", "zone_rout")
NUMBERS = ("loss", "entropy", "deployed_gradient_norm", "quarantine_gradient_norm")
# Of 128 rollouts, as the mean over the steps: room for another machine's rounding; `none` and `oracle` are 5 exploits apart.
LARGEST_DIFFERENCE = {"exploited": 2.5, "gt_correct": 4, "zone_keep": 12, "zone_absorb": 12, "zone_rout": 12}


def curve_of(arm: str, run_dir: Path, *more: str) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "vgrout.train", "organism", *ARMS[arm], "--seed", "1", *more]
    command += [
        "--steps",
        str(STEPS),
        "--eval.problems",
        "2",
        "--eval.samples",
        "1",
        "--run-dir",
        str(run_dir),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    rows = list(read_records(run_dir / "metrics.jsonl", METRICS))
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    return {name: [float(f"{row[name] or 0.0:.6g}") for row in rows] for name in (*COUNTS, *NUMBERS)}


@pytest.mark.slow
@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_trains_as_it_did(tmp_path, arm):
    wanted = json.loads(FILE.read_text(encoding="utf-8"))[arm]
    found = curve_of(arm, tmp_path / "run")
    for name in NUMBERS:
        assert found[name][0] == pytest.approx(wanted[name][0], rel=1e-3, abs=1e-6), name
    for name in COUNTS:
        assert abs(found[name][0] - wanted[name][0]) <= 1, name
        difference = statistics.mean(found[name]) - statistics.mean(wanted[name])
        assert abs(difference) <= LARGEST_DIFFERENCE[name], name


def test_the_curves_tell_the_arms_apart():
    curves = json.loads(FILE.read_text(encoding="utf-8"))
    hacked = {arm: statistics.mean(curve["exploited"][-5:]) for arm, curve in curves.items()}
    assert set(curves) == set(ARMS)
    assert hacked["none"] > 2 * hacked["oracle"]
    assert hacked["none"] > 2 * hacked["routeA"]
    assert sum(curves["oracle"]["zone_rout"]) > 0 == sum(curves["none"]["zone_rout"])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = {arm: curve_of(arm, Path(folder) / arm, *sys.argv[1:]) for arm in ARMS}
    lines = [f"  {json.dumps(arm)}: {json.dumps(curve)}" for arm, curve in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
