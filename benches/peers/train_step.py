"""The train phase of one step, as vgrout makes it and as a user would otherwise: the same model, the same tokens.

`python benches/peers/train_step.py [--shapes 29M 50M smollm2] [--rounds 3]` prints one table a shape: seconds of the whole
phase (scoring, reference, forward and backward of every row), peak memory, and how many times vgrout's they are. P prompts
of G answers, prompts as long as answers or longer; one process, one round after the other, medians. Memory is the
growth of a process of its own over the loaded model (`--only NAME`).

  vgrout    gate on: old log-probs and activations, the quarantine-ablated second reading, reference, loss with KL
  ungated   the same with the gate off (arm `absorb`), which scores nothing
  peft      PEFT's LoRA of equal rank (2r) and a plain GRPO loss over `logits_to_keep`; it has no gate and no blocks
  hook      two LoRAs in a forward hook in output space, as gradient routing's definition is written down, gate on
"""

import argparse
import copy
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "gpu"))
from harness import Sizes
from models import PlainAdapter, policy_of, qwen3

from vgrout.adapters import Lora2r, RouteMask
from vgrout.adapters.masks import differs
from vgrout.grpo import LossInputs, dr_grpo_loss, step_size
from vgrout.policy.tokens import RowBatches, batch_rows
from vgrout.train.forward import row_logprobs_and_entropy
from vgrout.train.memory import peak_memory_bytes, reset_peak_memory
from vgrout.train.scoring import reference_logprobs, score_rollouts

RANK = 32
GROUP = 8
ROWS_PER_BATCH = 8
TEMPERATURE = 0.7
SHAPES = {
    "tiny": Sizes(layers=2, hidden=128, intermediate=256, heads=4, kv_heads=2, head_dim=32, vocabulary=1024, rank=8),
    "29M": Sizes(layers=8, hidden=512, intermediate=1536, heads=8, kv_heads=4, head_dim=64, vocabulary=8192, rank=RANK),
    "50M": Sizes(layers=8, hidden=512, intermediate=1536, heads=8, kv_heads=4, head_dim=64, vocabulary=49_152, rank=RANK),
}  # fmt: skip
SMOLLM2 = Path("models/smollm2-135m")


@dataclass(frozen=True, kw_only=True)
class Step:
    """The rows of a step, as every contender is given them."""

    prompts: tuple[tuple[int, ...], ...]
    completions: tuple[tuple[int, ...], ...]
    ablated: tuple[bool, ...]
    """A quarter of the groups, as the recipes sample them."""
    advantages: Tensor
    mask: RouteMask
    """A third of the rows in each zone."""

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """Ids `[B, T + L]` and completion ids `[B, L]`: no row is padded."""
        ids = torch.tensor(
            [[*prompt, *answer] for prompt, answer in zip(self.prompts, self.completions, strict=True)]
        )
        return ids, torch.tensor(self.completions)


