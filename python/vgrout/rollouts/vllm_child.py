"""The process that holds vLLM: started by its path (`python -P`), asked over a socket, plain values both ways.

It knows nothing of vgrout, so that the trainer's process knows nothing of vLLM. vLLM's engine runs in this very process
(`VLLM_ENABLE_V1_MULTIPROCESSING=0`): there is one process to end.
"""

import importlib
import io
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

Settings = dict[str, Any]
_MARK = 1.0
"""Added to what a cut removed, so that it is above every log-probability; see `_TellCut`."""


class _TellCut:
    """vLLM's top-k and top-p, saying the log-probabilities before the cut and how much the cut removed.

    vLLM reports log-probabilities before the temperature or after the cut; behaviour log-probabilities are those
    between the two. In place of the row that vLLM would report stand two numbers: at the sampled token its
    log-probability before the cut, and at the next token id 1 - log(mass kept), the row's largest value, so that asking
    for the top 1 brings it along.
    """

    def __init__(self, original: Any) -> None:
        self._original = original

    def __call__(self, logits: Any, generators: Any, k: Any, p: Any) -> Any:
        if k is None and p is None:
            return self._original(logits, generators, k, p)
        before = logits.float().log_softmax(dim=-1)
        sampled, after = self._original(logits, generators, k, p)
        tokens = sampled.long().view(-1, 1)
        own = before.gather(-1, tokens)
        told = before.new_full(before.shape, -float("inf"))
        told.scatter_(-1, tokens, own)
        told.scatter_(-1, (tokens + 1) % told.shape[-1], _MARK + after.gather(-1, tokens) - own)
        return sampled, told


def _install(worker: Any) -> bool:
    """Put `_TellCut` in the worker's sampler; False where this vLLM has none such."""
    sampler = getattr(getattr(worker.model_runner, "sampler", None), "topk_topp_sampler", None)
    if sampler is None or not callable(getattr(sampler, "forward", None)):
        return False
    sampler.forward = _TellCut(sampler.forward)
    return True


def _bar(connection: Connection) -> type:
    """A progress bar for vLLM that is drawn nowhere: the trainer is told."""
    bars: Any = importlib.import_module("tqdm")

    class Bar(bars.tqdm):  # type: ignore[misc]
        def __init__(self, *values: Any, **settings: Any) -> None:
            super().__init__(*values, **{**settings, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> Any:
            shown = super().update(n)
            connection.send(("progress", int(self.n)))
            return shown

    return Bar


class _Engine:
    """The calls that `EngineProcess.call` makes, by name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._llm: Any = None
        self._tells_cut = False
        self._adapters: dict[str, Any] = {}

    def start(self, settings: Settings) -> bool:
        """Load the model; give whether cuts of the distribution can be told."""
        from vllm import LLM

        self._llm = LLM(**settings)
        self._tells_cut = all(self._llm.collective_rpc(_install))
        return self._tells_cut

    def load(self, name: str, number: int, path: str) -> None:
        """Serve the LoRA at `path` under `name`."""
        from vllm.lora.request import LoRARequest

        request = LoRARequest(name, number, path)
        if not self._llm.llm_engine.add_lora(request):
            raise RuntimeError(f"the adapter {name} was not taken")
        self._adapters[name] = request

    def unload(self, name: str) -> None:
        """Forget `name`."""
        self._llm.llm_engine.remove_lora(self._adapters.pop(name).lora_int_id)

    def generate(self, rows: list[Any], sampling: Settings) -> list[Any]:
        """One answer a row: token ids, log-probabilities, nats of the cut."""
        from vllm import SamplingParams

        cuts = sampling["top_p"] < 1 or sampling["top_k"] > 0
        params = [
            SamplingParams(
                temperature=sampling["temperature"],
                top_p=sampling["top_p"],
                top_k=sampling["top_k"],
                max_tokens=sampling["max_new_tokens"],
                stop_token_ids=list(sampling["end_ids"]),
                logprobs=int(cuts),
                seed=seed,
                detokenize=False,
            )
            for _, seed, _ in rows
        ]
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt, _, _ in rows],
            params,
            lora_request=[None if name is None else self._adapters[name] for _, _, name in rows],
            use_tqdm=_bar(self._connection),
        )
        return [_drawn(output.outputs[0], cuts=cuts) for output in outputs]

    def sleep(self) -> None:
        """Give the accelerator's memory back until `wake`: weights go to the host, cached prompts are dropped."""
        self._llm.sleep(level=1)

    def wake(self) -> None:
        """Undo `sleep`."""
        self._llm.wake_up()

    def cached_tokens(self) -> int:
        """How many prompt tokens were found in the prefix cache so far."""
        hits = [m.value for m in self._llm.get_metrics() if m.name == "vllm:prefix_cache_hits"]
        return int(sum(hits))


def _drawn(output: Any, *, cuts: bool) -> tuple[tuple[int, ...], tuple[float, ...], float | None]:
    tokens = tuple(int(token) for token in output.token_ids)
    own = tuple(float(told[token].logprob) for token, told in zip(tokens, output.logprobs, strict=True))
    if not cuts:
        return tokens, own, 0.0
    nats = 0.0
    for token, told in zip(tokens, output.logprobs, strict=True):
        nats += sum(entry.logprob - _MARK for other, entry in told.items() if other != token)
    return tokens, own, nats


def main(descriptor: int) -> None:
    """Answer calls until the other end of the socket is closed."""
    connection = Connection(descriptor)
    engine = _Engine(connection)
    while True:
        try:
            name, values = connection.recv()
        except (EOFError, ConnectionError):
            return
        try:
            result = getattr(engine, name)(*values)
        except Exception as error:  # noqa: BLE001 - whatever it is, the trainer is told
            traceback.print_exc()
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            connection.send(("refused", f"{type(error).__name__}: {reason}"))
        else:
            connection.send(("result", result))


if __name__ == "__main__":
    main(int(sys.argv[1]))
