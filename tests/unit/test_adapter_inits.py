"""Blocks that begin as directions of the base's weights."""

import json
import re

import pytest
import torch

from tiny import tiny_config, tiny_policy, tiny_run
from vgrout.adapters.spectral import corda_inits, pissa_inits
from vgrout.artifacts import METRICS, read_records
from vgrout.cli import main
from vgrout.errors import ConfigError, DataError
from vgrout.train.directions import pair_tokens
from vgrout.train.session import chosen_pairs
from vgrout.train.starts import input_covariances, policy_of

pytestmark = pytest.mark.gate
RANK = 3


@pytest.fixture
def weight():
    return torch.randn(20, 12, generator=torch.Generator().manual_seed(0))


def best_approximation(matrix):
    """Eckart and Young: of all matrices of rank 2r the nearest."""
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    count = 2 * RANK
    return left[:, :count] * values[:count] @ right[:count]


def test_pissa_begins_with_the_nearest_matrix_of_its_rank(weight):
    a0, b0_t = (part.double() for part in pissa_inits("w", weight, RANK))
    torch.testing.assert_close(b0_t.T @ a0, best_approximation(weight), rtol=1e-5, atol=1e-5)
    # Balanced factors, the blocks' spectra in turn.
    values = torch.linalg.svdvals(weight.double())[: 2 * RANK]
    torch.testing.assert_close(
        a0.norm(dim=1) ** 2, torch.cat([values[0::2], values[1::2]]), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(b0_t.norm(dim=1), a0.norm(dim=1), rtol=1e-5, atol=1e-5)


def test_corda_begins_with_the_nearest_product_on_its_inputs(weight):
    inputs = torch.randn(500, 12, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.1, 3, 12)
    covariance = inputs.T @ inputs / len(inputs)
    a0, b0_t = (part.double() for part in corda_inits("w", weight, covariance, RANK, damping=0.0))
    wanted = best_approximation(weight.double() @ covariance.double())
    torch.testing.assert_close(b0_t.T @ a0 @ covariance.double(), wanted, rtol=1e-4, atol=1e-4)
    plain = [part.double() for part in pissa_inits("w", weight, RANK)]

    def error(a, b_t):
        return ((weight.double() - b_t.T @ a) @ covariance.double()).norm()

    assert error(a0, b0_t) < 0.9 * error(*plain)


def test_fewer_singular_values_than_the_rank_are_refused(weight):
    with pytest.raises(
        ConfigError, match=r"adapter\.init: w is \[20, 12\] and has 12 singular values, fewer"
    ):
        pissa_inits("w", weight, 7)


def test_covariances_are_those_of_what_the_linears_read():
    policy = tiny_policy()
    pairs = chosen_pairs(tiny_config("unused").gate)[:2]
    found = input_covariances(policy, pairs)
    name, linear = policy.adapter.module_names[0], policy.adapter.linears[0]
    seen = []
    handle = linear.register_forward_hook(lambda _m, args, _o: seen.append(args[0][0]))
    with torch.no_grad(), policy.adapter.disabled():
        for prompt, *sides in pair_tokens(pairs, policy):
            for side in sides:
                policy.model(torch.tensor([[*prompt, *side]]))
    handle.remove()
    rows = torch.cat(seen).double()
    torch.testing.assert_close(found[name], rows.T @ rows / len(rows))


@pytest.mark.parametrize("init", ["pissa", "corda"])
def test_a_run_begins_so_trains_resumes_and_is_exported(tmp_path, init, capsys):
    config = tiny_config(tmp_path / "run", adapter__init=init, intervention="routeA", steps=3)
    whole = tiny_run(config)
    losses = [row["loss"] for row in read_records(whole.run_dir / "metrics.jsonl", METRICS)]
    assert any(losses)
    fresh, plain = (
        policy_of(tiny_config(tmp_path, adapter__init=name), "cpu", lambda: chosen_pairs(config.gate))
        for name in (init, "gaussian")
    )
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        torch.testing.assert_close(fresh.model(ids).logits, plain.model(ids).logits)
    with pytest.raises(DataError, match=f"seed is 0, this adapter's is '{init}'"):
        fresh.adapter.load_state_dict(plain.adapter.state_dict())
    assert main(["export", str(whole.run_dir), "--out", str(tmp_path / "out"), "--merge"]) == 0
    drift = float(re.search(r"mean \S+, max (\S+) nats", capsys.readouterr().out)[1])
    assert drift < 1e-4
    assert json.loads((whole.run_dir / "config.json").read_text(encoding="utf-8"))["adapter"]["init"] == init
