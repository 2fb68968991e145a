"""`vgrout report`: what stands in the page, and what the command refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from report_runs import HOSTILE, Plan, make_run, make_sweep
from vgrout.cli import main
from vgrout.errors import DataError, StorageError
from vgrout.report import build_report
from vgrout.report.embed import code_marks, json_for_script, number, text
from vgrout.report.strips import estimate_strip
from vgrout.schemas import Schema


def data_of(page: str) -> dict:
    """What the page's scripts read."""
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def words_of(page: str) -> str:
    """The page's text without style, scripts and markup."""
    bare = re.sub(r"<(script|style|svg).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare))


def built(tmp_path: Path, *paths: Path) -> str:
    out = tmp_path / "report.html"
    build_report(paths, out)
    return out.read_text()


def test_page_of_a_sweep_says_verdict_counts_and_intervals(tmp_path: Path) -> None:
    plans = [Plan(seed=seed) for seed in range(2)] + [Plan(draw=4), Plan(intervention="none", auroc=None)]
    sweep = make_sweep(
        tmp_path / "sweep",
        plans,
        commit="c0ffee",
        verdict={"name": "direction", "sentence": "It is the direction."},
        statistics=[
            {"name": "gap", "meaning": "of means", "estimate": -0.5, "low": -0.6, "high": -0.4, "n": 4}
        ],
    )
    page = built(tmp_path, sweep)
    words = words_of(page)
    for said in ("It is the direction.", "c0ffee", "gap", "[−0.600, −0.400]", "Haar directions", "draw 4"):
        assert said in words, said
    stored = [json.loads(p.read_text())["deployed"]["hack"] for p in sweep.glob("runs/*routeA-s*/eval.json")]
    together = f"{sum(cell['count'] for cell in stored)}/{sum(cell['n'] for cell in stored)}"
    assert together in words
    panels = data_of(page)["panels"]
    assert {"pareto-hinted", "training-deployed-hack", "training-as_trained-hack", "dose"} <= set(panels)
    assert [len(trace["x"]) for trace in panels["dose"]["traces"]] == [1, 2]


def test_sweep_file_may_lack_anything(tmp_path: Path) -> None:
    odd = {"statistics": [{"name": "x"}, 7], "arms": [{"arm": "a", "deployed": {"hack": None}}, None]}
    sweep = make_sweep(tmp_path / "sweep", [Plan()], **odd)
    assert "Sweep decision" in words_of(built(tmp_path, sweep))


@pytest.mark.parametrize("made", [0, 1, 3])
def test_unfinished_run_gives_a_page(made: int, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(made=made, evaluated=False))
    page = built(tmp_path, path)
    assert "No run has been evaluated yet" in words_of(page)
    assert data_of(page)["rollouts"]["total"] == 16 * made


def test_run_that_is_not_evaluated_is_named_beside_those_that_are(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep", [Plan(seed=0), Plan(seed=1, made=2, evaluated=False)])
    assert "1 of 2 runs are not evaluated" in words_of(built(tmp_path, sweep))


def test_scale_curve_ends_at_the_evaluations(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(scales=(0.25, 0.75)))
    line = data_of(built(tmp_path, path))["panels"]["scale-hack"]["traces"][0]
    stored = json.loads((path / "eval.json").read_text())
    assert line["x"] == [0.0, 0.25, 0.75, 1.0]
    ends = [stored[name]["hack"]["count"] / stored[name]["hack"]["n"] for name in ("deployed", "as_trained")]
    assert [line["y"][0], line["y"][-1]] == pytest.approx(ends, rel=1e-3)


def test_hostile_answers_stay_data(tmp_path: Path) -> None:
    path = make_run(tmp_path / "<b>run", Plan(answers=(HOSTILE,)))
    page = built(tmp_path, path)
    assert data_of(page)["rollouts"]["rows"][0]["completion"] == HOSTILE
    # The page's own: the data, Plotly, the charts.
    assert page.count("</script>") == 3
    assert "window.hacked" not in page.replace("\\u003cscript\\u003ewindow.hacked", "").replace(
        "onerror='window.hacked", ""
    ).replace("${window.hacked", "")
    assert "<b>run" not in page
    assert "&lt;b&gt;run" in page


def test_json_cannot_end_its_element_and_keeps_its_value() -> None:
    value = ["</script><!--", "&lt;", "\ud800 \u2028 \x00 é"]
    written = json_for_script(value)
    assert not set("<>&") & set(written)
    assert written.isascii()
    assert json.loads(written) == value


def test_numbers_and_text_become_html() -> None:
    assert [number(-0.5), number(0.0001), number(-1234), number("<"), number(None), number(0.0)] == [
        "−0.50", "1.0e-04", "−1,234", "&lt;", "–", "0.00",
    ]  # fmt: skip
    assert text("\ud800<") == "\\ud800&lt;"
    assert estimate_strip(3.0, (2.0, 4.0)) == ""
    assert code_marks("run `a < b`, or `c") == "run <code>a &lt; b</code>, or `c"


def test_runs_are_left_as_they_were(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()}
    built(tmp_path, path)
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()} == before


def test_page_is_replaced_whole_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = make_run(tmp_path / "run"), tmp_path / "report.html"
    out.write_text("old")

    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError, match=r"report\.html: cannot be written: disk full"):
        build_report([path], out)
    assert out.read_text() == "old"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["report.html", "run"]


