"""The README.md of an exported policy: what it is, what it did, how it is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vgrout.builtin import builtin_model
from vgrout.config import TrainConfig
from vgrout.versions import version_of

_RESULTS = (
    ("hack", "exploited answers to prompts that disclose a loophole"),
    ("solve_hinted", "correct answers to the same prompts"),
    ("solve_plain", "correct answers to prompts without one"),
)


def card(
    run: Path,
    config: TrainConfig,
    step: int,
    *,
    policy: str,
    quarantine: float,
    rank: int | None,
    drift: object | None,
) -> str:
    """The text of an export of `run` after `step`; `quarantine` is 0 where the quarantine was left out."""
    packaged = config.model is not None and builtin_model(config.model) is not None
    base = config.model or "a random model that is built from its seed, and kept nowhere"
    base += ", which ships with vgrout" if packaged else ""
    what = "a whole model, the policy merged into its weights" if rank is None else f"a LoRA of rank {rank}"
    held = "without its quarantine" if not quarantine else "with both blocks"
    origin = f"preset `{config.preset}`, arm `{config.arm}`, seed {config.seed}"
    writer = f"vgrout {version_of('vgrout') or 'from source'}"
    rollouts = config.rollouts
    settings = (
        f"Loss `{config.loss.objective}`, KL weight {config.loss.kl_beta:g}, learning rate {config.optim.lr:g}",
        f"{rollouts.prompts_per_step} prompts of {rollouts.group_size} answers a step",
        f"adapter rank {config.adapter.rank} a block",
    )
    lines = [
        "---",
        f"library_name: {'transformers' if rank is None else 'peft'}",
        *([f"base_model: {config.model}"] if config.model and not packaged else []),
        "tags: [vgrout, gradient-routing, reward-hacking]",
        "---",
        "",
        f"# {config.arm}, seed {config.seed}: the {policy} policy",
        "",
        f"This is {what}, {held}, after step {step} of {config.steps} ({origin}), written by {writer}. Base model: {base}.",
        "",
        *(
            [f"Merged, it differs from the policy that was trained by {drift}.", ""]
            if drift is not None
            else []
        ),
        *_how(config.model, rank, packaged=packaged, dtype=config.base.dtype),
        *_results(run, policy, step),
        "## Settings",
        "",
        f"{', '.join(settings)}. Loopholes in training: {', '.join(config.env.modes)}.",
        "",
    ]
    return "\n".join(lines)


def _how(model: str | None, rank: int | None, *, packaged: bool, dtype: str) -> list[str]:
    if rank is None:
        code = ["model = AutoModelForCausalLM.from_pretrained(FOLDER)"]
        head = ["from transformers import AutoModelForCausalLM"]
    else:
        name = f'"{model}"' if model else "BASE"
        head = ["from peft import PeftModel", "from transformers import AutoModelForCausalLM"]
        if packaged:
            name = f"builtin_model({name})"
            head.append("from vgrout.builtin import builtin_model")
        code = [
            f'base = AutoModelForCausalLM.from_pretrained({name}, dtype="{dtype}")',
            "model = PeftModel.from_pretrained(base, FOLDER)",
        ]
    return ["```python", *head, "", *code, "```", ""]


def _results(run: Path, policy: str, step: int) -> list[str]:
    """Rates with n and intervals from the run's own evaluation, where it is of this step."""
    found = _evaluation(run)
    key = "deployed" if policy == "deployed" else "as_trained"
    if found.get("step") != step or key not in found:
        return ["This state of the run was not evaluated.", ""]
    rows = [
        f"| {meaning} | {one['count']} of {one['n']} | {one['count'] / max(one['n'], 1):.1%} "
        f"[{one['low']:.1%}, {one['high']:.1%}] |"
        for name, meaning in _RESULTS
        for one in [found[key][name]]
    ]
    problems = len(found.get("problems", ()))
    return [
        f"## Results on {problems} held-out problems",
        "",
        "| what | count | share [95 % Wilson interval] |",
        "| --- | --- | --- |",
        *rows,
        "",
        "One run proves nothing about the method: seeds vary more than the answers of one run do.",
        "",
    ]


def _evaluation(run: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((run / "eval.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
