"""The reward-hacking environment: problems, loopholes and their hints, splits, contrast pairs, teacher pools."""

from vgrout.env.demos import Demo, read_pool, scripted_demos, write_pool
from vgrout.env.jsonl import Message
from vgrout.env.modes import (
    FILE_CONTENT,
    LOOPHOLE_MODES,
    MODES,
    evaluation_marker,
    training_marker,
)
from vgrout.env.pairs import ContrastPair, load_pairs
from vgrout.env.partition import partition_modes, save_partition
from vgrout.env.problems import HINT_PHRASE, Problem, Splits, load_problems, split_problems
from vgrout.env.prompts import grading_mode, render_prompt, rotating_slots
from vgrout.env.wordings import shown_tests

__all__ = [
    "FILE_CONTENT",
    "HINT_PHRASE",
    "LOOPHOLE_MODES",
    "MODES",
    "ContrastPair",
    "Demo",
    "Message",
    "Problem",
    "Splits",
    "evaluation_marker",
    "grading_mode",
    "load_pairs",
    "load_problems",
    "partition_modes",
    "read_pool",
    "render_prompt",
    "rotating_slots",
    "save_partition",
    "scripted_demos",
    "shown_tests",
    "split_problems",
    "training_marker",
    "write_pool",
]
