"""Read TOML with the line of every value.

No kept library gives both values and positions, so tomllib decides what is valid and decodes every scalar, and the
reader below finds the places of keys and values in text that tomllib accepted. Both results are compared.

Inline tables over several lines (TOML 1.1) are read as well, so that the other checks can judge the file. Each one is
a defect: TOML 1.0 does not allow it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.preflight.located import Defect, Lines, Located

INLINE_TABLE: Final = "TOML 1.0, Inline Table"
_STRING: Final = re.compile(
    r'"""(?:\\.|[^"\\]|"{1,2}(?!"))*"{3,5}' r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")
_ERROR_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass
class _Flattened:
    """A text with inline tables on one line, of the same length. unclosed: a bracket is open at its end."""

    text: str
    tables: list[tuple[int, list[str]]] = field(default_factory=list)
    unclosed: bool = False


def read_toml_positions(text: str) -> tuple[Located | None, list[Defect]]:
    """Return the document and its defects. The document is None if it cannot be read in spite of its defects."""
    lines = Lines(text)
    flattened = _flatten(text)
    defects = [
        Defect(
            lines.of(at),
            "an inline table on one line, without a comma after its last value",
            f"an inline table with {' and '.join(sorted(set(kinds)))}",
            "write it as a [table] with one key per line, or on one line",
        )
        for at, kinds in flattened.tables
    ]
    try:
        values = tomllib.loads(flattened.text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        source = text if flattened.unclosed else flattened.text
        defects = [] if flattened.unclosed else defects
        return None, [*defects, _defect(source, str(error), lines)]
    found = _Reader(flattened.text, lines).document()
    if not _same(found.plain, values):
        raise AssertionError("the positions of a TOML document differ from its values")
    return found, defects


def _defect(source: str, problem: str, lines: Lines) -> Defect:
    """Return the defect of a text that tomllib refuses."""
    try:
        tomllib.loads(source)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        problem = str(error)
    place = _ERROR_PLACE.search(problem)
    offset = len(source.rstrip())
    if place is not None and place[1] is not None:
        offset = Lines(source).offset(int(place[1]), int(place[2]))
    return Defect(
        lines.of(offset),
        "valid TOML 1.0",
        _ERROR_PLACE.sub("", problem) or "a value that cannot be read",
        "correct that line",
    )


def _same(one: Any, other: Any) -> bool:
    """Return True if two decoded documents are equal. NaN equals NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _flatten(text: str) -> _Flattened:
    """Replace line breaks, comments and last commas in inline tables by spaces. Every offset stays the same."""
    result, out = _Flattened(text), list(text)
    stack: list[tuple[str, int]] = []
    kinds: dict[int, list[str]] = {}
    comma: int | None = None
    at = 0
    while at < len(text):
        character = text[at]
        inline = bool(stack) and stack[-1][0] == "{"
        if (string := _STRING.match(text, at)) is not None:
            at, comma = string.end(), None
            continue
        if character == "#":
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            if inline:
                out[at:end] = " " * (end - at)
                kinds.setdefault(stack[-1][1], []).append("comments")
            at = end
            continue
        if character == "\n" and inline:
            out[at] = " "
            kinds.setdefault(stack[-1][1], []).append("line breaks")
            if at and text[at - 1] == "\r":
                out[at - 1] = " "
        elif character in "{[":
            stack.append((character, at))
        elif character in "}]" and stack:
            if inline and comma is not None:
                out[comma] = " "
                kinds.setdefault(stack[-1][1], []).append("a comma after its last value")
            stack.pop()
        comma = at if character == "," else comma if character in " \t\r\n" else None
        at += 1
    result.text, result.unclosed = "".join(out), bool(stack)
    result.tables = sorted(kinds.items())
    return result


class _Reader:
    """Finds the keys and values of a document that tomllib accepted."""

    def __init__(self, text: str, lines: Lines) -> None:
        self._text, self._lines, self._at = text, lines, 0

    def document(self) -> Located:
        """Return the whole document as a table."""
        root = Located({}, 1)
        current = root
        while self._skip("\n") < len(self._text):
            line = self._lines.of(self._at)
            if self._text.startswith("[[", self._at):
                self._at += 2
                *parents, last = self._keys()
                self._at += 2
                array = self._into(root, parents, line).value.setdefault(last, Located([], line))
                current = Located({}, line)
                array.value.append(current)
            elif self._text[self._at] == "[":
                self._at += 1
                keys = self._keys()
                self._at += 1
                current = self._into(root, keys, line)
            else:
                self._pair(current)
        return root

    def _pair(self, table: Located) -> None:
        line = self._lines.of(self._at)
        *parents, last = self._keys()
        self._at += 1  # =
        self._skip("")
        value = self._value()
        self._into(table, parents, line).value[last] = Located(value.value, line)

    def _into(self, table: Located, keys: list[str], line: int) -> Located:
        """Return the table at a path below a table, created if it is missing; of an array, its last element."""
        for key in keys:
            child = table.value.setdefault(key, Located({}, line))
            table = child.value[-1] if isinstance(child.value, list) else child
        return table

    def _skip(self, breaks: str) -> int:
        """Move over spaces, comments, and line breaks if `breaks` contains one. Return the new place."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif character in " \t\r" or (character == "\n" and breaks):
                self._at += 1
            else:
                break
        return self._at

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip("")
            found = _STRING.match(self._text, self._at) or _BARE_KEY.match(self._text, self._at)
            assert found is not None, "tomllib accepted the text"
            self._at = found.end()
            keys.append(next(iter(tomllib.loads(f"{found[0]} = 0"))))
            self._skip("")
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self) -> Located:
        line = self._lines.of(self._at)
        character = self._text[self._at]
        if character == "[":
            return Located(self._array(), line)
        if character == "{":
            table = Located({}, line)
            self._at += 1
            while self._text[self._skip("")] != "}":
                if self._text[self._at] == ",":
                    self._at += 1
                    continue
                self._pair(table)
            self._at += 1
            return table
        found = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
        assert found is not None, "tomllib accepted the text"
        self._at = found.end()
        return Located(tomllib.loads(f"x = {found[0].strip()}")["x"], line)

    def _array(self) -> list[Located]:
        found = []
        self._at += 1
        while self._text[self._skip("\n")] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            found.append(self._value())
        self._at += 1
        return found
