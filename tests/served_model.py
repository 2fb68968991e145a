"""A backend for tests that does what a serving engine should: it reads the exported folders, and knows nothing else."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from tiny import tiny_policy
from vgrout.config import RolloutConfig
from vgrout.policy.tiny_model import tiny_model
from vgrout.rollouts.lora_engine import LoraEngine
from vgrout.rollouts.rows import Adapter, Drawn


class HonestBackend:
    """Serves the tiny model with standard LoRAs merged into a copy of its weights."""

    def __init__(self, policy, folder: Path) -> None:
        self.policy, self.folder = policy, folder
        self.model = tiny_model(0, policy.vocabulary)
        self.weights: dict[str, dict[str, torch.Tensor]] = {}
        self.log: list[tuple[str, str]] = []
        self.calls: list[list[str | None]] = []
        self.is_closed = False

    def load(self, adapter: Adapter) -> None:
        self.log.append(("load", adapter.name))
        self.weights[adapter.name] = self.read(adapter)

    def read(self, adapter: Adapter) -> dict[str, torch.Tensor]:
        folder = Path(adapter.path)
        config = json.loads((folder / "adapter_config.json").read_text())
        tensors = load_file(folder / "adapter_model.safetensors")
        scale = config["lora_alpha"] / config["r"]
        found = {}
        for key in tensors:
            if key.endswith("lora_A.weight"):
                stem = key.removesuffix(".lora_A.weight")
                name = stem.removeprefix("base_model.model.")
                found[name] = scale * tensors[f"{stem}.lora_B.weight"] @ tensors[key]
        return found

    def unload(self, adapter: Adapter) -> None:
        self.log.append(("unload", adapter.name))
        del self.weights[adapter.name]

    def generate(self, rows, sampling, progress) -> list[Drawn]:
        self.calls.append([row.adapter for row in rows])
        return [self.draw(row, sampling) for row in rows]

    @torch.no_grad()
    def draw(self, row, sampling) -> Drawn:
        changes = {} if row.adapter is None else self.weights[row.adapter]
        modules = dict(self.model.named_modules())
        before = {name: modules[name].weight.clone() for name in changes}
        for name, change in changes.items():
            modules[name].weight += change
        generator, ids, told = torch.Generator().manual_seed(row.seed), list(row.prompt), []
        cache, new = None, ids
        while len(told) < sampling.max_new_tokens:
            output = self.model(torch.tensor([new]), past_key_values=cache, use_cache=True, logits_to_keep=1)
            logprobs = (output.logits[0, -1] / sampling.temperature).log_softmax(-1)
            cache = output.past_key_values
            token = int(torch.multinomial(logprobs.exp(), 1, generator=generator))
            ids.append(token)
            new = [token]
            told.append(float(logprobs[token]))
            if token in sampling.end_ids:
                break
        for name, weight in before.items():
            modules[name].weight.copy_(weight)
        return Drawn(tuple(ids[len(row.prompt) :]), tuple(told), 0.0)

    def rest(self) -> None:
        self.log.append(("rest", ""))

    def close(self) -> None:
        self.is_closed = True
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def served_engine(folder: Path, backend=HonestBackend, **settings):
    """A policy, and an engine on such a backend that exports to `folder`."""
    policy = tiny_policy(rank=2)
    served = backend(policy, folder)
    return policy, served, LoraEngine(policy, RolloutConfig(**settings), served, folder)


def learn(policy, size: float = 0.01, seed: int = 2) -> None:
    """Something like a step of the optimiser, on both blocks."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.adapter.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)


def trainer_logprobs(policy, request, answer, scale=1.0):
    """Of the whole vocabulary [L, V], of one row alone."""
    prompt = request.prompts[answer.prompt_index]
    ids = torch.tensor([[*prompt, *answer.completion]])
    with torch.no_grad(), policy.adapter.ablated(0.0 if answer.ablated else scale):
        logits = policy.model(ids).logits[0, len(prompt) - 1 : -1] / request.temperature
    return logits.log_softmax(-1)


def answer_logprobs(policy, request, answer, scale=1.0):
    """What the trainer's formula says of an answer's tokens [L]."""
    logprobs = trainer_logprobs(policy, request, answer, scale)
    return logprobs.gather(1, torch.tensor(answer.completion)[:, None])[:, 0]
