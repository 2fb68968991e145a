"""A direction against graded rollouts, beside random directions: the arithmetic, the refusals, one whole run."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from tiny import tiny_config, tiny_run
from vgrout.cli import main
from vgrout.errors import ConfigError, DataError
from vgrout.evals.metrics import auroc, f_beta
from vgrout.routing import haar_direction
from vgrout.train.direction_bench import GradedText, graded_texts, sample_texts
from vgrout.train.separation import aurocs, f_halves, separations, top_share

NAMES = tuple(f"model.layers.{layer}.self_attn.{kind}_proj" for layer in range(3) for kind in "qv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run whose exploits are the teacher's: its random model solves and exploits nothing."""
    return tiny_run(tiny_config(tmp_path_factory.mktemp("runs") / "run", steps=2)).run_dir


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def noise(rows=200, rank=8):
    """Activations without a meaning, labels of a quarter, and a direction of random rows."""
    # One module in ten lies outside its band by chance; under this seed none does.
    activations = torch.randn(rows, len(NAMES), rank, generator=torch.Generator().manual_seed(2))
    return activations, np.arange(rows) % 4 == 0, haar_direction(len(NAMES), rank, 10_000).vector


def measured(activations, exploited, vector, **changes):
    settings = {"tail_quantile": 0.2, "draws": 100, **changes}
    return separations(activations, exploited, vector, NAMES, **settings)


def test_a_planted_direction_is_found_in_its_module_and_nowhere_else():
    activations, exploited, vector = noise()
    activations[exploited, 3] += 3 * vector[3]
    _, modules = measured(activations, exploited, vector)
    assert [one.name for one in modules if one.auroc.beyond] == [NAMES[3]]
    found = modules[3]
    assert found.auroc.value > 0.95
    assert min(found.auroc.beyond, found.f_half.beyond, found.precision.beyond) > 0


def test_a_planted_direction_shows_in_all_modules_together():
    activations, exploited, vector = noise()
    activations[exploited] += 0.5 * vector
    together, modules = measured(activations, exploited, vector)
    assert together.auroc.beyond > max(one.auroc.beyond for one in modules) > 0


def test_a_turned_direction_lies_below_the_band():
    activations, exploited, vector = noise()
    activations[exploited, 3] -= 3 * vector[3]
    assert measured(activations, exploited, vector)[1][3].auroc.beyond < 0


def test_figures_of_many_columns_equal_those_of_the_metrics():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 9, size=(60, 7)).astype(float)  # whole numbers: many ties
    positive = generator.random(60) < 0.3
    routed = top_share(scores, 0.2)
    singly = [auroc(column, positive) for column in scores.T]
    assert np.allclose(aurocs(scores, positive), singly, rtol=0, atol=1e-12)
    singly = [f_beta(column, positive, 0.5) for column in routed.T]
    assert np.allclose(f_halves(routed, positive), singly, rtol=0, atol=1e-12)


def test_the_top_share_takes_in_what_equals_its_last_row():
    scores = np.array([[1.0, 5.0], [4.0, 5.0], [3.0, 5.0], [2.0, 0.0], [0.0, 0.0]])
    assert top_share(scores, 0.25).T.tolist() == [
        [False, True, True, False, False],
        [True, True, True, False, False],
    ]


def test_too_few_draws_are_refused():
    with pytest.raises(ConfigError, match=r"draws: 19 is below 20"):
        measured(*noise(), draws=19)


def texts(exploited, others):
    labels = [True] * exploited + [False] * others
    return [
        GradedText(prompt="p", completion=str(place), completion_tokens=1, exploited=label)
        for place, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("exploited", "others", "kept"),
    [(5, 500, 5), (50, 950, 25), (400, 600, 40), (3, 4, 3)],
    ids=["all of a few", "a quarter of the rarer label", "its own share", "no more than there are"],
)
def test_a_sample_keeps_both_labels(exploited, others, kept):
    all_texts = texts(exploited, others)
    sample = sample_texts(all_texts, 100)
    assert sum(text.exploited for text in sample) == kept
    assert len(sample) == min(100, exploited + others)
    assert sorted(sample, key=all_texts.index) == sample == sample_texts(all_texts, 100)


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["direction-bench", str(tmp_path)]) == 2
    assert f"RUN: {tmp_path} has no config.json" in capsys.readouterr().err


def test_a_missing_run_is_asked_for(capsys):
    assert main(["direction-bench"]) == 2
    assert "RUN: missing in the first place" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["prompts.jsonl", "rollouts.jsonl"])
def test_a_run_without_its_texts_is_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: missing or empty\nhint: "):
        graded_texts(copied, teacher=True)


def relabel(run, exploited):
    file = run / "rollouts.jsonl"
    rows = [{**json.loads(line), "exploited": exploited} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("label", [True, False])
def test_rollouts_of_one_label_are_refused(copied, label):
    relabel(copied, label)
    with pytest.raises(DataError, match=r"nothing to tell apart\nhint: (?!.*--teacher)"):
        graded_texts(copied, teacher=True)


def test_the_teachers_exploits_count_only_where_they_are_asked_for(finished):
    with pytest.raises(DataError, match=r"policy's own rollouts .*\nhint: .*--teacher True"):
        graded_texts(finished, teacher=False)
    assert any(text.exploited for text in graded_texts(finished, teacher=True))


def test_a_rollout_without_its_prompt_is_refused(copied):
    file = copied / "prompts.jsonl"
    file.write_text(file.read_text().replace('"hackable":true', '"hackable":false'))
    with pytest.raises(DataError, match=r"rollouts.jsonl:\d+: field `problem_id`: .* has no hinted prompt"):
        graded_texts(copied, teacher=True)


def test_a_run_is_measured_in_every_module(finished, capsys):
    flags = ["--teacher", "True", "--draws", "20"]
    assert main(["direction-bench", str(finished), *flags]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(
        r"^ +(all modules|model\.\S+) +(?:[01]\.\d{3} [ +-] \[\d\.\d\d, \d\.\d\d\] +){3}$",
        shown,
        re.MULTILINE,
    )
    assert rows[0] == "all modules"
    assert len(set(rows)) == len(rows) > 7
    assert "in brackets the 5-95 % band of 20 random directions" in shown
    assert re.search(r"^\d+ rollouts of hinted prompts: \d+ exploited, \d+ not", shown, re.MULTILINE)
    assert main(["direction-bench", str(finished), *flags]) == 0
    assert capsys.readouterr().out == shown
