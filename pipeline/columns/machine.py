"""What the scanner's machine code is made of: looks at bytes by their address, and the compiler's settings.

Nothing here checks a bound: whoever calls it stays inside a buffer that ends in :data:`PADDING` line ends, which no
record holds and nothing goes on behind (:class:`pipeline.columns.scanner.Scanner` sees to it).
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba  # type: ignore[import-untyped]
from llvmlite import ir
from numba import types
from numba.extending import intrinsic  # type: ignore[import-untyped]

PADDING = 128
"""Line ends behind the text: more than any look ahead."""
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(function: FunctionT) -> FunctionT:
    """Return a function as machine code, kept on disk from one process to the next where that is possible."""
    try:
        made: FunctionT = numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # there is no folder that could be written to
        made = numba.njit(error_model="numpy")(function)
    return made


def _look(kind: type[Any]) -> Callable[[FunctionT], FunctionT]:
    made: Callable[[FunctionT], FunctionT] = kind  # numba has no types of its own
    return made


@_look(intrinsic)
def word(_context: Any, _base: Any, _at: Any) -> Any:
    """``word(base, at)``: eight bytes from there on, the first lowest, as an unsigned integer."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(64).as_pointer())
        loaded = builder.load(pointer)
        loaded.align = 1
        return loaded

    return types.uint64(types.int64, types.int64), code


@_look(intrinsic)
def byte(_context: Any, _base: Any, _at: Any) -> Any:
    """``byte(base, at)``: the byte there, as an integer."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(8).as_pointer())
        return builder.zext(builder.load(pointer), ir.IntType(64))

    return types.int64(types.int64, types.int64), code


@_look(intrinsic)
def lowest_bit(_context: Any, _bits: Any) -> Any:
    """``lowest_bit(bits)``: the number of the lowest bit that is set; some must be."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code
