"""`select(condition, a, b)` for kernels: both values are computed, one is taken; never a branch, so loops vectorise."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def select(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`, as one LLVM select."""
    result = types.int64 if isinstance(a, types.Integer) and isinstance(b, types.Integer) else types.float64

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, if_true, if_false = args
        return builder.select(args[0], if_true, if_false)

    return result(types.boolean, result, result), generate
