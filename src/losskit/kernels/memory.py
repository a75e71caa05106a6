"""How kernels reach memory: the data of array objects, and a little space of their own."""

# mypy: disable-error-code="call-arg"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from losskit.kernels.elementary import ONE_BITS, SHIFTER, floor, scalar, to_bits

# an ndarray is Python's object header, then the pointer to its data: part of NumPy's stable ABI (PyArrayObject)
HEADER = object.__basicsize__


def _data_at(typ: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.add(args[0], ir.Constant(args[0].type, HEADER))
        data = context.get_value_type(types.CPointer(typ))
        return builder.load(builder.inttoptr(place, data.as_pointer()))

    return types.CPointer(typ)(types.intp), codegen


@intrinsic
def doubles_at(typingctx: Any, address: Any) -> Any:
    """The data of the array object at `address`, of float64."""
    return _data_at(types.float64)


@intrinsic
def singles_at(typingctx: Any, address: Any) -> Any:
    """The data of the array object at `address`, of float32."""
    return _data_at(types.float32)


@intrinsic
def integers_at(typingctx: Any, address: Any) -> Any:
    """The data of the array object at `address`, of int32."""
    return _data_at(types.int32)


@intrinsic
def fetch(typingctx: Any, data: Any, i: Any) -> Any:
    """Ask for the cache line of element `i` before it is needed; harmless beyond the end."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        prefetch = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, word, word, word]), "llvm.prefetch.p0"
        )
        place = builder.bitcast(builder.gep(args[0], [args[1]]), byte)
        builder.call(prefetch, [place, word(0), word(3), word(1)])  # to be read, into every cache, as data
        return context.get_dummy_value()

    return types.none(data, i), codegen


@intrinsic
def is_same(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether two places are one."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.icmp_unsigned("==", *args)

    return types.boolean(a, b), codegen


@intrinsic
def space(typingctx: Any, size: Any) -> Any:
    """Room for `size` doubles (a literal) on the kernel's stack."""
    if not isinstance(size, types.IntegerLiteral):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, ir.DoubleType(), size=size.literal_value)

    return types.CPointer(types.float64)(size), codegen


@scalar
def is_small_count(y: float, limit: int) -> bool:
    """Whether y is 0, 1 ... limit - 1, and not -0."""
    return (to_bits(y) >= 0) & (y < limit) & (floor(y) == y)


@scalar
def small_count(y: float) -> int:
    """The integer that a count below 256 is; one below 256 for any other y."""
    return to_bits(y + SHIFTER) & 0xFF


@scalar
def unit_bits(y: float) -> int:
    """Bits of which the highest two are 0 where 0 <= y <= 1: y and 1 - y are then below 2, and neither is negative."""
    return to_bits(y + 0.0) | to_bits(1.0 - y)


@scalar
def sign_bits(y: float) -> int:
    """Bits that are all 0, beyond the sign, where y is -1 or +1."""
    return to_bits(y) ^ ONE_BITS
