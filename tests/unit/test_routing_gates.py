"""Gates: zones by thresholds, warm-up, refresh, resume; and that no label reaches a label-free gate."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from mypy import api as mypy_api

import vgrout.routing
from vgrout._native import ScoreBuffer
from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.routing import (
    ActivationGate,
    AlwaysAbsorb,
    NoGate,
    NoGateFull,
    OracleGate,
    OracleScored,
    Scored,
    direction_from_activations,
    haar_direction,
    label_scored,
)

pytestmark = pytest.mark.gate

ROOT = Path(__file__).parents[2]


def scored(values) -> Scored:
    """Rows whose score under `unit()` is the given value."""
    column = torch.as_tensor(values, dtype=torch.float32)[:, None, None]
    return Scored(pooled=torch.cat([column, -column], dim=2))


def unit(sign=1.0):
    """Direction (sign, 0) in one module of rank 2."""
    hack = torch.tensor([[[sign, 0.0]]])
    return direction_from_activations(hack, torch.zeros(1, 1, 2))


def gate(tail_quantile=0.2, warmup=1, capacity=100, half_life=None) -> ActivationGate:
    made = ActivationGate.build(
        1, 2, capacity=capacity, half_life=half_life, tail_quantile=tail_quantile, warmup=warmup
    )
    made.set_direction(unit())
    return made


@dataclass
class Diagnostics:
    exploited: np.ndarray


def labelled(flags, ablated) -> OracleScored:
    rows = scored(range(len(flags)))
    return label_scored(
        rows, Diagnostics(np.array(flags, dtype=bool)), torch.tensor(ablated, dtype=torch.bool)
    )


def test_zones_follow_numpys_quantiles_of_the_scores_so_far():
    made, rng, seen = gate(tail_quantile=0.15), np.random.default_rng(0), []
    for _ in range(6):
        values = rng.normal(size=16).astype(np.float32)
        seen.extend(values.astype(np.float64))
        decision = made.route(scored(values))
        low, high = np.quantile(seen, [0.15, 0.85])
        assert (decision.low, decision.high) == (
            pytest.approx(low, abs=1e-12),
            pytest.approx(high, abs=1e-12),
        )
        want = ["keep" if v <= decision.low else "rout" if v >= decision.high else "absorb" for v in values]
        assert decision.zone_names == tuple(want)
        assert decision.buffer_fill == len(seen)
        assert decision.scores.tolist() == values.astype(np.float64).tolist()
        assert set(want) == {"keep", "absorb", "rout"}


def test_the_mask_says_what_the_zones_say():
    decision = gate(tail_quantile=0.25).route(scored([-9.0, 0.0, 0.1, 9.0, 0.2]))
    assert decision.zone_names == ("keep", "keep", "absorb", "rout", "rout")
    assert decision.mask.quarantine_on.tolist() == [False, False, True, True, True]
    assert decision.mask.deployed_frozen.tolist() == [False, False, False, True, True]


def test_warm_up_absorbs_until_the_buffer_holds_enough_rows():
    made = gate(warmup=8)
    first = made.route(scored([1.0, 2.0, 3.0, 4.0]))
    assert first.zone_names == ("absorb",) * 4
    assert (first.low, first.high, first.buffer_fill) == (None, None, 4)
    assert made.route(scored([5.0, 6.0, 7.0])).zone_names == ("absorb",) * 3
    eighth = made.route(scored([8.0]))  # the batch itself counts: pushed first, thresholds after
    assert eighth.zone_names == ("rout",)
    assert eighth.buffer_fill == 8


def test_equal_scores_are_neither_kept_nor_routed():
    decision = gate().route(scored([1.0] * 6))
    assert decision.low == decision.high == 1.0
    assert decision.zone_names == ("absorb",) * 6


def test_a_new_direction_rescores_what_the_buffer_holds():
    made = gate(tail_quantile=0.1)
    made.route(scored(np.linspace(-1.0, 1.0, 50)))
    made.set_direction(unit(-1.0))
    decision = made.route(scored([2.0, -2.0]))
    assert decision.zone_names == ("keep", "rout")
    assert decision.buffer_fill == 52
    assert decision.scores.tolist() == [-2.0, 2.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_activation_is_refused_by_row_and_nothing_is_stored(bad):
    made = gate()
    made.route(scored([1.0, 2.0]))
    with pytest.raises(DataError, match=r"rows \[1, 3\]"):
        made.route(scored([0.0, bad, 1.0, bad]))
    assert made.route(scored([3.0])).buffer_fill == 3


def test_route_before_a_direction_and_foreign_shapes_are_refused():
    made = ActivationGate.build(1, 2, warmup=1)
    with pytest.raises(ConfigError, match="set_direction"):
        made.route(scored([1.0]))
    made.set_direction(unit())
    with pytest.raises(ShapeError, match="direction is"):
        made.route(Scored(pooled=torch.zeros(1, 2, 1)))


def test_a_resumed_gate_routes_exactly_as_the_uninterrupted_one():
    rng = np.random.default_rng(3)
    batches = [rng.normal(size=12).astype(np.float32) for _ in range(5)]
    straight = gate(capacity=40, half_life=20.0, warmup=20)
    for batch in batches[:3]:
        straight.route(scored(batch))
    resumed = ActivationGate(ScoreBuffer(40, 2, 20.0), 0.2, 20)
    resumed.load_state_dict(straight.state_dict())
    for batch in batches[3:]:
        one, two = straight.route(scored(batch)), resumed.route(scored(batch))
        assert (one.low, one.high, one.zone_names) == (two.low, two.high, two.zone_names)
        assert torch.equal(one.scores, two.scores)


def test_a_foreign_state_is_refused():
    with pytest.raises(DataError):
        gate(capacity=40).load_state_dict(gate(capacity=41).state_dict())
    with pytest.raises(DataError, match="another arm"):
        NoGate().load_state_dict(gate().state_dict())
    with pytest.raises(DataError, match="expected"):
        gate().load_state_dict({})


@pytest.mark.parametrize(
    ("made", "name", "ablates"),
    [(NoGate(), "keep", True), (NoGateFull(), "absorb", False), (AlwaysAbsorb(), "absorb", True)],
)
def test_constant_gates_pin_one_zone(made, name, ablates):
    made.set_direction(haar_direction(1, 2, 0))
    decision = made.route(scored([1.0, 2.0, 3.0]))
    assert decision.zone_names == (name,) * 3
    assert made.ablates_at_deployment is ablates
    assert made.state_dict() == {}


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        ("match", ("rout", "absorb", "rout", "keep")),
        ("keep", ("rout", "keep", "rout", "keep")),
        ("absorb", ("rout", "absorb", "rout", "absorb")),
    ],
)
def test_the_oracle_routes_exploits_and_the_rest_to_its_zone(rest, names):
    decision = OracleGate(rest).route(labelled([True, False, True, False], [False, False, True, True]))
    assert decision.zone_names == names


def test_the_oracle_refuses_unlabelled_batches():
    with pytest.raises(TypeError, match="OracleScored"):
        OracleGate().route(scored([1.0]))
    with pytest.raises(ShapeError, match="labels"):
        label_scored(scored([1.0, 2.0]), Diagnostics(np.array([True])), torch.tensor([False, False]))


# No label reaches a label-free gate: by type, statically and at run time.


@pytest.mark.parametrize("made", [NoGate(), NoGateFull(), AlwaysAbsorb(), gate()])
def test_a_label_free_gate_refuses_labels(made):
    batch = labelled([True, False], [False, False])
    assert not isinstance(batch, Scored)
    for labels in (batch, Diagnostics(np.array([True, False]))):
        with pytest.raises(TypeError):
            made.route(labels)
    with pytest.raises(TypeError):
        made.route(scored([1.0, 2.0]), Diagnostics(np.array([True, False])))


def test_a_subclass_of_scored_that_smuggles_labels_is_refused():
    class Smuggler(Scored):
        exploited = torch.tensor([True])

    base = scored([1.0])
    with pytest.raises(TypeError, match="Smuggler"):
        AlwaysAbsorb().route(Smuggler(pooled=base.pooled))


def test_only_label_scored_makes_labelled_batches():
    with pytest.raises(TypeError, match="label_scored only"):
        OracleScored(
            scored=scored([1.0]), exploited=torch.tensor([True]), sampled_ablated=torch.tensor([False])
        )


@pytest.mark.slow
def test_the_type_checker_refuses_labels_for_a_label_free_gate(tmp_path):
    program = """