def make_step(prompts: int, prompt: int, completion: int, vocabulary: int) -> Step:
    """Draw random tokens."""
    generator = torch.Generator().manual_seed(7)
    drawn = torch.randint(3, vocabulary, (prompts, prompt), generator=generator).tolist()
    rows = prompts * GROUP
    answers = torch.randint(3, vocabulary, (rows, completion), generator=generator).tolist()
    letters = ("kar" * rows)[:rows]
    return Step(
        prompts=tuple(tuple(drawn[row // GROUP]) for row in range(rows)),
        completions=tuple(map(tuple, answers)),
        ablated=tuple(row // GROUP % 4 == 0 for row in range(rows)),
        advantages=torch.randn(rows, generator=generator),
        mask=RouteMask(
            quarantine_on=torch.tensor([letter != "k" for letter in letters]),
            deployed_frozen=torch.tensor([letter == "r" for letter in letters]),
        ),
    )


def ours(model: Any, sizes: Sizes, step: Step, *, gate: bool) -> Callable[[], None]:
    """The trainer's own functions, without its bookkeeping."""
    adapter = Lora2r.attach(model, r=sizes.rank, seed=0)
    policy = policy_of(model, adapter, torch.device("cpu"), sizes.vocabulary)
    rows: RowBatches = batch_rows(
        step.prompts,
        step.completions,
        step.ablated,
        rows_per_batch=ROWS_PER_BATCH,
        device=torch.device("cpu"),
    )
    count = len(step.prompts)
    size = step_size(GROUP, rows.width, count // GROUP, tokens=rows.tokens)
    mask = (
        step.mask
        if gate
        else RouteMask(
            quarantine_on=torch.ones(count, dtype=torch.bool),
            deployed_frozen=torch.zeros(count, dtype=torch.bool),
        )
    )

    def phase() -> None:
        old = score_rollouts(policy, rows, temperature=TEMPERATURE)[0] if gate else None
        reference = reference_logprobs(policy, rows, temperature=TEMPERATURE)
        for batch in rows.batches:
            at, own = batch.rows, mask[batch.rows]
            logprobs, _ = row_logprobs_and_entropy(policy, batch.tokens, own, temperature=TEMPERATURE)
            outputs = dr_grpo_loss(
                LossInputs(
                    logprobs=logprobs,
                    old_logprobs=logprobs.detach() if old is None else old[at, : batch.width],
                    advantages=step.advantages[at],
                    completion_mask=batch.tokens.completion_mask,
                    size=size,
                    reference_logprobs=reference[at, : batch.width],
                    off_policy=differs(own, batch.ablated) if gate else None,
                )
            )
            torch.autograd.backward(outputs.loss)
        clear(adapter.parameters())

    return phase


def clear(parameters: Any) -> None:
    """Forget the gradients, as an optimiser's step does."""
    for parameter in parameters:
        parameter.grad = None


def logprobs_of(model: Any, ids: Tensor, answers: Tensor) -> Tensor:
    """As trainers write it: logits of the answer's positions, in the head's dtype, and their log-softmax."""
    length = answers.shape[1]
    logits = model(input_ids=ids, logits_to_keep=length + 1).logits[:, :-1] / TEMPERATURE
    picked = logits.gather(-1, answers[..., None])[..., 0]
    return picked - logits.logsumexp(-1)


def plain_loss(
    logprobs: Tensor, old: Tensor, reference: Tensor, advantages: Tensor, divisor: float
) -> Tensor:
    """The clipped policy gradient with k3."""
    ratio = (logprobs - old).exp()
    weighted = torch.minimum(ratio * advantages[:, None], ratio.clamp(0.8, 1.2) * advantages[:, None])
    gap = reference - logprobs
    return (-weighted + 1e-3 * (gap.exp() - gap - 1)).sum() / divisor


def by_batches(step: Step, work: Callable[[slice, Tensor, Tensor], None]) -> None:
    ids, answers = step.inputs
    for start in range(0, len(ids), ROWS_PER_BATCH):
        rows = slice(start, start + ROWS_PER_BATCH)
        work(rows, ids[rows], answers[rows])


def peft(model: Any, sizes: Sizes, step: Step) -> Callable[[], None]:
    """PEFT's LoRA of rank 2r on the same Linears."""
    from peft import LoraConfig, get_peft_model

    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    wrapped: Any = get_peft_model(
        model, LoraConfig(r=2 * sizes.rank, lora_alpha=2 * sizes.rank, target_modules=targets)
    )
    trained = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    divisor = float(len(step.completions) * len(step.completions[0]))

    def batch(rows: slice, ids: Tensor, answers: Tensor) -> None:
        with torch.no_grad():
            old = logprobs_of(wrapped, ids, answers)
            with wrapped.disable_adapter():
                reference = logprobs_of(wrapped, ids, answers)
        logprobs = logprobs_of(wrapped, ids, answers)
        torch.autograd.backward(plain_loss(logprobs, old, reference, step.advantages[rows], divisor))

    def phase() -> None:
        by_batches(step, batch)
        clear(trained)

    return phase


def hook(model: Any, sizes: Sizes, step: Step) -> Callable[[], None]:
    """The definition in output space; the gate's activations are a product of their own."""
    linears: dict[str, nn.Linear] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.endswith("_proj")
    }
    adapter = PlainAdapter(linears, sizes.rank)
    pooled: list[Tensor] = []
    watched: list[bool] = [False]
    for index, linear in enumerate(linears.values()):

        def watch(_module: Any, args: tuple[Tensor, ...], _output: Tensor, index: int = index) -> None:
            if watched[0]:
                pooled.append((args[0] @ adapter.weights[index][2][: sizes.rank].T).mean(1))

        linear.register_forward_hook(watch)
    divisor = float(len(step.completions) * len(step.completions[0]))
    sampled = RouteMask.sampled(torch.tensor(step.ablated))

    def ask(mask: RouteMask, ids: Tensor, answers: Tensor) -> Tensor:
        adapter.route(mask)
        return logprobs_of(model, ids, answers)

    def batch(rows: slice, ids: Tensor, answers: Tensor) -> None:
        at = torch.arange(rows.start, rows.stop)
        with torch.no_grad():
            watched[0] = True
            old = ask(sampled[at], ids, answers)
            again = at[sampled.quarantine_on[at]]
            if len(again):
                ask(
                    RouteMask.keep(len(again), torch.device("cpu")),
                    ids[again - rows.start],
                    answers[again - rows.start],
                )
            watched[0] = False
            pooled.clear()
            kept = adapter.weights[:]
            adapter.weights[:] = [
                (a0, b0, a0, b0) for a0, b0, _, _ in kept
            ]  # a difference of equals: the base
            reference = ask(step.mask[at], ids, answers)
            adapter.weights[:] = kept
        logprobs = ask(step.mask[at], ids, answers)
        torch.autograd.backward(plain_loss(logprobs, old, reference, step.advantages[rows], divisor))

    def phase() -> None:
        by_batches(step, batch)
        clear(adapter.parameters())

    return phase


CONTENDERS: dict[str, Callable[[Any, Sizes, Step], Callable[[], None]]] = {
    "vgrout": lambda model, sizes, step: ours(model, sizes, step, gate=True),
    "ungated": lambda model, sizes, step: ours(model, sizes, step, gate=False),
    "peft": peft,
    "hook": hook,
}


def model_of(shape: str) -> tuple[Any, Sizes]:
    """A random model of the shape, or SmolLM2 where `just smollm2` has put it."""
    torch.manual_seed(0)
    if shape != "smollm2":
        return qwen3(SHAPES[shape], torch.device("cpu"), torch.float32), SHAPES[shape]
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(SMOLLM2, dtype=torch.float32, local_files_only=True).eval()
    model.requires_grad_(requires_grad=False)
    config = model.config
    sizes = Sizes(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=config.hidden_size // config.num_attention_heads,
        vocabulary=config.vocab_size,
        rank=RANK,
    )
    return model, sizes


def growth(name: str, model: Any, sizes: Sizes, step: Step) -> float:
    """MiB by which one phase makes the process grow."""
    phase = CONTENDERS[name](model, sizes, step)
    reset_peak_memory()
    before = peak_memory_bytes()
    phase()
    return (peak_memory_bytes() - before) / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", default=["tiny", "29M", "50M"], choices=[*SHAPES, "smollm2"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--completion", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--only", choices=CONTENDERS, help="print the memory that one contender's phase takes"
    )
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    for shape in flags.shapes:
        model, sizes = model_of(shape)
        step = make_step(flags.prompts, flags.prompt, flags.completion, sizes.vocabulary)
        if flags.only:
            print(json.dumps(growth(flags.only, model, sizes, step)))
            continue
        print(
            f"{shape}: {flags.prompts} x {GROUP} rows, prompts of {flags.prompt}, answers of {flags.completion} tokens"
        )
        phases = {name: make(copy.deepcopy(model), sizes, step) for name, make in CONTENDERS.items()}
        seconds: dict[str, list[float]] = {name: [] for name in phases}
        for turn in range(flags.rounds + 1):
            for name, phase in phases.items():
                start = time.perf_counter()
                phase()
                if turn:
                    seconds[name].append(time.perf_counter() - start)
        memory = {name: _memory_of(name, shape, flags) for name in phases}
        for name, found in seconds.items():
            median = statistics.median(found)
            ratio = statistics.median(
                theirs / mine for theirs, mine in zip(found, seconds["vgrout"], strict=True)
            )
            print(
                f"  {name:8s} {median:8.2f} s  {ratio:5.2f} x  {memory[name]:7.0f} MiB  "
                f"{memory[name] / max(memory['vgrout'], 1.0):5.2f} x  {len(step.prompts) * (flags.prompt + flags.completion) / median:8.0f} tokens/s"
            )
        del phases


def _memory_of(name: str, shape: str, flags: argparse.Namespace) -> float:
    command = [sys.executable, __file__, "--only", name, "--shapes", shape]
    for field in ("prompts", "prompt", "completion", "threads"):
        command += [f"--{field}", str(getattr(flags, field))]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    if importlib.util.find_spec("peft") is None:
        CONTENDERS.pop("peft")
    main()
