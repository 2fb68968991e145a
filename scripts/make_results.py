"""Write the decision run into the README: one picture and one table out of docs/results/decision.json.

uv run python scripts/make_results.py
"""

import hashlib
import json
import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "results" / "decision.json"
PICTURE = RESULT.with_suffix(".svg")
README = ROOT / "README.md"
BEGIN, END = "<!-- just results: begin -->", "<!-- just results: end -->"

ARMS = {
    "no-loophole": "nothing to exploit in training: what solving alone reaches",
    "none": "plain GRPO",
    "absorb": "both blocks train on everything, then the quarantine is cut",
    "haar": "routed by a Haar-random direction, three draws a seed",
    "shuffled": "routed by shuffled labels, at the oracle's rate",
    "routeA": "routed by the direction extracted from 18 pairs, no label seen",
    "oracle": "routed by true labels: the best that routing can do",
}
"""Arms in the order in which they are shown, and what each is."""
COLOURS = ("#0b6e99", "#d9730d")
"""Of the two warm starts."""


def main() -> int:
    """Write the picture and the README's block."""
    text = RESULT.read_text(encoding="utf-8")
    result = json.loads(text)
    draw(result, hashlib.sha256(text.encode()).hexdigest())
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{block(result)}{END}{rest.split(END)[1]}", encoding="utf-8")
    sys.stdout.write(f"written: {PICTURE.relative_to(ROOT)}, {README.relative_to(ROOT)}\n")
    return 0


def block(result: dict[str, Any]) -> str:
    """What stands between the README's marks: picture, table and verdict."""
    arms = {row["arm"]: row for row in result["arms"]}
    lines = [
        f"![Deployed hack of every run by arm, and against how well its direction ranks rollouts]({PICTURE.relative_to(ROOT)})",
        "",
        "| arm | what it is | runs | deployed: hack | deployed: solve | as trained: hack |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for arm, meaning in ARMS.items():
        row = arms[arm]
        deployed = row["deployed"]
        cells = (deployed["hack"], deployed["solve_hinted"], row["as_trained"]["hack"])
        lines.append(" | ".join((f"| {arm}", meaning, str(row["runs"]), *map(mean, cells))) + " |")
    runs, seeds = len(result["runs"]), len(result["seeds"])
    answers = {cell["n"] for run in result["runs"] for cell in run["deployed"].values()}
    verdict = result["verdict"]
    return "\n".join(
        [
            *lines,
            "",
            (
                f"{runs} runs, {seeds} seeds over two warm starts, {'/'.join(map(str, sorted(answers)))} held-out answers a cell "
                "and run to prompts that disclose the loophole; means over seeds [95 % bootstrap interval over seeds, draws "
                f"and problems]. The verdict of the [rule written before](docs/method.md#the-decision-rule): "
                f"**{verdict['name']}**. {verdict['sentence']}"
            ),
            "",
        ]
    )


def mean(cell: dict[str, float]) -> str:
    """A mean in percent with its interval."""
    value, low, high = (f"{100 * cell[name]:.1f}" for name in ("mean", "low", "high"))
    return f"{value} % [{low}, {high}]"


def draw(result: dict[str, Any], digest: str) -> None:
    """Every run as a dot: by arm, and over the AUROC of the scores that routed it."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams.update(
        {"font.size": 9, "svg.hashsalt": "vgrout", "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.2, 3.6), layout="constrained", width_ratios=(1.5, 1)
    )
    models = list(dict.fromkeys(run["model"] for run in result["runs"]))
    colour = dict(zip(models, COLOURS, strict=False))
    for place, arm in enumerate(ARMS):
        runs = [run for run in result["runs"] if run["arm"] == arm]
        for number, run in enumerate(runs):
            # Spread by the run's place, so that the same runs give the same picture.
            jitter = 0.5 * (number / max(1, len(runs) - 1) - 0.5)
            left.plot(share(run), place + jitter, "o", ms=4, mew=0, alpha=0.75, color=colour[run["model"]])
        cell = next(row for row in result["arms"] if row["arm"] == arm)["deployed"]["hack"]
        left.plot([100 * cell["low"], 100 * cell["high"]], [place, place], "-", color="#444", lw=1)
        left.plot(100 * cell["mean"], place, "|", color="#444", ms=18, mew=2)
    left.set_yticks(range(len(ARMS)), list(ARMS))
    left.invert_yaxis()
    left.set(xlim=(-2, 102), xlabel="deployed hack, % of answers to hinted held-out prompts")
    left.set_title("every run; bar: mean and 95 % interval", fontsize=9)
    for model, shade in colour.items():
        left.plot([], [], "o", ms=4, mew=0, color=shade, label=f"warm start {model}")
    left.legend(fontsize=7, loc="lower right", frameon=False)
    for arm, marker in (("haar", "o"), ("routeA", "D")):
        runs = [run for run in result["runs"] if run["arm"] == arm]
        points = [(run["train"]["score_auroc"], share(run)) for run in runs]
        right.plot(
            *zip(*points, strict=True),
            marker,
            ms=5,
            mew=0,
            alpha=0.75,
            label=arm,
            color={"haar": "#7a7a7a"}.get(arm, "#2f7d32"),
        )
    right.set(
        xlabel="AUROC of the routing score against the exploits",
        ylabel="deployed hack, %",
        xlim=(0, 1.02),
        ylim=(-2, 102),
    )
    right.axvline(0.5, color="#bbb", lw=0.8, zorder=0)
    right.set_title("random draws and the direction, on the same axes", fontsize=9)
    right.legend(fontsize=8, frameon=False)
    drawn = StringIO()
    # White behind it: a page in dark mode must not swallow the ink.
    figure.savefig(drawn, metadata={"Date": None}, facecolor="white")
    # Nothing but the picture, and what it was drawn from.
    plain = re.sub(r"<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", drawn.getvalue(), flags=re.DOTALL)
    source = f"<desc>docs/results/decision.json sha256 {digest}</desc>"
    PICTURE.write_text(re.sub(r"(<svg .*?>)", rf"\1{source}", plain, count=1), encoding="utf-8")


def share(run: dict[str, Any]) -> float:
    """A run's deployed hack in percent."""
    cell = run["deployed"]["hack"]
    return 100.0 * cell["count"] / cell["n"]


if __name__ == "__main__":
    sys.exit(main())
