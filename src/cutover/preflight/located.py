"""A value of a configuration file with the line where it is written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Located:
    """A value and the line of its key, or of the element of an array. Lines count from 1.

    value: a table as dict of Located, an array as list of Located, or a plain value.
    """

    value: Any
    line: int

    @property
    def plain(self) -> Any:
        """Return the value without lines."""
        if isinstance(self.value, dict):
            return {key: child.plain for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain for child in self.value]
        return self.value

    @property
    def table(self) -> dict[str, Located]:
        """Return the keys of a table, none for any other value."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Located]:
        """Return the elements of an array, none for any other value."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        """Return a string, None for any other value."""
        return self.value if isinstance(self.value, str) else None

    def get(self, *keys: str) -> Located | None:
        """Return the value at a path of keys of tables, None if there is none."""
        found: Located | None = self
        for key in keys:
            found = found.table.get(key) if found is not None else None
        return found

    def leaves(self, path: str = "") -> Iterator[tuple[str, Located]]:
        """Yield every plain value with its path, elements of arrays numbered from 1: "routes 2.pattern"."""
        if isinstance(self.value, dict):
            for key, child in self.value.items():
                yield from child.leaves(f"{path}.{key}" if path else key)
        elif isinstance(self.value, list):
            for number, child in enumerate(self.value, 1):
                yield from child.leaves(f"{path} {number}")
        else:
            yield path, self


@dataclass(frozen=True)
class Defect:
    """A place at which a file is not valid. line: from 1. expected, got, fix: for the finding."""

    line: int
    expected: str
    got: str
    fix: str


class Lines:
    """The lines of a text, by offset."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        for at, character in enumerate(text):
            if character == "\n":
                self._starts.append(at + 1)

    def of(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return bisect_right(self._starts, offset)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and a column, both from 1."""
        return self._starts[min(line, len(self._starts)) - 1] + column - 1
