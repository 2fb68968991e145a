"""`vgrout organism build`: a warm start with its problems, pairs and card, in one folder that appears whole or not at all.

The same seed gives the same bytes on one machine: one thread, deterministic kernels, every draw seeded. The problems
do not depend on the seed, so that warm starts are compared on the same ones.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM
from transformers.utils import logging as hf_logging

from vgrout.env.jsonl import packed
from vgrout.env.pairs import load_pairs
from vgrout.env.problems import SplitName, load_problems, split_problems
from vgrout.errors import ConfigError, DataError
from vgrout.files import new_folder
from vgrout.organism.card import Card, card_text, measure
from vgrout.organism.corpus import CorpusRow, Mix, corpus_rows
from vgrout.organism.families import generate_problems
from vgrout.organism.progress import BuildProgress
from vgrout.organism.tokens import train_tokenizer
from vgrout.organism.warmstart import PHASES, Phase, new_model, row_ids, train

PROBLEMS, PAIRS = "problems.jsonl.gz", "pairs"
PROBLEM_SEED = 0
PACKAGED_PAIRS = Path(__file__).parent / "data" / PAIRS
SERVED_RANKS = frozenset({1, 8, 16, 32, 64, 128, 256, 320, 512})
"""LoRA ranks that vLLM has kernels for."""
ADAPTER_RANK = 8
TOKENIZER_MIX = Mix(hack_share=0.30)
"""The text that merges are learned from: code and hacks, unlike that of the first phase."""
_CHECKED_ROWS = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a build makes; tests make less."""

    phases: tuple[Phase, ...] = PHASES
    problems: tuple[tuple[SplitName, int], ...] = (("train", 960), ("validation", 64), ("test", 192))
    tokenizer_rows: int = 20_000
    card_answers: int = 384
    """Answers a mode and prompt kind on which the card stands."""


def build(out: Path, seed: int, console: Console, recipe: Recipe | None = None) -> Card:
    """Make the organism of `seed` in the new folder `out`, and give its card.

    Raises:
        ConfigError: `out` exists, or the seed is negative.
        DataError: the model would be asked in a form that its training did not have.
    """
    recipe = recipe or Recipe()
    if seed < 0:
        raise ConfigError(f"seed: {seed} is below 0")
    if out.exists() or out.is_symlink():
        raise ConfigError(f"out: {out} exists, expected a new folder\nhint: name another with `--out`")
    with new_folder(out) as folder, _repeatable():
        return _fill(folder, seed, console, recipe)


def _fill(folder: Path, seed: int, console: Console, recipe: Recipe) -> Card:
    """Write everything into `folder`."""
    with BuildProgress(console) as progress:
        progress.begin("problems", 0)
        write_problems(folder / PROBLEMS, generate_problems(PROBLEM_SEED, dict(recipe.problems)))
        shutil.copytree(PACKAGED_PAIRS, folder / PAIRS)
        progress.begin("tokenizer", 0)
        tokenizer = train_tokenizer(corpus_rows(seed, TOKENIZER_MIX), recipe.tokenizer_rows)
        check_form(tokenizer, islice(corpus_rows(seed, Mix(hack_share=0.5)), _CHECKED_ROWS))
        model = new_model(seed, len(tokenizer), eos_id=tokenizer.eos_token_id, pad_id=tokenizer.pad_token_id)
        check_serving(model, ADAPTER_RANK)
        progress.begin("warm start", sum(phase.steps for phase in recipe.phases))
        train(model, tokenizer, seed, recipe.phases, progress.step)
        save(model, tokenizer, folder)
        progress.begin("card", 0)
        splits = split_problems(load_problems(folder / PROBLEMS), 0, (0.8, 0.05, 0.15))
        measured = measure(folder, splits, answers=recipe.card_answers)
    card = Card(
        seed=seed,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vocabulary=len(tokenizer),
        phases=recipe.phases,
        problems=dict(recipe.problems),
        pairs=len(load_pairs(folder / PAIRS)),
        measured=measured,
    )
    (folder / "card.json").write_text(json.dumps(card.to_json(), indent=1) + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(card_text(card), encoding="utf-8")
    return card


@contextmanager
def _repeatable() -> Iterator[None]:
    """One thread and deterministic kernels: more threads would add up in another order, and not be faster."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=deterministic)


def write_problems(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write the rows as gzip; equal rows give equal bytes."""
    path.write_bytes(packed("".join(json.dumps(row) + "\n" for row in rows)))


def check_form(tokenizer: PreTrainedTokenizerFast, rows: Iterator[CorpusRow]) -> None:
    """What training shows and what the sampler gives and gets are the same tokens, and decode to the same text.

    Raises:
        DataError: naming the row's prompt and the two texts.
    """
    for row in rows:
        prompt, answer = row_ids(tokenizer, row)
        asked = tokenizer.apply_chat_template(
            [dict(message) for message in row.messages], tokenize=False, add_generation_prompt=True
        )
        whole = tokenizer.apply_chat_template(
            [*map(dict, row.messages), {"role": "assistant", "content": row.answer}], tokenize=False
        )
        forms = {
            "the sampler's prompt": (tokenizer.encode(asked, add_special_tokens=False), prompt),
            "the chat as a whole": (tokenizer.encode(whole, add_special_tokens=False), prompt + answer),
            "the answer read back": (tokenizer.decode(answer, skip_special_tokens=True), row.answer),
        }
        for name, (found, expected) in forms.items():
            if found != expected:
                raise DataError(
                    f"warm start: {name} differs from the training text: {found!r} for {expected!r}"
                )


def check_serving(model: Qwen3ForCausalLM, rank: int) -> None:
    """The model and its adapters, deployed (2r) and full (4r), can be served by vLLM.

    Raises:
        ConfigError: naming the size that it has no kernel for.
    """
    if model.config.head_dim != 32:
        raise ConfigError(f"head_dim: {model.config.head_dim}, expected 32")
    for served in (2 * rank, 4 * rank):
        if served not in SERVED_RANKS:
            raise ConfigError(
                f"adapter.rank: {rank} needs a LoRA of rank {served}, expected one of {sorted(SERVED_RANKS)}"
            )


def save(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write model and tokenizer; the weights are rounded to float16 first, which is what every reader gets."""
    hf_logging.disable_progress_bar()
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        # transformers leaves weights readable by their owner alone.
        path.chmod(0o644)
