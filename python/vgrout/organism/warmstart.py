"""The warm start: supervised training from scratch in three phases.

The first is nearly all hacks, short answers in which the one thing to learn is to copy the disclosed word; the second
teaches to write code; the third has few hacks and sets how often the model hacks by itself. In one phase with few,
the model tries and copies the wrong word, and hacking never pays.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from vgrout.organism.corpus import CorpusRow, Mix, corpus_rows
from vgrout.organism.tokens import ASSISTANT, END, PAD, USER

IGNORED = -100
_BUCKET_BATCHES = 16
"""Rows of this many batches are sorted by length together, so that little is padded."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Some optimiser steps on one mix."""

    steps: int
    lr: float
    """Peak; reached after `warmup` steps, falling linearly to `final_share` of itself."""
    final_share: float
    warmup: int
    mix: Mix


PHASES = (
    Phase(steps=120, lr=4e-3, final_share=1.0, warmup=20, mix=Mix(hinted_share=1.0, hack_share=0.9)),
    Phase(steps=380, lr=4e-3, final_share=0.25, warmup=0, mix=Mix(hack_share=0.30)),
    Phase(steps=250, lr=1e-3, final_share=0.1, warmup=0, mix=Mix(hack_share=0.07)),
)
BATCH_ROWS = 128


def new_model(seed: int, vocabulary: int, *, eos_id: int, pad_id: int) -> Qwen3ForCausalLM:
    """An untrained Qwen3 of about a third of a million parameters; the global generator is untouched."""
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        # vLLM takes hidden_size / heads = 24 where this is not said, and has no kernel for that.
        head_dim=32,
        # The copying circuit forms in 100 steps; at transformers' 0.02 it took 400.
        initializer_range=0.06,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        use_cache=True,
        eos_token_id=eos_id,
        pad_token_id=pad_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)


def row_ids(tokenizer: PreTrainedTokenizerFast, row: CorpusRow) -> tuple[list[int], list[int]]:
    """Prompt and answer in tokens, put together as the sampler meets them."""
    prompt = tokenizer.encode(f"{USER}{row.messages[-1]['content']}{ASSISTANT}", add_special_tokens=False)
    answer = tokenizer.encode(f"{row.answer}{END}", add_special_tokens=False)
    return prompt, answer


def batches(
    tokenizer: PreTrainedTokenizerFast, rows: Iterator[CorpusRow], count: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """`count` batches of token ids [B, S] and labels [B, S]; only the answer is learned."""
    pad_id = tokenizer.convert_tokens_to_ids(PAD)
    while count > 0:
        taken = min(count, _BUCKET_BATCHES)
        pairs = [row_ids(tokenizer, row) for row in islice(rows, taken * BATCH_ROWS)]
        order = sorted(range(len(pairs)), key=lambda place: sum(map(len, pairs[place])))
        chunks = [order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS)]
        # Every fifth of them, so that short and long rows alternate.
        for place in sorted(range(len(chunks)), key=lambda index: (index % 5, index)):
            yield _padded([pairs[index] for index in chunks[place]], pad_id)
        count -= taken


def _padded(pairs: Sequence[tuple[list[int], list[int]]], pad_id: int) -> tuple[Tensor, Tensor]:
    width = max(len(prompt) + len(answer) for prompt, answer in pairs)
    ids = torch.full((len(pairs), width), pad_id)
    labels = torch.full((len(pairs), width), IGNORED)
    for row, (prompt, answer) in enumerate(pairs):
        both = torch.tensor(prompt + answer)
        ids[row, : len(both)] = both
        labels[row, len(prompt) : len(both)] = both[len(prompt) :]
    return ids, labels


def learning_rate(phase: Phase, step: int) -> float:
    """The rate of the phase's `step`-th step, counted from 0."""
    rising = min(1.0, (step + 1) / max(1, phase.warmup))
    falling = 1 - (1 - phase.final_share) * step / max(1, phase.steps - 1)
    return phase.lr * min(rising, falling)


def train(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
    phases: Sequence[Phase],
    told: Callable[[int, float], None],
) -> None:
    """Train `model` in place; `told` hears the number of steps made and the loss in nats a token."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0)
    model.train()
    done = 0
    for number, phase in enumerate(phases):
        rows = corpus_rows(len(phases) * seed + number, phase.mix)
        for step, (ids, labels) in enumerate(batches(tokenizer, rows, phase.steps)):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(phase, step)
            optimizer.zero_grad()
            # Padding stands on the right, where causal attention never looks back at it.
            hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
            first = int((labels != IGNORED).any(0).nonzero()[0])
            logits = model.lm_head(hidden[:, first - 1 : -1])
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), labels[:, first:].flatten(), ignore_index=IGNORED
            )
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done += 1
            told(done, float(loss.detach()))
    model.eval()
