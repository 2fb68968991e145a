"""Load the base model and its tokenizer, and put chat messages into tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as hf_logging

from vgrout.builtin import builtin_model
from vgrout.config import BaseConfig
from vgrout.env.jsonl import Message
from vgrout.errors import ConfigError, DataError
from vgrout.rollouts.tiny_model import byte_tokenizer, tiny_model

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A frozen base model with everything needed to speak to it."""

    name: str
    """What was loaded, for people."""
    model: torch.nn.Module
    """A causal language model of transformers."""
    tokenizer: Any
    """Its tokenizer; it has a chat template."""
    device: torch.device
    context_tokens: int
    """Longest prompt plus completion, in tokens."""
    end_ids: tuple[int, ...]
    """Tokens that end an answer; the first one closes demonstrations."""
    pad_id: int

    def prompt_ids(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Token ids of a chat that waits for the assistant's answer, thinking turned off."""
        text = self.tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        return self.encode(text)

    @property
    def vocabulary(self) -> int:
        """Rows of the output head: every token id is below it."""
        return int(self.model.get_output_embeddings().weight.shape[0])  # type: ignore[operator]

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text, nothing added."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def text(self, ids: Sequence[int]) -> str:
        """The answer as text, without special tokens."""
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


def check_device(device: str) -> torch.device:
    """Give the torch device of a name.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device: cuda was asked for, but torch sees no CUDA device\nhint: use `--device cpu`"
        )
    return torch.device(device)


def load_model(source: str | None, base: BaseConfig, device: str) -> LoadedModel:
    """Load the model at `source`: a folder, a packaged model's name, or a name in the local hub cache.

    None builds the tiny random one.

    Raises:
        ConfigError: the folder or a part of it (config, weights, tokenizer, chat template) is missing, or the
            device is.
    """
    target = check_device(device)
    if source is None:
        tokenizer = byte_tokenizer()
        model = tiny_model(0, len(tokenizer)).to(target)
        name = "tiny random Qwen3"
    else:
        name, packaged = source, builtin_model(source)
        if packaged is not None and not Path(source).exists():
            check_model_dir(packaged)
            source = str(packaged)
        elif Path(source).exists() or source.startswith((".", "/", "~")):
            check_model_dir(Path(source).expanduser())
            name = source = str(Path(source).expanduser())
        model, tokenizer = _load_pretrained(source, base)
        model = model.to(target)
    if tokenizer.chat_template is None:
        raise ConfigError(f"model: {name} has no chat template\nhint: take the instruction-tuned variant")
    end_ids = _end_ids(model, tokenizer)
    if not end_ids:
        raise ConfigError(f"model: {name} names no end token in its tokenizer or generation config")
    context = int(model.config.get_text_config().max_position_embeddings)
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_ids[0]
    return LoadedModel(
        name=name,
        model=model.eval().requires_grad_(requires_grad=False),
        tokenizer=tokenizer,
        device=target,
        context_tokens=min(context, base.context_tokens or context),
        end_ids=end_ids,
        pad_id=int(pad_id),
    )


def check_model_dir(path: Path) -> None:
    """Refuse a folder that cannot be a Hugging Face model, and say which part is missing.

    Raises:
        ConfigError: names the folder and the missing part.
    """
    hint = "\nhint: give a folder written by `save_pretrained` (config.json, *.safetensors, tokenizer.json)"
    if not path.is_dir():
        raise ConfigError(f"model: {path} is not a folder{hint}")
    if not (path / "config.json").is_file():
        raise ConfigError(f"model: {path} has no config.json{hint}")
    if not any(next(path.glob(pattern), None) for pattern in _WEIGHTS):
        raise ConfigError(f"model: {path} has no weights ({' or '.join(_WEIGHTS)}){hint}")
    if not any((path / name).is_file() for name in _TOKENIZERS):
        raise ConfigError(f"model: {path} has no tokenizer ({' or '.join(_TOKENIZERS)}){hint}")


def _load_pretrained(source: str, base: BaseConfig) -> tuple[Any, Any]:
    dtype = getattr(torch, base.dtype)
    hf_logging.disable_progress_bar()
    try:
        # A run never downloads: what is missing is said at once, not after minutes of retries.
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, attn_implementation=base.attention, local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        looks_local = source.startswith((".", "/", "models/"))
        if looks_local and not Path(source).exists():
            raise ConfigError(
                f"model: there is no folder {source}"
                "\nhint: give the folder of a model; `uv run just smollm2` makes models/smollm2-135m"
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"model: {source} cannot be loaded from this machine: {reason}"
            "\nhint: give `--model DIR`, a local folder, or run `uv run just download-model` where there is a network"
        ) from error
    return model, tokenizer


def _end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Tokens that end an answer: the tokenizer's first, then those of the generation config."""
    listed = getattr(model.generation_config, "eos_token_id", None)
    more = listed if isinstance(listed, list) else [listed]
    found = [tokenizer.eos_token_id, *more]
    return tuple(dict.fromkeys(int(token) for token in found if token is not None))