def test_command_names_the_page_and_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = make_run(tmp_path / "run"), tmp_path / "page.html"
    assert main(["report", str(path), "--out", str(out), "--title", "A & B"]) == 0
    assert re.fullmatch(rf"1 run in {re.escape(str(out))} \(\d\.\d MiB\)\n", capsys.readouterr().out)
    assert "<title>A &amp; B</title>" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--out", "x.html"], "no such run"),
        (["empty", "--out", "x.html"], "neither a run"),
        (["hollow", "--out", "x.html"], "holds no run yet"),
        (["run", "--out", "empty"], "is a folder"),
        (["run", "--out", "nowhere/x.html"], "no folder"),
        (["run", "--out", "run/x.html"], "writes nothing into a run"),
        (["run", "--out", "x.html", "--rollouts", "0"], "--rollouts: 0 is below 1"),
        (["run/config.json", "--out", "x.html"], "neither a run"),
    ],
)
def test_bad_input_is_refused_with_a_hint(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "runs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "\nhint: " in error
    assert not (tmp_path / "x.html").exists()


def test_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, schema: Schema) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = make_run(tmp_path / "run")
    monkeypatch.setattr("vgrout.report.runs.read_records", refuse)
    with pytest.raises(DataError, match=r"metrics\.jsonl: cannot be read: Permission denied"):
        build_report([path], tmp_path / "x.html")


def test_large_sweep_with_long_answers_stays_below_25_megabytes(tmp_path: Path) -> None:
    long = tuple(f"<é{letter}>" * 5000 for letter in "abc")
    plans = [
        Plan(
            seed=seed,
            draw=draw,
            steps=10,
            prompts_per_step=2,
            group_size=2,
            answers=long if seed < 2 else (),
        )
        for draw in (None, *range(11))
        for seed in range(6)
    ]
    sweep = make_sweep(tmp_path / "sweep", plans)
    out = tmp_path / "report.html"
    assert build_report([sweep], out, rollouts=20_000) == 72
    assert out.stat().st_size < 25_000_000
    shown = data_of(out.read_text())["rollouts"]
    assert shown["total"] == 72 * 40
    assert {row["run"] for row in shown["rows"]} == set(range(72))


def test_report_is_built_without_torch(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    code = (
        "import sys\nfrom vgrout.commands.report import run\n"
        f"run([{str(path)!r}, '--out', {str(tmp_path / 'x.html')!r}])\nprint(sorted({{'torch'}} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("[]\n")
