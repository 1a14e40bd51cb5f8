"""What the scanner's machine code is made of: looks at bytes by their address, and the compiler's settings.

Nothing here checks a bound: whoever calls it stays inside a buffer that ends in so many line ends as
:data:`pipeline.columns.layout.PADDING` says, which no record holds and nothing goes on behind
(:class:`pipeline.columns.scanner.Scanner` sees to it).
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types

from pipeline.columns.keeping import Kept

_njit: Any = numba.njit
_intrinsic: Any = extending.intrinsic
# What they make cannot be told by their types.
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(function: FunctionT) -> FunctionT:
    """Return a function as machine code, kept on disk from one process to the next where that is possible."""
    made: FunctionT = _njit(error_model="numpy")(function)
    with suppress(RuntimeError):  # there is no folder that could be written to
        made._cache = Kept(function)  # type: ignore[attr-defined] # noqa: SLF001 - where numba has its own
    return made


def _word(_context: Any, _base: Any, _at: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(64).as_pointer())
        loaded = builder.load(pointer)
        loaded.align = 1
        return loaded

    return types.uint64(types.int64, types.int64), code


def _byte(_context: Any, _base: Any, _at: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(8).as_pointer())
        return builder.zext(builder.load(pointer), ir.IntType(64))

    return types.int64(types.int64, types.int64), code


def _put_word(_context: Any, _base: Any, _at: Any, _value: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(64).as_pointer())
        builder.store(args[2], pointer).align = 1
        return args[1]

    return types.int64(types.int64, types.int64, types.uint64), code


def _lowest_bit(_context: Any, _bits: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code


word: Callable[[int, int], np.uint64] = _intrinsic(_word)
"""``word(base, at)``: eight bytes from there on, the first lowest, as an unsigned integer."""
byte: Callable[[int, int], int] = _intrinsic(_byte)
"""``byte(base, at)``: the byte there."""
put_word: Callable[[int, int, np.uint64], int] = _intrinsic(_put_word)
"""``put_word(base, at, value)``: write eight bytes there, the lowest first; returns ``at``."""
lowest_bit: Callable[[np.uint64], int] = _intrinsic(_lowest_bit)
"""``lowest_bit(bits)``: the number of the lowest bit that is set; some must be."""
