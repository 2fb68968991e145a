"""A vLLM server that runs already: adapters are loaded into it by name, rows asked of it by HTTP.

    vllm serve MODEL --enable-lora --max-loras 2 --max-lora-rank 4r --logprobs-mode processed_logprobs

with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True; docs/guides/vllm.md says what each is for.
"""

import contextlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError, EngineError, EngineRefused
from vgrout.policy.policy import Policy
from vgrout.rollouts.engine_process import end, keep
from vgrout.rollouts.lora_engine import LoraEngine, check_version, served_rank
from vgrout.rollouts.rows import Adapter, Drawn, Row, Sampling
from vgrout.rollouts.served import new_work_folder
from vgrout.rollouts.server_client import ServerClient

_START = (
    "\nhint: start it with `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora --max-loras 2 "
    "--max-lora-rank {rank} --logprobs-mode processed_logprobs`"
)


class VllmServerEngine(LoraEngine):
    """A `RolloutEngine` on a vLLM server that was running before, and goes on."""

    def __init__(self, policy: Policy, config: RolloutConfig) -> None:
        """Look who answers at `config.url`.

        Raises:
            ConfigError: the server cannot be what this run needs; says why.
            EngineError: it cannot be reached, or does not sample from the adapter as the trainer has it.
        """
        rank = served_rank(policy)
        if config.top_p < 1 or config.top_k > 0:
            raise ConfigError(
                f"rollouts.top_p: {config.top_p} with rollouts.top_k = {config.top_k}: a server says log-probs after "
                "this cut only, and the loss needs those before it"
                "\nhint: `--rollouts.top-p 1 --rollouts.top-k 0`, or `--rollouts.engine vllm`"
            )
        client = ServerClient(str(config.url), timeout_s=config.timeout_s)
        base = _served_model(client, rank)
        folder = new_work_folder(config.adapter_dir)
        try:
            folder.chmod(0o755)  # the server may be another user
            backend = ServerBackend(client, base, folder, together=config.rows_per_batch, rank=rank)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        super().__init__(policy, config, backend, folder)


class ServerBackend:
    """Loads adapters into a server and asks it row by row, many at a time."""

    def __init__(self, client: ServerClient, base: str, folder: Path, *, together: int, rank: int) -> None:
        """Ask up to `together` rows of `base` and its adapters at a time; `folder` is removed at the end."""
        self._client, self._base, self._together, self._rank = client, base, together, rank
        self._folder, self._keeper = folder, keep(folder)
        self._loaded: dict[str, Adapter] = {}
        self._is_open = True

    def load(self, adapter: Adapter) -> None:
        """Serve `adapter` from now on.

        Raises:
            EngineError: the server refuses it; says why.
        """
        body = {"lora_name": adapter.name, "lora_path": adapter.path}
        try:
            self._client.post("/v1/load_lora_adapter", body)
        except EngineRefused as error:
            # A name is used once: where an answer was lost and the question repeated, the first one was heard.
            if "already been loaded" not in str(error):
                raise EngineError(
                    f"the server does not load an adapter: {error}{_START.format(rank=self._rank)}"
                ) from error
        self._loaded[adapter.name] = adapter

    def unload(self, adapter: Adapter) -> None:
        """Serve it no longer; one that the server has dropped by itself is no fault."""
        self._loaded.pop(adapter.name, None)
        with contextlib.suppress(EngineRefused):
            self._client.post("/v1/unload_lora_adapter", {"lora_name": adapter.name})

    def generate(
        self, rows: Sequence[Row], sampling: Sampling, progress: Callable[[int], None] | None
    ) -> list[Drawn]:
        """One request a row; the server makes batches of them."""
        pool = ThreadPoolExecutor(max_workers=min(self._together, len(rows)))
        try:
            asked = [pool.submit(self._draw, row, sampling) for row in rows]
            for done, answer in enumerate(as_completed(asked), 1):
                answer.result()
                if progress is not None:
                    progress(done)
            return [answer.result() for answer in asked]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def rest(self) -> None:
        """Nothing: a server is not ours to stop."""

    def close(self) -> None:
        """Unload what was loaded, where the server still answers, and remove the folder."""
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(EngineError):
            for adapter in list(self._loaded.values()):
                self.unload(adapter)
        end(self._keeper)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _draw(self, row: Row, sampling: Sampling) -> Drawn:
        return drawn(
            self._client.post("/v1/completions", completion_request(row, sampling, self._base)), sampling
        )


def completion_request(row: Row, sampling: Sampling, base: str) -> dict[str, Any]:
    """The body of `/v1/completions` for one row: token ids in, token ids out."""
    return {
        "model": row.adapter or base,
        "prompt": list(row.prompt),
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": row.seed,
        "logprobs": 0,
        "stop_token_ids": list(sampling.end_ids),
        "return_token_ids": True,
        "add_special_tokens": False,
    }


def drawn(answer: Any, sampling: Sampling) -> Drawn:
    """An answer of `/v1/completions`.

    Raises:
        EngineError: it lacks the token ids or their log-probabilities.
    """
    try:
        [choice] = answer["choices"]
        tokens = tuple(int(token) for token in choice["token_ids"])
        logprobs = tuple(float(value) for value in choice["logprobs"]["token_logprobs"])
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"the server's answer lacks token ids or log-probs: {str(answer)[:300]}") from error
    if not tokens or len(tokens) != len(logprobs):
        raise EngineError(f"the server's answer has {len(tokens)} tokens and {len(logprobs)} log-probs")
    return Drawn(tokens, logprobs, None if sampling.cuts else 0.0)


def _served_model(client: ServerClient, rank: int) -> str:
    """Name of the server's base model."""
    try:
        version = client.get("/version")
        models = client.get("/v1/models")
        found = version["version"]
        base = next(entry["id"] for entry in models["data"] if not entry.get("parent"))
    except (EngineRefused, KeyError, TypeError, StopIteration) as error:
        raise ConfigError(
            f"rollouts.url: {client.url} is no vLLM server: {error}{_START.format(rank=rank)}"
        ) from error
    check_version(str(found), f"the server at {client.url}", missing="")
    return str(base)
