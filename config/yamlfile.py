"""Reads one YAML document as plain data, and remembers the line of every key and value.

It reads the YAML 1.2 core schema, as editors do: ``no`` and ``on`` are text, ``10:30`` is text (in YAML 1.1 it is the
number 630), ``010`` is ten, and dates stay text. A key that is written twice in one mapping is an error: one of the two
would be lost without a word.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.problems import PathItems, Problem, SettingsError

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_CORE = (
    (_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    (_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (_INT, re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")),
    (
        _FLOAT,
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        list("-+.0123456789"),
    ),
)
MAX_DEPTH = 100


class Document(NamedTuple):
    """A YAML file, read.

    Attributes:
        name: the file, for messages.
        data: plain dicts, lists, strings, numbers, booleans and None.
        lines: line (from 1) of each path: of its key in a mapping, of its value in a list.
    """

    name: str
    data: Any
    lines: dict[PathItems, int]

    def line(self, path: PathItems) -> int | None:
        """Return the line of ``path``, or of the nearest thing around it that is written in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class _CoreLoader(yaml.SafeLoader):
    """SafeLoader with the YAML 1.2 core schema."""


_CoreLoader.yaml_implicit_resolvers = {}  # of its own: nothing of YAML 1.1 is left
for _tag, _pattern, _first in _CORE:
    _CoreLoader.add_implicit_resolver(_tag, _pattern, _first)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


_CoreLoader.add_constructor(_INT, _integer)


def read_yaml(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        SettingsError: when the file cannot be read, is not UTF-8, is not one YAML document, or holds a key twice.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"cannot be read: {error.strerror}; give the path of a YAML file"
        raise SettingsError(path, [Problem((), None, message)]) from error
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise SettingsError(path, [Problem((), None, message)]) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str = "settings") -> Document:
    """Read YAML text. See :func:`read_yaml`.

    >>> parse_yaml("a: {b: no}").data
    {'a': {'b': 'no'}}
    """
    loader = _CoreLoader(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader)
        data = None if node is None else reader.value(node, (), ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        message = f"is not YAML: {error.problem or error.context}; check quotes, colons and indentation"
        raise SettingsError(name, [Problem((), line, message)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(name, [Problem((), None, f"is not YAML: {error}")]) from error
    finally:
        loader.dispose()
    if reader.problems:
        raise SettingsError(name, reader.problems)
    return Document(name, data, reader.lines)


class _Reader:
    """Turns a tree of YAML nodes into plain data."""

    def __init__(self, loader: _CoreLoader) -> None:
        self.lines: dict[PathItems, int] = {}
        self.problems: list[Problem] = []
        self._loader = loader

    def value(self, node: yaml.Node, path: PathItems, above: tuple[int, ...]) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in above or len(above) > MAX_DEPTH:
            message = f"refers to itself, or is nested more than {MAX_DEPTH} deep; write it out"
            self.problems.append(Problem(path, node.start_mark.line + 1, message))
            return None
        inside = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, position), inside) for position, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: PathItems, above: tuple[int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(path, line, "a key must be text; quote it"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in found:
                message = f"is written twice (first on line {self.lines[here]}); keep one of the two"
                self.problems.append(Problem(here, line, message))
                continue
            self.lines[here] = line
            found[key] = self.value(value_node, here, above)
        return found
