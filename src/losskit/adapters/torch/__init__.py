"""Losses on PyTorch tensors: by the fused kernels in the processor's memory, by torch's own functions elsewhere.

Elsewhere is another device, and where there is no data yet: inside torch.compile, torch.func and forward mode. There
a row outside the domain is nan instead of an error. Tested with PyTorch 2.13, and 2.11 on CUDA.
"""

from losskit.adapters.torch.calls import evaluate
from losskit.adapters.torch.module import LossModule
from losskit.adapters.torch.names import Names

__all__ = ["LossModule", "Names", "evaluate"]
