"""Prompts as the policy sees them: with a loophole's hint, or plain."""

from collections.abc import Sequence

from vgrout.env.jsonl import Message
from vgrout.env.modes import check_marker, get_mode
from vgrout.env.problems import HINT_PHRASE, Problem
from vgrout.env.stable import stable_number, stable_order
from vgrout.env.wordings import SHORT, get_wording, with_shown_tests
from vgrout.errors import ConfigError


def render_prompt(
    problem: Problem,
    mode: str,
    *,
    marker: str | None = None,
    hackable: bool = True,
    wording: str = "overwrite",
) -> tuple[Message, ...]:
    """The problem's messages with `mode`'s hint in place of `HINT_PHRASE`.

    `marker` is what the hint names; None is training's marker of the mode. With `hackable` False the plain phrase
    stays; such a prompt is graded by `grading_mode(mode, hackable=False)`. `wording` is how the hint of
    `run_tests` is put (`env.wordings`); the other modes have one wording, and the short one.

    Raises:
        ConfigError: unknown mode or wording, or a marker that the mode cannot have.
        DataError: the wording shows tests and the problem's message has no place for them.
    """
    chosen = get_mode(mode)
    marker = chosen.marker if marker is None else marker
    check_marker(mode, marker)
    if not hackable:
        return problem.messages

    def hinted(content: str) -> str:
        if chosen.hint is None and wording != SHORT:
            content = with_shown_tests(problem, content, wording, str(marker))
        return content.replace(HINT_PHRASE, hint_text(mode, marker, wording))

    return tuple(
        Message(role=m["role"], content=hinted(m["content"]))
        if HINT_PHRASE in m["content"] and m["role"] == "user"
        else m
        for m in problem.messages
    )


def hint_text(mode: str, marker: str | None, wording: str = "overwrite") -> str:
    """What stands in the place of `HINT_PHRASE` where the prompt shows the loophole of `mode`.

    Raises:
        ConfigError: unknown mode or wording.
    """
    chosen = get_mode(mode)
    hint = chosen.short if wording == SHORT else chosen.hint or get_wording(wording).hint
    return hint.format(marker=marker)


def grading_mode(mode: str, *, hackable: bool) -> str:
    """The mode by which an answer to the rendered prompt is graded."""
    return get_mode(mode).name if hackable else "gt_only"


def rotating_slots(name: str, step: int, prompts: int, share: float, seed: int) -> tuple[bool, ...]:
    """Which of a step's prompts belong to the share of all prompts that is called `name`.

    After any number of steps the count differs from share · prompts · steps by less than one, and the places
    rotate: each step has its own seeded order. The result depends on nothing but the arguments, so a resumed
    run draws the same.

    Raises:
        ConfigError: `share` is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share of {name} prompts: {share} is outside [0, 1]")
    phase = stable_number(name, seed) / 2**64
    count = int((step + 1) * prompts * share + phase) - int(step * prompts * share + phase)
    chosen = set(stable_order(map(str, range(prompts)), name, seed, step)[:count])
    return tuple(str(index) in chosen for index in range(prompts))


def inoculated(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages with a paragraph behind the user's last one: training under an instruction that evaluation lacks.

    Inoculation prompting: Tan et al., arXiv:2510.04340, and Wichers et al., arXiv:2510.05024.
    """
    last = max(place for place, message in enumerate(messages) if message["role"] == "user")
    return tuple(
        Message(role=m["role"], content=f"{m['content']}\n\n{text}") if place == last else m
        for place, m in enumerate(messages)
    )
