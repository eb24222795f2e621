"""Read configuration files and validate their values by a declared schema, with one error type for every mistake.

A schema is built from the rules below (`Text`, `Number`, `Table`, ...). docs/adr/0011-configuration-schema.md explains
why it is not pydantic.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol


class ConfigurationError(Exception):
    """A configuration that cannot be used. It ends a run with exit code 4.

    file: the file, environment variable or option that is wrong; key: the key in it ("" for the whole file);
    problem: what is wrong, as `expected <x>, got <y>` if possible; fix: one sentence, what to do.
    """

    def __init__(self, file: str | Path, key: str, problem: str, fix: str) -> None:
        self.file, self.key, self.problem, self.fix = str(file), key, problem, fix
        place = f"{_relative(self.file)} [{key}]" if key else _relative(self.file)
        super().__init__(f"{place}: {problem}. {fix}")


def root() -> Path:
    """Return the project folder: CUTOVER_ROOT, else the nearest parent with environments.toml, else the checkout."""
    if named := os.environ.get("CUTOVER_ROOT"):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "environments.toml").is_file() and (folder / "contracts").is_dir():
            return folder
    return Path(__file__).resolve().parents[3]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises ConfigurationError if it is missing, unreadable or not TOML.

    NaN and infinity are refused everywhere: no comparison with NaN is true, so a limit of NaN is never broken. Empty
    reasons and owners are refused as well.
    """
    try:
        if path.exists() and not path.is_file():  # to read a FIFO would block
            raise ConfigurationError(path, "", "expected a file, got something else", "Restore the file.")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            path, "", "the file is missing", "Restore it, or run from the project's folder."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(path, "", f"not valid TOML: {error}", "Correct that line.") from None
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, an integer of over 4300 digits
        raise ConfigurationError(path, "", f"cannot be read: {error}", "Make it a readable UTF-8 file.") from None
    refuse_infinite(path, "", tables)
    refuse_empty_reasons(path, "", tables)
    return tables


def refuse_infinite(path: Path, key: str, value: object) -> None:
    """Raise ConfigurationError if the value or any value in it is NaN or infinite. key: of the value, for messages."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(path, key, f"expected a finite number, got {value}", CORRECT)
    if isinstance(value, dict):
        for name, inner in value.items():
            refuse_infinite(path, f"{key}.{name}" if key else name, inner)
    if isinstance(value, list):
        for number, inner in enumerate(value, 1):
            refuse_infinite(path, f"{key} {number}", inner)


_REASONS: Final = ("reason", "why", "because", "owner", "absent", "read_only_form")
"""Keys whose text, or the texts in whose table, say why something is tolerated or left out."""


def refuse_empty_reasons(path: Path, key: str, value: object, *, is_reason: bool = False) -> None:
    """Raise ConfigurationError if a reason or an owner is an empty text. key: of the value, for messages."""
    if isinstance(value, str) and is_reason and not value.strip():
        raise ConfigurationError(path, key, f"expected a reason, got {value!r}", "Write the reason.")
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{key}.{name}" if key else name
            refuse_empty_reasons(path, here, inner, is_reason=is_reason or name in _REASONS)
    if isinstance(value, list):
        for number, inner in enumerate(value, 1):
            refuse_empty_reasons(path, f"{key} {number}", inner, is_reason=is_reason)


CORRECT: Final = "Correct the value."


class Rule(Protocol):
    """A rule of a schema: it checks one value."""

    def read(self, file: Path, key: str, value: object) -> Any:
        """Return the value if it obeys the rule. Raises ConfigurationError with `file` and `key` otherwise."""


@dataclass(frozen=True)
class Text:
    """A string. name: what it is, for messages ("a URL"); choices: the only allowed values, if any."""

    name: str = "a string"
    choices: tuple[str, ...] = ()

    def read(self, file: Path, key: str, value: object) -> str:
        """Return the string. Raises ConfigurationError."""
        text: str = typed(file, key, value, str, self.name)
        if self.choices and text not in self.choices:
            raise ConfigurationError(file, key, f"expected one of {', '.join(self.choices)}, got {text!r}", CORRECT)
        return text


@dataclass(frozen=True)
class Number:
    """A number from least to most. NaN, infinity and booleans are refused."""

    least: float = 0.0
    most: float = 1e6

    def read(self, file: Path, key: str, value: object) -> float:
        """Return the number as a float. Raises ConfigurationError."""
        return number_of(file, key, value, least=self.least, most=self.most)


@dataclass(frozen=True)
class Integer:
    """An integer from least to most. Booleans are refused."""

    least: int
    most: int

    def read(self, file: Path, key: str, value: object) -> int:
        """Return the integer. Raises ConfigurationError."""
        return whole_of(file, key, value, least=self.least, most=self.most)


@dataclass(frozen=True)
class Flag:
    """A boolean."""

    def read(self, file: Path, key: str, value: object) -> bool:
        """Return the boolean. Raises ConfigurationError."""
        return bool(typed(file, key, value, bool, "true or false"))


@dataclass(frozen=True)
class Items:
    """An array of values that obey one rule. name: what it is, for messages ("an array of URLs")."""

    rule: Rule
    name: str = "an array"

    def read(self, file: Path, key: str, value: object) -> tuple[Any, ...]:
        """Return the values as a tuple. Raises ConfigurationError; elements are counted from 1 in its key."""
        values = typed(file, key, value, list, self.name)
        return tuple(self.rule.read(file, f"{key} {number}", inner) for number, inner in enumerate(values, 1))


@dataclass(frozen=True)
class Texts:
    """A table of strings. keys: the allowed keys, any key if None; name: what each value is, for messages."""

    keys: frozenset[str] | None = None
    name: str = "a string"

    def read(self, file: Path, key: str, value: object) -> dict[str, str]:
        """Return the table. Raises ConfigurationError."""
        table = table_of(file, key, value, self.keys)
        return {inner: typed(file, f"{key}.{inner}", text, str, self.name) for inner, text in table.items()}


@dataclass(frozen=True)
class AnyTable:
    """A table whose content is validated elsewhere."""

    def read(self, file: Path, key: str, value: object) -> dict[str, Any]:
        """Return the table as it is. Raises ConfigurationError if it is no table."""
        return table_of(file, key, value)


@dataclass(frozen=True)
class Table:
    """A table with a rule for each key. Unknown keys are refused.

    required: keys that must be present; defaults: values of keys that are missing. A missing key that is in neither is
    missing in the result.
    """

    rules: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] | None = None

    def read(self, file: Path, key: str, value: object) -> dict[str, Any]:
        """Return the table with its values checked and its defaults filled in. Raises ConfigurationError."""
        table = table_of(file, key, value, self.rules)
        for name in self.required:
            require(file, key, table, name)
        read = {name: self.rules[name].read(file, f"{key}.{name}", inner) for name, inner in table.items()}
        return {**(self.defaults or {}), **read}


def require(file: Path, key: str, table: Mapping[str, Any], name: str) -> Any:
    """Return the table's value of that name. Raises ConfigurationError if it is missing."""
    if name not in table:
        raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    return table[name]


