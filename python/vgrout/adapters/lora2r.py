"""`Lora2r`: the two-block adapter of a model, its masks as context managers, its checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from vgrout.adapters.capture import Capture
from vgrout.adapters.fingerprint import base_fingerprint, is_sharded
from vgrout.adapters.fused import PARAMETER_NAMES, BlockLinear
from vgrout.adapters.inits import gaussian_inits, select_targets
from vgrout.adapters.masks import RouteMask
from vgrout.errors import ConfigError, DataError, ShapeError, VgroutError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MARK = "_vgrout_lora2r"
_CHECKPOINT_FIELD = "_gradient_checkpointing_func"
_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class _Masks:
    """What the adapted modules read in a forward: tensors, so that a change of mask recompiles nothing.

    The two are never one tensor: Dynamo refuses a Function that takes the same tensor twice.
    """

    forward: Float[Tensor, "rows positions two_r"]
    backward: Float[Tensor, "rows positions two_r"]
    shape: tuple[int, ...]
    """Leading dimensions that an input must have: (), (B,) or, for packed input, (b, s)."""
    enabled: bool = True


class Lora2r:
    """A rank-2r LoRA on every target Linear; rows `[:r]` are deployed, `[r:]` quarantine (Δ-form: `DeltaLora`).

    Made by `attach`, which hooks the Linears in place, so `generate`, KV caches and checkpointing work as before.
    Outside any context both blocks run and train. Of nested `routing`, `ablated` and `disabled` the innermost
    holds; `capture` combines with all of them; each restores what it found, also after an exception.

    Not thread-safe: the masks belong to the adapter, not to a thread (backward recomputes on autograd's threads),
    so at most one thread may run an attached model at a time. Never copy or move an attached model: detach first.
    """

    def __init__(self, model: nn.Module, linears: dict[str, nn.Linear], *, r: int, seed: int) -> None:
        self.rank, self.seed, self.start = r, seed, "gaussian"
        self.module_names: tuple[str, ...] = tuple(linears)
        self._model, self._linears = model, linears
        self._capture: Capture | None = None
        self._blocks: list[BlockLinear] = []
        for name, linear in linears.items():
            inits = gaussian_inits(seed, name, r, linear.in_features, linear.out_features)
            self._blocks.append(BlockLinear(name, linear, *inits))
        on = self._blocks[0].down.new_ones(1, 1, 2 * r)
        self._default = _Masks(forward=on, backward=on.clone(), shape=())
        self._masks = self._last_masks = self._default
        self._bound = 0
        self._thawed = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._handles: list[Any] = []
        # Asked for while all ranks are here: later one alone takes a snapshot.
        self._whole_base = base_fingerprint(self.linears) if is_sharded(self.linears) else None

    @classmethod
    def attach(
        cls, model: nn.Module, r: int = 32, seed: int = 0, targets: Sequence[str] | None = None
    ) -> Lora2r:
        """Freeze `model` and put the adapter on its target Linears; the model's outputs are unchanged until it trains.

        Args:
            model: on its final device and in its final dtype (bf16, fp16, fp32 or fp64).
            r: rank of one block; the module's rank is 2r.
            seed: of the frozen initial copies; each module's draw depends on it and on the module's name only.
            targets: names of Linears (`select_targets`); None for attention, MLP and linear-attention projections.

        Raises:
            ConfigError: `r` < 1, unknown targets, or the model already carries an adapter.
        """
        if r < 1:
            raise ConfigError(f"r: {r} is below 1")
        linears = select_targets(model, targets)
        taken = [name for name, module in model.named_modules() if hasattr(module, _MARK)]
        if taken:
            raise ConfigError(
                f"the model already carries an adapter (on {taken[0]} and {len(taken) - 1} more); detach it first"
            )
        adapter = cls(model, linears, r=r, seed=seed)
        adapter._install()
        return adapter

    def _install(self) -> None:
        self._model.requires_grad_(requires_grad=False)
        for index, linear in enumerate(self._linears.values()):
            setattr(linear, _MARK, True)
            self._handles.append(linear.register_forward_hook(functools.partial(self._hook, index)))
        decoder = getattr(self._model, "base_model", None)
        for root in {self._model, decoder} if isinstance(decoder, nn.Module) else {self._model}:
            self._handles.append(
                root.register_forward_pre_hook(lambda _module, _args: self._bind_checkpoints())
            )
        # A compiled forward cannot look at version counters, so optimisers announce their steps as well.
        sync = weakref.WeakMethod(self.sync)

        def after_step(*_: Any) -> None:
            call = sync()
            if call is not None:
                call()

        self._handles.append(register_optimizer_step_post_hook(after_step))
        self._bind_checkpoints()

    def detach(self) -> None:
        """Take the adapter off: hooks removed, the base's `requires_grad` flags as `attach` found them."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for linear in self._linears.values():
            if hasattr(linear, _MARK):
                delattr(linear, _MARK)
        for module in self._model.modules():
            bound = getattr(module, _CHECKPOINT_FIELD, None)
            if isinstance(bound, _BoundCheckpoint):
                setattr(module, _CHECKPOINT_FIELD, bound.checkpoint)
        for parameter in self._thawed:
            parameter.requires_grad = True
        self._thawed = []

    # forward

    def _hook(self, index: int, _module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add the adapter's contribution to one Linear's output."""
        block, masks, x = self._blocks[index], self._masks, args[0]
        if not torch.compiler.is_compiling():
            self._check_recompute()
        if not masks.enabled:
            return output
        forward, backward = self._fit(masks, x, block.name)
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                contribution, activation = block.apply(x, forward, backward)
        else:
            contribution, activation = block.apply(x, forward, backward)
        if self._capture is not None:
            self._capture.record(index, activation)
        return output + contribution.to(output.dtype)

    def _fit(self, masks: _Masks, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """The masks shaped to broadcast over `x`, or a ShapeError where their rows are not the input's rows."""
        lead = tuple(x.shape[:-1])
        if lead[: len(masks.shape)] != masks.shape:
            raise ShapeError(
                f"{name} ran on {list(x.shape)}, the routing mask is for leading dimensions {list(masks.shape)}; "
                "one mask row per sequence of the batch is expected (or segment_ids for packed input)"
            )
        if x.dim() == 3:
            return masks.forward, masks.backward
        shape = (*masks.shape, *[1] * (len(lead) - len(masks.shape)), 2 * self.rank)
        return masks.forward.reshape(shape), masks.backward.reshape(shape)

    def _check_recompute(self) -> None:
        """Refuse a recomputation in backward whose masks cannot be those of its forward."""
        if torch._C._current_graph_task_id() == -1:  # noqa: SLF001 - as torch.utils.checkpoint tells it
            self._last_masks = self._masks
        elif not self._bound and self._masks is not self._last_masks:
            raise VgroutError(
                "a checkpointed forward is being recomputed under other masks than it ran with; "
                "hint: wrap the checkpointed function with `adapter.bind(fn)`"
            )

    # contexts

    @contextlib.contextmanager
    def _using(self, masks: _Masks) -> Iterator[None]:
        self.sync()
        self._bind_checkpoints()
        previous, self._masks = self._masks, masks
        try:
            yield
        finally:
            self._masks = previous

    def routing(
        self,
        mask: RouteMask,
        segment_ids: Int[Tensor, "b s"] | None = None,
        *,
        quarantine_scale: float = 1.0,
    ) -> contextlib.AbstractContextManager[None]:
        """Send each row's gradient where `mask` says: f = [1 | m] forward, b = [1-d | m] backward.

        Args:
            mask: one row per sequence of the batches that run inside.
            segment_ids: for packed input, the mask row of every token; the batch is then `[b, s]`, not `[B, S]`.
            quarantine_scale: factor of the quarantine's learned contribution where it is on; for evaluation.

        Raises:
            ShapeError: `segment_ids` names rows that the mask lacks; inside, if a batch has other rows.
        """
        like = self._default.forward
        on, frozen = mask.quarantine_on.to(like), mask.deployed_frozen.to(like)
        ones = torch.ones_like(on)
        quarantine = on * quarantine_scale
        forward, backward = self._columns(ones, quarantine), self._columns(ones - frozen, quarantine)
        if segment_ids is None:
            return self._using(
                _Masks(forward=forward[:, None], backward=backward[:, None], shape=(len(mask),))
            )
        if segment_ids.dim() != 2 or int(segment_ids.min()) < 0 or int(segment_ids.max()) >= len(mask):
            raise ShapeError(
                f"segment_ids: {list(segment_ids.shape)} with values {int(segment_ids.min())} to "
                f"{int(segment_ids.max())}, expected [b, s] with values below the mask's {len(mask)} rows"
            )
        rows = segment_ids.to(like.device)
        return self._using(
            _Masks(forward=forward[rows], backward=backward[rows], shape=tuple(segment_ids.shape))
        )

    def _columns(self, deployed: Tensor, quarantine: Tensor) -> Tensor:
        return torch.stack([deployed, quarantine], dim=1).repeat_interleave(self.rank, dim=1)

    def ablated(self, scale: float = 0.0) -> contextlib.AbstractContextManager[None]:
        """Run the deployed model: the quarantine's learned contribution times `scale`, in every row."""
        like = self._default.forward
        columns = self._columns(like.new_ones(1), like.new_full((1,), scale))[:, None]
        return self._using(_Masks(forward=columns, backward=columns.clone(), shape=()))

    def disabled(self) -> contextlib.AbstractContextManager[None]:
        """Run the base model."""
        return self._using(dataclasses.replace(self._default, enabled=False))

    @contextlib.contextmanager
    def capture(
        self, completion_mask: Bool[Tensor, "b s"], segment_ids: Int[Tensor, "b s"] | None = None
    ) -> Iterator[Capture]:
        """Pool the bottleneck activations of the one forward that runs inside; read them with `.pooled()`."""
        previous, self._capture = self._capture, Capture(self.module_names, completion_mask, segment_ids)
        try:
            yield self._capture
        finally:
            self._capture = previous

    def bind(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """`function` as it would run now: a later call, such as a recomputation in backward, sees today's masks.

        Hugging Face's own gradient checkpointing is bound automatically.
        """
        masks = self._masks

        @functools.wraps(function)
        def bound(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            recomputing = torch._C._current_graph_task_id() != -1  # noqa: SLF001
            previous = self._masks, self._capture
            self._masks, self._capture = masks, None if recomputing else self._capture
            self._bound += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._bound -= 1
                self._masks, self._capture = previous

        return bound

    def _bind_checkpoints(self) -> None:
        if torch.compiler.is_compiling() or not self._handles:
            return
        for module in self._checkpointing:
            checkpoint = getattr(module, _CHECKPOINT_FIELD, None)
            if checkpoint is not None and not isinstance(checkpoint, _BoundCheckpoint):
                setattr(module, _CHECKPOINT_FIELD, _BoundCheckpoint(self, checkpoint))

    @functools.cached_property
    def _checkpointing(self) -> list[nn.Module]:
        return [module for module in self._model.modules() if hasattr(module, "gradient_checkpointing")]

    # parameters and state

    @property
    def device(self) -> torch.device:
        """Where the first adapted module lives."""
        return self._blocks[0].down.device

    @property
    def base_config(self) -> Any:
        """The base model's configuration; None where it has none."""
        return getattr(self._model, "config", None)

    @property
    def base_module_names(self) -> tuple[str, ...]:
        """Names of all modules of the base model."""
        return tuple(name for name, _ in self._model.named_modules())

    @property
    def linears(self) -> tuple[nn.Linear, ...]:
        """The adapted Linears, in the order of `module_names`."""
        return tuple(self._linears.values())

    @property
    def layers(self) -> tuple[BlockLinear, ...]:
        """The adapted modules' weights, in the order of `module_names`."""
        return tuple(self._blocks)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Every Δ parameter with its name in `state_dict`."""
        for block in self._blocks:
            for name, parameter in zip(PARAMETER_NAMES, block.parameters, strict=True):
                yield f"{block.name}.{name}", parameter

    def parameters(self) -> Iterator[nn.Parameter]:
        """The trainables: four per module, zero at the start, at least fp32."""
        return (parameter for _, parameter in self.named_parameters())

    def blocks(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of the deployed and of the quarantine block over all modules: module by module ΔA then ΔB."""
        pairs = {"deployed": (0, 2), "quarantine": (1, 3)}
        return {
            name: [block.parameters[i] for block in self._blocks for i in pair]
            for name, pair in pairs.items()
        }

    def sync(self) -> None:
        """Cast the parameters that changed; every forward and every context does so by itself."""
        for block in self._blocks:
            block.sync()

    def refresh(self) -> None:
        """Cast every parameter now.

        In-place changes, optimisers and `load_state_dict` are noticed without it. On a half-precision base a write
        through `parameter.data` moves no version counter: that, and only that, needs this call.
        """
        for block in self._blocks:
            block.cast()

    def state_dict(self) -> dict[str, Any]:
        """A snapshot: Δs as CPU copies, and what regenerates the rest: rank, seed, module names."""
        deltas = {name: parameter.detach().cpu().clone() for name, parameter in self.named_parameters()}
        return {
            "format": _FORMAT,
            "rank": self.rank,
            "seed": self.seed if self.start == "gaussian" else self.start,
            "module_names": list(self.module_names),
            "base": self._whole_base or base_fingerprint(self.linears),
            "deltas": deltas,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; all of it is checked before anything is changed.

        Raises:
            DataError: format, rank, seed, base, modules, names or shapes are not this adapter's; it says which.
        """
        own = self.state_dict()
        if set(state) != set(own):
            raise DataError(f"adapter state: keys {sorted(state)}, expected {sorted(own)}")
        for field in ("format", "rank", "seed", "base"):
            if state[field] != own[field]:
                raise DataError(
                    f"adapter state: {field} is {state[field]!r}, this adapter's is {own[field]!r}"
                )
        if list(state["module_names"]) != own["module_names"]:
            strangers = sorted(set(state["module_names"]) ^ set(own["module_names"])) or "the order"
            raise DataError(f"adapter state: module_names differ in {strangers}")
        deltas = state["deltas"]
        if set(deltas) != set(own["deltas"]):
            raise DataError(f"adapter state: deltas differ in {sorted(set(deltas) ^ set(own['deltas']))}")
        for name, value in own["deltas"].items():
            if deltas[name].shape != value.shape:
                raise DataError(
                    f"adapter state: {name} is {list(deltas[name].shape)}, expected {list(value.shape)}"
                )
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(deltas[name])
        self.refresh()


class _BoundCheckpoint:
    """A model's checkpoint function that binds what it is given to the masks of the moment."""

    def __init__(self, adapter: Lora2r, checkpoint: Callable[..., Any]) -> None:
        self._adapter = weakref.ref(adapter)
        self.checkpoint = checkpoint

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        adapter = self._adapter()
        if adapter is not None and not torch.compiler.is_compiling():
            function = adapter.bind(function)
        return self.checkpoint(function, *args, **kwargs)
