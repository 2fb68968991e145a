"""The table of steps fits the console."""

import pytest

from vgrout.train.progress import shown_columns, step_line

ROW = {
    "step": 12, "rollouts": 64, "teacher_rollouts": 16, "zone_keep": 10, "zone_absorb": 40, "zone_rout": 14, "reward_mean": 1.5,
    "exploited": 20, "gt_correct": 7, "quarantine_mass": 0.5, "loss": -0.0123, "kl": 0.0004, "learning_rate": 3e-4,
}  # fmt: skip


@pytest.mark.parametrize("width", [200, 120, 102, 101, 80, 60, 40])
def test_a_line_fits_and_keeps_what_matters_most(width):
    columns = shown_columns(width)
    line = step_line(ROW, 200, 61.2, columns)
    assert len(line) <= width
    assert {"step", "hack", "solve", "left"} <= set(columns)
    assert "12/200" in line
    assert "20/48" in line


def test_nothing_is_left_out_where_there_is_room():
    assert len(shown_columns(102)) == 11
    assert {"reward", "keep/absorb/rout", "KL"} <= set(shown_columns(80))


def test_what_a_step_did_not_measure_is_a_dash():
    assert step_line({**ROW, "kl": None}, 200, 1.0, ["step", "KL"]).split() == ["12/200", "-"]
