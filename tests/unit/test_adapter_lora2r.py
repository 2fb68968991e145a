"""The handle: attaching, contexts, generation, state, staleness, targets."""

import copy

import pytest
import torch

from adapter_models import gradients, ids, mask_of, naive_copy, one_linear, randomise, tiny_qwen3
from vgrout.adapters import BlockOptimizer, Lora2r, RouteMask, differs
from vgrout.errors import ConfigError, DataError, ShapeError

pytestmark = pytest.mark.gate

LEAVES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture
def model():
    return tiny_qwen3()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_net_delta_is_exactly_zero_at_the_start(dtype):
    model = tiny_qwen3(dtype)
    before = model(ids(4, 7)).logits
    adapter = Lora2r.attach(model, r=3, seed=0)
    assert torch.equal(model(ids(4, 7)).logits, before)
    with adapter.routing(mask_of("karr")):
        assert torch.equal(model(ids(4, 7)).logits, before)
    with adapter.capture(torch.ones(4, 7, dtype=torch.bool)) as capture:
        model(ids(4, 7))
    assert capture.pooled().abs().amin(dim=(0, 2)).min() > 0  # yet A·x is alive everywhere


def test_both_blocks_train_outside_any_context(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    model(ids(2, 5)).logits.square().sum().backward()
    assert all(grad.abs().max() > 0 for grad in gradients(adapter).values())


def test_ablation_equals_zeroing_the_quarantine_and_restores(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    tokens = ids(3, 6)
    full = model(tokens).logits
    with adapter.ablated():
        ablated = model(tokens).logits
    assert (full - ablated).abs().max() > 1e-4
    assert torch.equal(model(tokens).logits, full)
    with adapter.routing(mask_of("kkk")):
        assert torch.equal(model(tokens).logits, ablated)
    with torch.no_grad():
        for parameter in adapter.blocks()["quarantine"]:
            parameter.zero_()
    torch.testing.assert_close(model(tokens).logits, ablated, rtol=1e-13, atol=1e-13)


def test_ablation_changes_nothing_where_only_the_deployed_block_trained(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    optimizer = BlockOptimizer(adapter, lr=1e-2, weight_decay=0.1)
    for step in range(4):
        with adapter.routing(mask_of("kkk")):
            model(ids(3, 6, seed=step)).logits.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    tokens = ids(3, 6)
    trained = model(tokens).logits
    with adapter.ablated():
        assert torch.equal(model(tokens).logits, trained)
    with adapter.disabled():
        assert (model(tokens).logits - trained).abs().max() > 1e-3


def test_the_quarantine_scale_runs_from_the_deployed_to_the_full_model():
    linear = one_linear()
    adapter = Lora2r.attach(linear, r=2, seed=0)
    randomise(adapter)
    x = torch.randn(2, 3, 7, dtype=torch.float64)
    with adapter.ablated():
        low = linear(x)
    with adapter.ablated(scale=1.0):
        assert torch.equal(linear(x), linear(x))
        full = linear(x)
    assert torch.equal(full, linear(x))
    with adapter.ablated(scale=0.25):
        torch.testing.assert_close(linear(x), low + 0.25 * (full - low), rtol=1e-12, atol=1e-12)


def test_disabled_is_the_base_model(model):
    tokens = ids(2, 5)
    base = model(tokens).logits
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    with adapter.disabled():
        assert torch.equal(model(tokens).logits, base)


def test_contexts_nest_the_innermost_holds_and_exceptions_restore(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    tokens = ids(2, 5)
    full = model(tokens).logits
    with adapter.ablated():
        ablated = model(tokens).logits
        with adapter.disabled():
            base = model(tokens).logits
            with adapter.routing(mask_of("ka")):
                mixed = model(tokens).logits
            assert torch.equal(model(tokens).logits, base)
        with pytest.raises(RuntimeError, match="inside"), adapter.routing(mask_of("kk")):
            raise RuntimeError("inside")
        assert torch.equal(model(tokens).logits, ablated)
    assert torch.equal(model(tokens).logits, full)
    torch.testing.assert_close(mixed[0], ablated[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mixed[1], full[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("zones", ["a", "kak", "aaaa"])
def test_a_batch_of_other_rows_than_the_mask_is_refused(model, zones):
    adapter = Lora2r.attach(model, r=2, seed=0)
    with adapter.routing(mask_of(zones)), pytest.raises(ShapeError, match="one mask row per sequence"):
        model(ids(2, 5))


def test_packed_input_must_fit_its_segments():
    linear = one_linear()
    adapter = Lora2r.attach(linear, r=2, seed=0)
    with pytest.raises(ShapeError, match="segment_ids"):
        adapter.routing(mask_of("ka"), segment_ids=torch.tensor([[0, 1, 2]]))
    with adapter.routing(mask_of("ka"), segment_ids=torch.tensor([[0, 1, 1]])), pytest.raises(ShapeError):
        linear(torch.zeros(1, 4, 7, dtype=torch.float64))


@pytest.mark.parametrize("policy", ["full", "ablated", "base", "mixed"])
def test_generate_with_a_kv_cache_equals_decoding_without_one(model, policy):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter, scale=0.5)
    contexts = {
        "full": adapter.routing(mask_of("aa")),
        "ablated": adapter.ablated(),
        "base": adapter.disabled(),
        "mixed": adapter.routing(RouteMask.sampled(torch.tensor([True, False]))),
    }
    prompts = ids(2, 4)
    with contexts[policy], torch.no_grad():
        cached = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=6,
            min_new_tokens=6,
            do_sample=False,
        )
        tokens = prompts
        for _ in range(6):
            logits = model(tokens, use_cache=False).logits[:, -1]
            logits[:, model.generation_config.eos_token_id] = -torch.inf
            tokens = torch.cat([tokens, logits.argmax(dim=1, keepdim=True)], dim=1)
    assert torch.equal(cached, tokens)


def test_policies_generate_different_texts(model):
    """The test above could pass with an adapter that is not applied."""
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter, scale=0.5)
    prompts = ids(4, 4)
    options = {"attention_mask": torch.ones_like(prompts), "max_new_tokens": 8, "do_sample": False}
    texts = [model.generate(prompts, **options)]
    for context in (adapter.ablated(), adapter.disabled()):
        with context:
            texts.append(model.generate(prompts, **options))
    assert len({tuple(text.flatten().tolist()) for text in texts}) == 3


def test_default_targets_are_attention_and_mlp_and_never_the_head(model):
    adapter = Lora2r.attach(model, r=2)
    assert len(adapter.module_names) == 2 * 7
    assert {name.rsplit(".", 1)[-1] for name in adapter.module_names} == set(LEAVES)


@pytest.mark.parametrize(
    ("targets", "match"),
    [
        (["q_prj"], r"^adapter\.targets: .*available: .*q_proj"),
        (["lm_head"], "never adapted"),
        (["embed_tokens"], "available"),
        ([], "non-empty"),
        (["q_proj", "nope"], "'nope'"),
    ],
)
def test_unknown_targets_are_refused_with_the_available_names(model, targets, match):
    with pytest.raises(ConfigError, match=match):
        Lora2r.attach(model, r=2, targets=targets)
    assert all(parameter.requires_grad for parameter in model.parameters())  # nothing half-done


def test_targets_are_leaf_names_suffixes_or_full_names(model):
    adapter = Lora2r.attach(model, r=2, targets=["mlp.up_proj", "model.layers.1.self_attn.q_proj"])
    assert adapter.module_names == (
        "model.layers.0.mlp.up_proj",
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.up_proj",
    )


def test_a_second_attach_is_refused_until_detached_and_detach_restores(model):
    tokens = ids(2, 5)
    model.lm_head.requires_grad_(False)
    flags = [parameter.requires_grad for parameter in model.parameters()]
    base = model(tokens).logits
    adapter = Lora2r.attach(model, r=2)
    randomise(adapter)
    with pytest.raises(ConfigError, match="already carries"):
        Lora2r.attach(model, r=2, targets=["q_proj"])
    adapter.detach()
    assert torch.equal(model(tokens).logits, base)
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    Lora2r.attach(model, r=2)


@pytest.mark.parametrize("r", [0, -1])
def test_a_rank_below_one_is_refused(model, r):
    with pytest.raises(ConfigError, match="below 1"):
        Lora2r.attach(model, r=r)


def test_inits_depend_on_seed_and_name_only(model):
    few = Lora2r.attach(model, r=2, seed=7, targets=["v_proj"])
    inits = {layer.name: layer.down[:4].clone() for layer in few.layers}
    few.detach()
    many = {layer.name: layer for layer in Lora2r.attach(model, r=2, seed=7).layers}
    assert all(torch.equal(many[name].down[:4], value) for name, value in inits.items())
    values = [layer.down[:4].flatten()[:8] for layer in many.values()]
    assert len({tuple(value.tolist()) for value in values}) == len(values)


def test_inits_have_the_documented_scale():
    linear = one_linear(400, 300)
    layer = Lora2r.attach(linear, r=32, seed=0).layers[0]
    torch.testing.assert_close(layer.down[:64].var().item(), 1 / 400, rtol=0.05, atol=0)
    torch.testing.assert_close(layer.up_t[64:].var().item(), 1 / 64, rtol=0.05, atol=0)


def test_a_snapshot_restores_exactly_on_a_fresh_model(model):
    adapter = Lora2r.attach(model, r=3, seed=4)
    randomise(adapter)
    tokens = ids(2, 5)
    state, want = adapter.state_dict(), model(tokens).logits
    randomise(adapter, seed=99)  # a snapshot is a copy
    adapter.load_state_dict(state)
    assert torch.equal(model(tokens).logits, want)
    fresh = tiny_qwen3()
    other = Lora2r.attach(fresh, r=3, seed=4)
    other.load_state_dict(copy.deepcopy(state))
    assert torch.equal(fresh(tokens).logits, want)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 5}, "seed is 5"),
        ({"base": "x"}, "base is 'x'"),
        ({"rank": 2}, "rank is 2"),
        ({"format": 0}, "format"),
        ({"module_names": ["a"]}, "module_names"),
        ({"deltas": {}}, "deltas differ"),
        ({"extra": 1}, "keys"),
    ],
)
def test_a_foreign_snapshot_is_refused_and_changes_nothing(model, change, match):
    adapter = Lora2r.attach(model, r=3, seed=4)
    randomise(adapter)
    state = adapter.state_dict()
    with pytest.raises(DataError, match=match):
        adapter.load_state_dict(state | change)
    wrong = copy.deepcopy(state)
    first = next(iter(wrong["deltas"]))
    wrong["deltas"][first] = torch.zeros(1, 2)
    with pytest.raises(DataError, match="expected"):
        adapter.load_state_dict(wrong)
    for name, value in adapter.state_dict()["deltas"].items():
        assert torch.equal(value, state["deltas"][name])


