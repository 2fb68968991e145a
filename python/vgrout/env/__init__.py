"""The reward-hacking environment: problems, loopholes and their hints, splits, contrast pairs, teacher pools."""

from vgrout.env.demos import Demo, read_pool, scripted_demos, write_pool
from vgrout.env.jsonl import Message
from vgrout.env.modes import (
    FILE_CONTENT,
    LOOPHOLE_MODES,
    MODES,
    evaluation_marker,
    evaluation_markers,
    training_marker,
)
from vgrout.env.pairs import ContrastPair, load_pairs
from vgrout.env.partition import load_partition, partition_modes, save_partition
from vgrout.env.problems import HINT_PHRASE, Problem, Splits, load_problems, problems_by_id, split_problems
from vgrout.env.prompts import grading_mode, render_prompt, unhackable_slots
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
    "evaluation_markers",
    "grading_mode",
    "load_pairs",
    "load_partition",
    "load_problems",
    "partition_modes",
    "problems_by_id",
    "read_pool",
    "render_prompt",
    "save_partition",
    "scripted_demos",
    "shown_tests",
    "split_problems",
    "training_marker",
    "unhackable_slots",
    "write_pool",
]
