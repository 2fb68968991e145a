"""`Policy`: one object for the model, its tokenizer and its adapter."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from vgrout.adapters import Lora2r
from vgrout.env.jsonl import Message
from vgrout.errors import DataError
from vgrout.policy.cache import is_recurrent
from vgrout.policy.chat import prompt_text
from vgrout.policy.tokens import RowBatches, batch_rows


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The model that is trained, with everything needed to speak to it: a frozen base and the adapter on it."""

    name: str
    """What was loaded, for people."""
    model: torch.nn.Module
    """A causal language model of transformers, frozen."""
    adapter: Lora2r
    """All that trains, and the switch between the policies."""
    tokenizer: Any
    """Its tokenizer; it has a chat template."""
    device: torch.device
    context_tokens: int
    """Longest prompt plus completion, in tokens."""
    end_ids: tuple[int, ...]
    """Tokens that end an answer; the first one closes demonstrations."""
    pad_id: int
    checkpoints: bool = False
    """Training forwards keep the inputs of decoder blocks alone and make the rest again; see `policy.recompute`."""

    def prompt_ids(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Token ids of a chat that waits for the assistant's answer."""
        return self.encode(self.prompt_text(messages))

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """A chat that waits for the assistant's answer as the model reads it; see `policy.chat`."""
        return prompt_text(self.tokenizer, messages)

    @cached_property
    def is_recurrent(self) -> bool:
        """Some layer keeps a state in place of keys and values, so that rows are read whole."""
        return is_recurrent(self.model)

    @property
    def vocabulary(self) -> int:
        """Rows of the output head: every token id is below it."""
        return int(self.model.get_output_embeddings().weight.shape[0])  # type: ignore[operator]

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text, nothing added."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def text(self, ids: Sequence[int]) -> str:
        """The answer as text, without special tokens: what is graded is what a person would be shown."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def fit_prompt(
        self, messages: Sequence[Message], *, who: str, max_prompt: int, max_new: int
    ) -> tuple[int, ...]:
        """`prompt_ids`, refused where the prompt or its longest answer would not fit; `who` names it.

        Raises:
            DataError: names the prompt, its length and the limit.
        """
        ids = self.prompt_ids(messages)
        room = self.context_tokens - max_new
        if len(ids) > room:
            raise DataError(
                f"{who}: the prompt has {len(ids)} tokens, but a context of {self.context_tokens} less "
                f"{max_new} for the answer leaves {room}\nhint: lower `--rollouts.max-new-tokens` and "
                "`--eval.max-new-tokens`, or take a model with a longer context"
            )
        if len(ids) > max_prompt:
            raise DataError(
                f"{who}: the prompt has {len(ids)} tokens, above rollouts.max_prompt_tokens = {max_prompt}"
                "\nhint: raise `--rollouts.max-prompt-tokens`, or leave the problem out"
            )
        return ids

    def batches(
        self,
        prompts: Sequence[Sequence[int]],
        completions: Sequence[Sequence[int]],
        ablated: Sequence[bool],
        *,
        rows_per_batch: int,
        lengths: Sequence[int] | None = None,
        tokens_per_batch: int | None = None,
    ) -> RowBatches:
        """Rows of this model's tokens in batches of like length, on its device; see `batch_rows`."""
        return batch_rows(
            prompts,
            completions,
            ablated,
            rows_per_batch=rows_per_batch,
            device=self.device,
            lengths=lengths,
            tokens_per_batch=tokens_per_batch,
        )
