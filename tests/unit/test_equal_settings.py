"""Settings that say how, and not what, is computed give the same curve."""

import pytest

from tiny import tiny_config, tiny_run
from vgrout.artifacts import METRICS, ROLLOUTS, read_records

CURVE = ("loss", "policy_loss", "kl", "entropy", "deployed_gradient_norm", "quarantine_gradient_norm")
EXACT = ("zone_keep", "zone_absorb", "zone_rout", "exploited", "gt_correct", "completion_tokens_mean")


def curve(run):
    rows = list(read_records(run.run_dir / "metrics.jsonl", METRICS))
    texts = [row["completion"] for row in read_records(run.run_dir / "rollouts.jsonl", ROLLOUTS)]
    return rows, texts


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return curve(tiny_run(tiny_config(tmp_path_factory.mktemp("runs") / "plain", optim__lr=1e-3)))


@pytest.mark.parametrize(
    "changes",
    [
        {"optim__rows_per_batch": 1},
        {"optim__rows_per_batch": 3},
        {"optim__tokens_per_batch": 500},
        {"rollouts__rows_per_batch": 3},
        {"base__checkpointing": True},
        {"base__attention": "eager"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_how_a_step_is_computed_does_not_change_it(plain, tmp_path, changes):
    rows, texts = curve(tiny_run(tiny_config(tmp_path / "run", optim__lr=1e-3, **changes)))
    assert texts == plain[1]
    assert any(row["loss"] for row in rows)
    for row, wanted in zip(rows, plain[0], strict=True):
        assert {name: row[name] for name in EXACT} == {name: wanted[name] for name in EXACT}
        for name in CURVE:
            # Single precision, through another order of sums.
            assert row[name] == pytest.approx(wanted[name], rel=2e-4, abs=2e-6), (name, row["step"])
