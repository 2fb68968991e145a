"""The two-block LoRA of gradient routing: a deployed block, a quarantine, and masks that say who trains."""

from vgrout.adapters.capture import Capture
from vgrout.adapters.inits import DEFAULT_TARGETS, left_out
from vgrout.adapters.lora2r import Lora2r
from vgrout.adapters.masks import RouteMask, differs
from vgrout.adapters.merge import can_merge, merged
from vgrout.adapters.optim import BlockOptimizer, qmass
from vgrout.adapters.peft_io import export_ablated, export_full, exported_deltas, unloadable, write_adapter

__all__ = [
    "DEFAULT_TARGETS",
    "BlockOptimizer",
    "Capture",
    "Lora2r",
    "RouteMask",
    "can_merge",
    "differs",
    "export_ablated",
    "export_full",
    "exported_deltas",
    "left_out",
    "merged",
    "qmass",
    "unloadable",
    "write_adapter",
]
