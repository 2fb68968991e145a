"""A base that no rank holds whole: FSDP2 cuts every decoder block's weights over the ranks.

Each forward of a block then needs all ranks, so that all make the same ones: with a sharded base ranks bring memory and
no speed. The adapter is small and stays whole on each.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from vgrout.errors import ConfigError


def shard_blocks(model: nn.Module, device: torch.device) -> None:
    """Leave on `device` this rank's part of each decoder block, gathered for the time that the block runs.

    Embeddings, norms behind the blocks and the head stay whole. To be called before the adapter is attached.

    Raises:
        ConfigError: this process is no rank of several, or the model keeps its blocks elsewhere.
    """
    if not dist.is_initialized():
        raise ConfigError(
            "base.shard: True needs several ranks\nhint: `torchrun --nproc-per-node N -m vgrout.train …`"
        )
    blocks = getattr(getattr(model, "base_model", model), "layers", None)
    if not isinstance(blocks, nn.ModuleList):
        raise ConfigError(f"base.shard: {type(model).__name__} has no list of decoder blocks called `layers`")
    model.requires_grad_(requires_grad=False)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for block in blocks:
        # By itself each is a root, which would stay whole after its first forward.
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