def known_keys(file: Path, key: str, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise ConfigurationError if the table has other keys: a misspelled limit must not be ignored."""
    for name in table:
        if name not in allowed:
            raise ConfigurationError(
                file,
                f"{key}.{name}" if key else name,
                "unknown key",
                f"Remove it or use one of: {', '.join(sorted(allowed))}.",
            )


def typed(file: Path, key: str, value: object, kind: type | tuple[type, ...], name: str) -> Any:
    """Return the value if it is of that type (a bool is not a number). Raises ConfigurationError otherwise.

    name: the type for messages, with its article ("an integer").
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigurationError(file, key, f"expected {name}, got {value!r}", CORRECT)
    return value


def table_of(file: Path, key: str, value: object, allowed: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the value if it is a table with only the allowed keys (None: any). Raises ConfigurationError."""
    table: dict[str, Any] = typed(file, key, value, dict, "a table")
    if allowed is not None:
        known_keys(file, key, table, allowed)
    return table


def texts_of(file: Path, key: str, value: object) -> dict[str, str]:
    """Return the value if it is a table of strings. Raises ConfigurationError."""
    return Texts().read(file, key, value)


def number_of(file: Path, key: str, value: object, *, least: float = 0.0, most: float = 1e6) -> float:
    """Return the value as a float if it is a number from least to most. Raises ConfigurationError, also for NaN."""
    number: int | float = typed(file, key, value, (int, float), "a number")
    if not least <= number <= most:  # before the conversion: TOML has integers that no float can hold
        raise ConfigurationError(file, key, f"expected {least:g} to {most:g}, got {number}", CORRECT)
    return float(number)


def whole_of(file: Path, key: str, value: object, *, least: int, most: int) -> int:
    """Return the value if it is an integer from least to most. Raises ConfigurationError."""
    whole: int = typed(file, key, value, int, "an integer")
    if not least <= whole <= most:
        raise ConfigurationError(file, key, f"expected {least} to {most}, got {whole}", CORRECT)
    return whole


def _relative(file: str) -> str:
    """Return the path relative to the project if it is inside."""
    try:
        return str(Path(file).relative_to(root())) if Path(file).is_absolute() else file
    except ValueError:
        return file
