"""The hack direction from pairs whose answer was planted, its figures, and the random control."""

import math

import pytest
import torch

from adapter_models import ids, randomise, tiny_qwen3
from vgrout.adapters import Lora2r
from vgrout.errors import ConfigError, DataError, ShapeError
from vgrout.routing import direction_from_activations, haar_direction, measure_direction, pooled_activations


def planted(pairs=40, modules=5, rank=4, strength=3.0, seed=0):
    """Clean activations are noise; hacks are the same noise plus `strength` times a unit direction per module."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(modules, rank, generator=generator)
    truth /= truth.norm(dim=1, keepdim=True)
    clean = torch.randn(pairs, modules, rank, generator=generator)
    jitter = 0.1 * torch.randn(pairs, modules, rank, generator=generator)
    return truth, clean + strength * truth + jitter, clean


def test_a_planted_direction_is_found():
    truth, hack, clean = planted()
    found = direction_from_activations(hack, clean)
    assert ((found.vector * truth).sum(dim=1) > 0.999).all()
    torch.testing.assert_close(found.vector.norm(dim=1), torch.ones(5))
    assert found.paired_accuracy == 1.0
    assert found.held_out_paired_accuracy == 1.0
    assert found.auroc > 0.99
    assert len(found.haar_aurocs) == 16
    assert 0.2 < found.haar_auroc < 0.8


def test_the_mean_difference_is_normalised_per_module():
    hack, clean = torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)
    hack[0, 0], hack[1, 0] = torch.tensor([6.0, 0.0]), torch.tensor([0.0, 8.0])
    hack[:, 1] = torch.tensor([0.0, -1e-3])
    found = direction_from_activations(hack, clean)
    torch.testing.assert_close(found.vector, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_a_module_in_which_the_pairs_agree_stays_zero():
    truth, hack, clean = planted(modules=2)
    hack[:, 1] = clean[:, 1]
    found = direction_from_activations(hack, clean)
    assert torch.equal(found.vector[1], torch.zeros(4))
    assert found.vector[0] @ truth[0] > 0.999


def test_without_a_signal_the_held_out_accuracy_is_chance_while_the_in_sample_one_is_not():
    generator = torch.Generator().manual_seed(1)
    hack, clean = torch.randn(2, 30, 40, 8, generator=generator)
    found = direction_from_activations(hack, clean)
    assert found.paired_accuracy > 0.95
    assert found.held_out_paired_accuracy < 0.75


def test_figures_of_a_given_vector_by_hand():
    hack = torch.tensor([3.0, 1.0, 2.0, 0.0])[:, None, None]
    clean = torch.tensor([1.0, 2.0, 2.0, -1.0])[:, None, None]
    found = measure_direction(torch.ones(1, 1), hack, clean, haar_draws=2)
    assert found.paired_accuracy == (1 + 0 + 0.5 + 1) / 4
    # 3 beats all four; 1 ties 1 and beats -1; 2 beats 1, -1 and ties twice; 0 beats -1
    assert found.auroc == (4 + 1.5 + 3 + 1) / 16
    assert set(found.haar_aurocs) <= {found.auroc, 1 - found.auroc}


def test_a_reversed_vector_has_the_mirrored_auroc():
    truth, hack, clean = planted(strength=1.0)
    forth, back = measure_direction(truth, hack, clean), measure_direction(-truth, hack, clean)
    assert forth.auroc > 0.8
    assert forth.auroc + back.auroc == pytest.approx(1.0, abs=1e-12)


def test_haar_directions_are_unit_seeded_and_without_figures():
    one, again, other = haar_direction(6, 5, 3), haar_direction(6, 5, 3), haar_direction(6, 5, 4)
    torch.testing.assert_close(one.vector.norm(dim=1), torch.ones(6))
    assert torch.equal(one.vector, again.vector)
    assert not torch.equal(one.vector, other.vector)
    assert math.isnan(one.auroc)
    assert math.isnan(one.haar_auroc)


def test_haar_directions_are_uniform_on_the_sphere():
    """Second moment I/r and vanishing mean; a Gaussian box draw that is normalised wrongly fails the fourth moment."""
    vectors = haar_direction(20000, 3, 0).vector.double()
    assert vectors.mean(dim=0).abs().max() < 0.015
    torch.testing.assert_close(vectors.T @ vectors / 20000, torch.eye(3).double() / 3, rtol=0, atol=0.01)
    # for uniform points E x^4 = 3 / (r (r + 2)) = 1/5
    torch.testing.assert_close(vectors.pow(4).mean(dim=0), torch.full((3,), 0.2).double(), rtol=0, atol=0.008)


@pytest.mark.parametrize(
    ("hack", "clean", "error", "match"),
    [
        (torch.ones(2, 3, 4), torch.ones(2, 3, 5), ShapeError, "expected equal"),
        (torch.ones(0, 3, 4), torch.ones(0, 3, 4), ShapeError, "N >= 1"),
        (torch.ones(2, 3, 4), torch.ones(2, 3, 4), DataError, "same mean"),
        (
            torch.tensor([1.0, torch.inf]).reshape(2, 1, 1),
            torch.zeros(2, 1, 1),
            DataError,
            r"hack .* pairs \[1\]",
        ),
        (
            torch.ones(2, 1, 1),
            torch.tensor([torch.nan, 0.0]).reshape(2, 1, 1),
            DataError,
            r"clean .* pairs \[0\]",
        ),
    ],
)
def test_bad_activations_are_refused(hack, clean, error, match):
    with pytest.raises((error, TypeError), match=match if error is DataError else None):
        direction_from_activations(hack, clean)


def test_haar_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        haar_direction(0, 4, 0)


def test_pooled_activations_are_those_of_the_deployed_model_in_any_batch_size():
    model = tiny_qwen3()
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    tokens, attention = ids(5, 8), torch.ones(5, 8, dtype=torch.long)
    attention[1, :3] = 0
    completion = torch.zeros(5, 8, dtype=torch.bool)
    completion[:, 5:] = True
    whole = pooled_activations(model, adapter, tokens, completion, attention)
    assert not whole.requires_grad
    parts = [
        pooled_activations(model, adapter, tokens[rows], completion[rows], attention[rows])
        for rows in (slice(0, 2), slice(2, 5))
    ]
    torch.testing.assert_close(whole, torch.cat(parts))
    with torch.no_grad():
        for parameter in adapter.blocks()["quarantine"]:
            parameter.zero_()
    torch.testing.assert_close(pooled_activations(model, adapter, tokens, completion, attention), whole)
