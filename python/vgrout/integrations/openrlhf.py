"""A reward function for OpenRLHF (written against 0.11): a file for `--reward.remote_url` that imports `reward_func`.

The label column is the row's ground truth, as for verl: its tests, or a JSON object of tests, mode, setup code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from vgrout.errors import DataError, GraderError
from vgrout.integrations.config import RewardConfig, grade
from vgrout.integrations.rows import build_job, diagnostics, truth_fields

END_TOKENS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<eos>",
    "</s>",
)
"""Closing tokens of common chat formats: OpenRLHF decodes them into the query."""
_ANCHOR = 24


@dataclass(frozen=True)
class OpenRlhfReward:
    """`reward_func = OpenRlhfReward(config)` in the file that OpenRLHF loads."""

    config: RewardConfig = field(default_factory=RewardConfig)
    """What to grade by."""
    end_tokens: tuple[str, ...] = END_TOKENS
    """Taken off the end of a response."""

    @property
    def __name__(self) -> str:
        return self.config.name

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]
    ) -> dict[str, Any]:
        """`rewards` and `scores`, tensors [n], and `extra_logs`, a tensor [n] per diagnostic.

        `scores` are 1.0 where the answer passed and 0.0 elsewhere: what dynamic filtering goes by.

        Raises:
            DataError: lists of different lengths, a query that does not continue its prompt, a row without tests.
            SandboxUnavailable: the kernel enforces less than `config.min_level`.
            GraderError: the machinery failed on a query; OpenRLHF then logs it and gives the sample no reward.
        """
        if not len(queries) == len(prompts) == len(labels):
            raise DataError(f"found {len(queries)} queries, {len(prompts)} prompts, {len(labels)} labels")
        jobs = [
            build_job(
                self.config, self._response(query, prompt, f"query {i}"), truth_fields(label), f"label {i}"
            )
            for i, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
        ]
        verdicts = grade(self.config, jobs)
        known = [verdict for verdict in verdicts if verdict is not None]
        if len(known) != len(verdicts):
            failed = len(verdicts) - len(known)
            raise GraderError(f"the machinery failed on {failed} of {len(verdicts)} queries", list(verdicts))
        # By name, so that nothing here imports torch before OpenRLHF, which brings it, asks for tensors.
        tensor = import_module("torch").tensor
        logs = [diagnostics(verdict) for verdict in known]
        return {
            "rewards": tensor([self.config.points(verdict) for verdict in known]),
            "scores": tensor([float(verdict.passed) for verdict in known]),
            "extra_logs": {name: tensor([row[name] for row in logs]) for name in logs[0]} if logs else {},
        }

    def _response(self, query: str, prompt: str, where: str) -> str:
        text = query[_prompt_end(query, prompt, where) :].rstrip()
        while token := next((token for token in self.end_tokens if text.endswith(token)), None):
            text = text[: -len(token)].rstrip()
        return text


def _prompt_end(query: str, prompt: str, where: str) -> int:
    """Where the response starts: the prompt's own code blocks must not be graded as the answer's.

    The tokenizer may put a token before the prompt, and a prompt that is too long loses its beginning.
    """
    at = query.find(prompt)
    if at >= 0:
        return at + len(prompt)
    start = prompt.find(query[:_ANCHOR])
    while start >= 0:
        if query.startswith(prompt[start:]):
            return len(prompt) - start
        start = prompt.find(query[:_ANCHOR], start + 1)
    raise DataError(
        f"{where}: does not continue its prompt, so the response cannot be told from it"
        "\nhint: the tokenizer's decoding must give the prompt back as it was"
    )


reward_func = OpenRlhfReward()
"""With default settings."""