def test_a_snapshot_of_another_base_is_refused(model):
    adapter = Lora2r.attach(model, r=3, seed=4)
    other = tiny_qwen3()
    with torch.no_grad():
        other.model.layers[0].self_attn.q_proj.weight.mul_(1.01)
    with pytest.raises(DataError, match="adapter state: base is"):
        Lora2r.attach(other, r=3, seed=4).load_state_dict(adapter.state_dict())


def in_place(adapter, _state):
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(0.05)


def through_data(adapter, _state):
    for parameter in adapter.parameters():
        parameter.data = parameter.data + 0.05


def through_optimizer(adapter, _state):
    optimizer = torch.optim.SGD(adapter.parameters(), lr=1.0)
    for parameter in adapter.parameters():
        parameter.grad = torch.full_like(parameter, -0.05)
    optimizer.step()


def through_load(adapter, state):
    adapter.load_state_dict(
        state | {"deltas": {name: value + 0.05 for name, value in state["deltas"].items()}}
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("change", [in_place, through_data, through_optimizer, through_load])
def test_no_forward_uses_stale_weights(dtype, change):
    model = tiny_qwen3(dtype)
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    state, tokens = adapter.state_dict(), ids(2, 5)
    with torch.no_grad():
        before = model(tokens).logits
        change(adapter, state)
        first = model(tokens).logits
        change(adapter, adapter.state_dict())
        second = model(tokens).logits
    fresh = tiny_qwen3(dtype)
    other = Lora2r.attach(fresh, r=3, seed=0)
    other.load_state_dict(state | {"deltas": adapter.state_dict()["deltas"]})
    with torch.no_grad():
        assert torch.equal(fresh(tokens).logits, second)
    assert not torch.equal(before, first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_write_through_data_is_seen_where_nothing_is_cast(dtype):
    linear = one_linear(dtype=dtype)
    adapter = Lora2r.attach(linear, r=2, seed=0)
    x = torch.ones(1, 1, 7, dtype=dtype)
    before = linear(x)
    for parameter in adapter.parameters():
        parameter.data.fill_(0.5)
    assert not torch.equal(linear(x), before)


def test_on_a_bf16_base_a_write_through_data_needs_refresh():
    linear = one_linear(dtype=torch.bfloat16)
    adapter = Lora2r.attach(linear, r=2, seed=0)
    x = torch.ones(1, 1, 7, dtype=torch.bfloat16)
    before = linear(x)
    for parameter in adapter.parameters():
        assert parameter.dtype == torch.float32
        parameter.data.fill_(0.5)
    adapter.refresh()
    assert not torch.equal(linear(x), before)


def test_autocast_runs_the_adapter_in_its_own_dtype():
    linear = one_linear(dtype=torch.float32)
    adapter = Lora2r.attach(linear, r=2, seed=0)
    randomise(adapter)
    x = torch.randn(2, 3, 7)
    want = linear(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = linear(x)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), want, rtol=0.02, atol=0.02)
    got.float().sum().backward()
    assert next(adapter.parameters()).grad.dtype == torch.float32


def test_a_bf16_base_stays_close_to_the_fp64_truth_after_small_steps():
    """trainer.md: relative error of the adapter's output about 2e-3 in Δ-form after Adam-sized steps."""
    torch.manual_seed(0)
    linear = one_linear(256, 128, dtype=torch.bfloat16)
    adapter = Lora2r.attach(linear, r=8, seed=0)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(7e-5 * torch.randn_like(parameter).sign())
    x = torch.randn(4, 8, 256).to(torch.bfloat16)
    layer = adapter.layers[0]
    ones = torch.ones(1, 1, 16)
    got, _ = layer.apply(x, ones, ones)
    w = {name: value.double() for name, value in layer.weights().items()}
    exact = (x.double() @ w["a"].T) @ w["delta_b_t"] + (x.double() @ w["delta_a"].T) @ w["b0_t"]
    assert (got.double() - exact).norm() / exact.norm() < 6e-3


def test_route_masks_say_what_they_mean():
    mask = RouteMask(
        quarantine_on=torch.tensor([False, True, True]), deployed_frozen=torch.tensor([False, False, True])
    )
    assert (mask.quarantine_on.tolist(), mask.deployed_frozen.tolist()) == (
        [False, True, True],
        [False, False, True],
    )
    assert mask[torch.tensor([2, 0])].quarantine_on.tolist() == [True, False]
    assert len(mask[1:]) == 2
    assert differs(mask, torch.tensor([True, False, True])).tolist() == [False, False, True]
    with pytest.raises(ConfigError, match=r"rows \[1\]"):
        RouteMask(quarantine_on=torch.tensor([True, False]), deployed_frozen=torch.tensor([True, True]))
    with pytest.raises((ShapeError, TypeError)):
        RouteMask(quarantine_on=torch.tensor([True]), deployed_frozen=torch.tensor([True, True]))


def test_the_naive_reference_agrees_outside_contexts(model):
    adapter = Lora2r.attach(model, r=3, seed=0)
    randomise(adapter)
    fresh = tiny_qwen3(seed=1)
    naive_copy(model, adapter, fresh)
    torch.testing.assert_close(model(ids(2, 6)).logits, fresh(ids(2, 6)).logits, rtol=1e-12, atol=1e-12)
