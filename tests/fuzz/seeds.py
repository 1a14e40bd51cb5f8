"""Where guided fuzzing begins: good inputs of each target."""

from collections.abc import Iterator

from tests.fuzz.subjects import CANONICAL, names, seeds_of


def seeds_of_target(target: str) -> list[bytes]:
    """Return good inputs of a target; none for one that needs none."""
    makers = {"decode": _decode, "mapping": _mapping, "times": _times, "lines": _lines, "table": _table, "tail": _tail}
    if target in makers:
        return list(makers[target]())
    return [bytes([number]) + seed for number, name in enumerate(makers) for seed in makers[name]()]


def _decode() -> Iterator[bytes]:
    seeds = seeds_of(CANONICAL)
    yield from seeds[::6]
    yield b"\n".join(seeds[:3])
    yield seeds[0].replace(b'"sequence":7', b'"sequence":"7"').replace(b'"rev":2', b'"rev":null')


def _mapping() -> Iterator[bytes]:
    for number, name in enumerate(names()[1:]):
        for seed in seeds_of(name)[:4]:
            yield bytes([number]) + seed


def _times() -> Iterator[bytes]:
    texts = (
        "2024-05-01T09:30:00.5Z", "2024-05-01 09:30", "1714555800", "1714555800000000", "31/03/2024 01:30",
        "2024-05-01 09:30:00.25", "1 May 2024 09:30:00 PM +0100", "May 1, 2024", "2024-122 09:30", "01.05.202409:30:00",
    )  # fmt: skip
    for number, text in enumerate(texts):
        yield bytes([number, number % 6]) + text.encode()


def _lines() -> Iterator[bytes]:
    yield b"\x03\x20\x02" + b'{"a":1}\n{"b":2}\r\n\n{"c":' + b"3" * 40 + b"}\nlast"
    yield b"\x07\x3f\x01\xef\xbb\xbf" + b'{"a":1}\n'


def _table() -> Iterator[bytes]:
    yield b'\x80\x02\x00\x00a,b\n1,"two, three"\n"4 ""x""",5\n6\n"open,7\n8,9\n'
    yield b"\x80\x03\x01\x06" + "x;y;y\ngrün;1;2\n".encode("cp1252")


def _tail() -> Iterator[bytes]:
    yield b"\x05one\ntw\x86\x02o\n\xc8\x06three\n\xbe\x82\x04four"
    yield b"\x08one\ntwo\n\x82\xf5\x04one\n\x85\xbe\x86"
