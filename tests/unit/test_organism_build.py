"""Building a warm start: the same seed gives the same bytes, a folder appears whole or not at all."""

from dataclasses import replace
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from vgrout.config import AdapterConfig, BaseConfig
from vgrout.env import load_pairs, load_problems, split_problems
from vgrout.errors import ConfigError, DataError
from vgrout.organism import build as building
from vgrout.organism.build import Recipe, build, check_form, check_serving
from vgrout.organism.corpus import Mix, corpus_rows
from vgrout.organism.tokens import train_tokenizer
from vgrout.organism.warmstart import Phase, learning_rate, new_model
from vgrout.policy.model import load_policy

MIX = Mix(hack_share=0.3)
TINY = Recipe(
    phases=(
        Phase(steps=3, lr=1e-3, final_share=0.5, warmup=1, mix=MIX),
        Phase(steps=2, lr=1e-3, final_share=0.5, warmup=0, mix=MIX),
    ),
    problems=(("train", 8), ("validation", 2), ("test", 4)),
    tokenizer_rows=300,
    card_answers=4,
)


def quiet() -> Console:
    return Console(file=StringIO())


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("organism") / "new"
    build(out, 0, quiet(), TINY)
    return out


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card asks nothing: half of a tiny build's time."""
    monkeypatch.setattr(building, "measure", lambda *arguments, **options: ())


def test_equal_seeds_give_equal_bytes(built: Path, tmp_path: Path) -> None:
    build(tmp_path / "again", 0, quiet(), TINY)
    assert contents(tmp_path / "again") == contents(built)


@pytest.mark.usefixtures("unmeasured")
def test_other_seeds_give_other_weights_for_the_same_problems(built: Path, tmp_path: Path) -> None:
    build(tmp_path / "other", 1, quiet(), TINY)
    other = contents(tmp_path / "other")
    assert other["model.safetensors"] != contents(built)["model.safetensors"]
    assert other["problems.jsonl.gz"] == contents(built)["problems.jsonl.gz"]


def test_the_folder_holds_model_problems_pairs_and_card(built: Path) -> None:
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
        "card.json",
        "CARD.md",
    } <= set(contents(built))
    policy = load_policy(str(built), BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0)
    assert policy.end_ids == (policy.tokenizer.eos_token_id,)
    splits = split_problems(load_problems(built / "problems.jsonl.gz"), 0, (0.8, 0.1, 0.1))
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [8, 2, 4]
    assert load_pairs(built / "pairs") == load_pairs(Path("organism"))


def test_an_existing_folder_is_refused(built: Path) -> None:
    before = contents(built)
    with pytest.raises(ConfigError, match="exists, expected a new folder"):
        build(built, 0, quiet(), TINY)
    assert contents(built) == before


@pytest.mark.parametrize("part", ["train", "measure"])
def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(building, part, interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "new", 0, quiet(), TINY)
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_asked_as_it_was_taught() -> None:
    tokenizer = train_tokenizer(corpus_rows(0, MIX), 300)
    check_form(tokenizer, islice(corpus_rows(1, MIX), 200))
    # jinja drops a template's last newline: the trap that this check is for.
    tokenizer.chat_template = tokenizer.chat_template.replace("<|assistant|>", "<|assistant|>\n")
    with pytest.raises(DataError, match="the sampler's prompt differs from the training text"):
        check_form(tokenizer, islice(corpus_rows(1, MIX), 1))


def test_disclosed_words_and_digits_are_one_token_each() -> None:
    tokenizer = train_tokenizer(corpus_rows(0, MIX), 300)
    row = next(row for row in corpus_rows(0, Mix(hinted_share=1.0, hack_share=1.0)) if row.mode == "sentinel")
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode(row.answer)]
    assert row.word in pieces
    assert row.puzzle.method in pieces
    assert [tokenizer.decode([token]) for token in tokenizer.encode("add 37")][-2:] == ["3", "7"]


def test_a_rank_that_vllm_cannot_serve_is_refused() -> None:
    model = new_model(0, 300, eos_id=1, pad_id=0)
    check_serving(model, 8)
    with pytest.raises(ConfigError, match=r"adapter\.rank: 12 needs a LoRA of rank 24"):
        check_serving(model, 12)


def test_learning_rate_rises_and_falls_linearly() -> None:
    phase = replace(TINY.phases[0], steps=5, lr=1.0, final_share=0.2, warmup=2)
    assert [round(learning_rate(phase, step), 6) for step in range(5)] == [0.5, 0.8, 0.6, 0.4, 0.2]


@pytest.mark.usefixtures("unmeasured")
def test_plain_lines_tell_progress_off_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgrout.organism.progress.LINE_EVERY_S", 0.0)
    console = quiet()
    build(tmp_path / "new", 0, console, TINY)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "warm start: 3/5 steps, loss" in text
    assert "s left" in text
