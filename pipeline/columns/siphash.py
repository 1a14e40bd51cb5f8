"""Hashes of bytes in a text, as machine code: SipHash-1-3 with the key of this process, as Python's own are.

So what came by rows and what came by columns is found by both. Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a
fast short-input PRF", 2012; PEP 456.
"""

import ctypes

import numpy as np

from pipeline.columns.layout import Ints, Words
from pipeline.columns.machine import compiled, word
from pipeline.ids.asked import Numbers

_KEY_0, _KEY_1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
_KEY_2, _KEY_3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
_LAST = np.uint64(0xFF)
_U13, _U16, _U17, _U21, _U32, _U64 = (np.uint64(bits) for bits in (13, 16, 17, 21, 32, 64))
_SIZE_AT = np.uint64(56)
LOW_BYTES: Words = np.array([(1 << (8 * size)) - 1 for size in range(8)], dtype=np.uint64)
"""The lowest bytes of a word, by how many."""
_MINUS_ONE, _MINUS_TWO = np.uint64(0xFFFF_FFFF_FFFF_FFFF), np.uint64(0xFFFF_FFFF_FFFF_FFFE)


@compiled
def rounded(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the state after a round of SipHash."""
    v0 += v1
    v2 += v3
    v1 = ((v1 << _U13) | (v1 >> (_U64 - _U13))) ^ v0
    v3 = ((v3 << _U16) | (v3 >> (_U64 - _U16))) ^ v2
    v0 = (v0 << _U32) | (v0 >> _U32)
    v2 += v1
    v0 += v3
    v1 = ((v1 << _U17) | (v1 >> (_U64 - _U17))) ^ v2
    v3 = ((v3 << _U21) | (v3 >> (_U64 - _U21))) ^ v0
    v2 = (v2 << _U32) | (v2 >> _U32)
    return v0, v1, v2, v3


@compiled
def hashed(base: int, at: int, size: int, key_0: np.uint64, key_1: np.uint64) -> np.uint64:
    """Return the hash of some bytes, of which there must be one; eight more can be looked at."""
    v0, v1, v2, v3 = key_0 ^ _KEY_0, key_1 ^ _KEY_1, key_0 ^ _KEY_2, key_1 ^ _KEY_3
    end = at + (size & ~7)
    while at < end:
        eight = word(base, at)
        v3 ^= eight
        v0, v1, v2, v3 = rounded(v0, v1, v2, v3)
        v0 ^= eight
        at += 8
    rest = (np.uint64(size) << _SIZE_AT) | (word(base, at) & LOW_BYTES[size & 7])
    v3 ^= rest
    v0, v1, v2, v3 = rounded(v0, v1, v2, v3)
    v0 ^= rest
    v2 ^= _LAST
    v0, v1, v2, v3 = rounded(v0, v1, v2, v3)
    v0, v1, v2, v3 = rounded(v0, v1, v2, v3)
    v0, v1, v2, v3 = rounded(v0, v1, v2, v3)
    found = (v0 ^ v1) ^ (v2 ^ v3)
    return _MINUS_TWO if found == _MINUS_ONE else found  # as Python has it


@compiled
def hashes(
    base: int, ats: Ints, sizes: Ints, sources: Numbers, salts: Words, key_0: np.uint64, key_1: np.uint64, out: Words
) -> None:
    """Fill in the hashes of ids.

    Args:
        base: address of the text.
        ats: where in it each id is.
        sizes: of the ids.
        sources: the number of each id's source.
        salts: what sets those of each source apart.
        key_0: first half of the key.
        key_1: its second half.
        out: takes the hashes.
    """
    for place in range(len(ats)):
        out[place] = hashed(base, ats[place], sizes[place], key_0, key_1) ^ salts[sources[place]]


def secret() -> tuple[np.uint64, np.uint64] | None:
    """Return the key of Python's hashes in this process; None where they are made otherwise."""
    try:
        first, second = (ctypes.c_uint64 * 2).in_dll(ctypes.pythonapi, "_Py_HashSecret")
    except ValueError:
        return None
    key = np.uint64(first), np.uint64(second)
    for size in range(1, 40):
        some = bytes(range(size))
        room = np.frombuffer(some + bytes(8), dtype=np.uint8)
        if int(hashed(room.ctypes.data, 0, size, *key)) != hash(some) & int(_MINUS_ONE):
            return None
    return key