from vgrout.routing import ActivationGate, AlwaysAbsorb, NoGate, NoGateFull, OracleGate, OracleScored, Scored
def good(a: ActivationGate, o: OracleGate, plain: Scored, labelled: OracleScored) -> None:
    a.route(plain)
    o.route(labelled)
def bad(a: ActivationGate, b: AlwaysAbsorb, n: NoGate, f: NoGateFull, o: OracleGate, plain: Scored, labelled: OracleScored) -> None:
    a.route(labelled)
    b.route(labelled)
    n.route(labelled)
    f.route(labelled)
    o.route(plain)
"""
    path = tmp_path / "labels.py"
    path.write_text(program)
    out, err, _ = mypy_api.run(["--config-file", str(ROOT / "pyproject.toml"), str(path)])
    assert not err, err
    # The path is not compared: mypy's cache may answer with that of an earlier run.
    lines = [
        int(line.split(":")[1]) for line in out.splitlines() if "labels.py:" in line and "[arg-type]" in line
    ]
    assert lines == [7, 8, 9, 10, 11], out


def test_label_free_modules_neither_import_nor_name_labels():
    folder = Path(vgrout.routing.__file__).parent
    for name in ("scored.py", "direction.py", "gates.py", "constant.py", "activation.py"):
        tree = ast.parse((folder / name).read_text())
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        assert not any(
            "grading" in module or "oracle" in module or "labels" in module for module in imported
        ), name
        words = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not words & {"exploited", "Diagnostics", "verdicts", "gt_correct", "reward", "rewards"}, name
    assert list(inspect.signature(Scored).parameters) == ["pooled"]
