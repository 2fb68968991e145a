"""Load the base model and its tokenizer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as hf_logging

from vgrout.adapters import Lora2r
from vgrout.builtin import builtin_model
from vgrout.config import AdapterConfig, BaseConfig
from vgrout.errors import ConfigError
from vgrout.policy.chat import turn_end
from vgrout.policy.head import put_float32_head
from vgrout.policy.policy import Policy
from vgrout.policy.recompute import enable_recomputing
from vgrout.policy.tiny_model import byte_tokenizer, tiny_model

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


def check_device(device: str) -> torch.device:
    """Give the torch device of a name.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device: cuda was asked for, but torch sees no CUDA device"
            "\nhint: a model of billions of parameters needs one; `--device cpu` does for small models (`--model organism`)"
        )
    return torch.device(device)


def load_policy(
    source: str | None,
    base: BaseConfig,
    adapter: AdapterConfig,
    *,
    device: str,
    seed: int,
    place: Callable[[torch.nn.Module, torch.device], None] | None = None,
    widen: bool = False,
) -> Policy:
    """Load the model at `source` with a fresh adapter on it; `seed` is the adapter's.

    `place` may put parts of the model on the device its own way, before the rest goes there. With `widen` weights of
    `base.dtype` are then kept in float32.

    `source` is a folder, a packaged model's name, or a name in the local hub cache; None builds the tiny random one.

    Raises:
        ConfigError: the folder or a part of it (config, weights, tokenizer, chat template) is missing, or the
            device is, or the adapter's targets.
    """
    target = check_device(device)
    if source is None:
        tokenizer = byte_tokenizer()
        model = tiny_model(0, len(tokenizer), attention=base.attention).to(getattr(torch, base.dtype))
        name = "tiny random Qwen3"
    else:
        name, packaged = source, builtin_model(source)
        if packaged is not None:
            check_model_dir(packaged)
            source = str(packaged)
        elif Path(source).exists() or source.startswith((".", "/", "~")):
            check_model_dir(Path(source).expanduser())
            name = source = str(Path(source).expanduser())
        model, tokenizer = _load_pretrained(source, base)
    if place is not None:
        place(model, target)
    model = model.to(target, torch.float32) if widen else model.to(target)
    if tokenizer.chat_template is None:
        raise ConfigError(f"model: {name} has no chat template\nhint: take the instruction-tuned variant")
    if base.head_dtype == "float32":
        put_float32_head(model, name)
    if base.checkpointing:
        enable_recomputing(model, name)
    end_ids = _end_ids(model, tokenizer)
    if not end_ids:
        raise ConfigError(f"model: {name} names no end token in its tokenizer or generation config")
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_ids[0]
    model = model.eval()
    return Policy(
        name=name,
        model=model,
        adapter=Lora2r.attach(model, r=adapter.rank, seed=seed, targets=adapter.targets),
        tokenizer=tokenizer,
        device=target,
        context_tokens=_context(name, model, base.context_tokens),
        end_ids=end_ids,
        pad_id=int(pad_id),
        checkpoints=base.checkpointing,
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
        _check_not_quantised(source, AutoConfig.from_pretrained(source, local_files_only=True))
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, attn_implementation=base.attention, local_files_only=True
        )
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        looks_local = source.startswith((".", "/", "models/"))
        if looks_local and not Path(source).exists():
            raise ConfigError(
                f"model: there is no folder {source}"
                "\nhint: give the folder of a model; `uv run just smollm2` makes models/smollm2-135m"
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = f"give `--model DIR`, a local folder, or fetch it first: `hf download {source}`"
        if base.attention == "sdpa" and "scaled_dot_product_attention" in reason:
            reason, hint = "it has no `sdpa` attention", "add `--base.attention eager`"
        raise ConfigError(
            f"model: {source} cannot be loaded from this machine: {reason}\nhint: {hint}"
        ) from error
    return model, tokenizer


def _check_not_quantised(source: str, config: Any) -> None:
    """Gradients of the blocks are exact on the weights themselves; a quantised layer's are approximations of its own."""
    settings = getattr(config.get_text_config(), "quantization_config", None) or getattr(
        config, "quantization_config", None
    )
    if settings is not None:
        kind = settings.get("quant_method") if isinstance(settings, dict) else type(settings).__name__
        raise ConfigError(
            f"model: {source} holds quantised weights ({kind}), which routed gradients are not exact on"
            "\nhint: take the model in bfloat16 or float32; `--base.checkpointing` saves memory instead"
        )


def _context(name: str, model: Any, asked: int | None) -> int:
    """The longest context asked for, or the model's own."""
    own = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if own is None and asked is None:
        raise ConfigError(
            f"model: {name} does not say how long its context is\nhint: give `--base.context-tokens`"
        )
    if own is not None and asked is not None and asked > own:
        raise ConfigError(
            f"base.context_tokens: {asked} is above the {own} of {name}\nhint: lower it, or leave it out"
        )
    return int(asked or own or 0)


def _end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Tokens that end an answer: the chat template's first, the tokenizer's, those of the generation config."""
    listed = getattr(model.generation_config, "eos_token_id", None)
    more = listed if isinstance(listed, list) else [listed]
    named = [int(token) for token in (tokenizer.eos_token_id, *more) if token is not None]
    closing = turn_end(tokenizer, named)
    return tuple(dict.fromkeys(named if closing is None else [closing, *named]))
