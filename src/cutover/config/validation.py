"""Wrong configuration: one error that names the file, the key and the fix, and the TOML reader.

Not for what a deployment answers wrongly: that is in failures.py.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any


class ConfigurationError(Exception):
    """What the user configured cannot be used. Ends a run with exit code 4.

    file: the file, variable or option that is wrong; key: the place in it ("" for the whole);
    problem: what is wrong; fix: what to do.
    """

    def __init__(self, file: str | Path, key: str, problem: str, fix: str) -> None:
        self.file, self.key, self.problem, self.fix = str(file), key, problem, fix
        where = f"{_shown(self.file)} [{key}]" if key else _shown(self.file)
        super().__init__(f"{where}: {problem}. {fix}")


def root() -> Path:
    """Folder that holds environments.toml: CUTOVER_ROOT, else the nearest one above, else the checkout."""
    if named := os.environ.get("CUTOVER_ROOT"):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "environments.toml").is_file() and (folder / "contracts").is_dir():
            return folder
    return Path(__file__).resolve().parents[3]


def read_toml(path: Path) -> dict[str, Any]:
    """Tables of a TOML file. Raises ConfigurationError when it is missing, unreadable or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            path, "", "the file is missing", "Restore it, or run from the project's folder."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(path, "", f"not valid TOML: {error}", "Mend that line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(path, "", f"cannot be read: {error}", "Mend the file.") from None


def known_keys(file: Path, key: str, table: dict[str, Any], allowed: set[str]) -> None:
    """Refuse a table with keys that nothing reads: a misspelt limit must not be ignored in silence."""
    for name in table:
        if name not in allowed:
            raise ConfigurationError(
                file,
                f"{key}.{name}" if key else name,
                "unknown key",
                f"Remove it or use one of: {', '.join(sorted(allowed))}.",
            )


def typed(file: Path, key: str, value: object, kind: type | tuple[type, ...], name: str) -> Any:
    """The value, if it is of the kind (a bool is no number). Raises ConfigurationError otherwise."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigurationError(file, key, f"{name} is expected, {value!r} stands there", "Mend the value.")
    return value


def table_of(file: Path, key: str, value: object, allowed: set[str] | None = None) -> dict[str, Any]:
    """The value, if it is a table, with no other keys than the allowed ones. Raises ConfigurationError."""
    table: dict[str, Any] = typed(file, key, value, dict, "a table")
    if allowed is not None:
        known_keys(file, key, table, allowed)
    return table


def texts_of(file: Path, key: str, value: object) -> dict[str, str]:
    """The value, if it is a table of texts. Raises ConfigurationError."""
    return {
        name: typed(file, f"{key}.{name}", inner, str, "a text") for name, inner in table_of(file, key, value).items()
    }


def number_of(file: Path, key: str, value: object, *, least: float = 0.0, most: float = 1e6) -> float:
    """The value, if it is a number from least to most. Raises ConfigurationError (for nan and inf, too)."""
    number = float(typed(file, key, value, (int, float), "a number"))
    if not least <= number <= most:
        raise ConfigurationError(file, key, f"{number:g} is not between {least:g} and {most:g}", "Mend the value.")
    return number


def whole_of(file: Path, key: str, value: object, *, least: int, most: int) -> int:
    """The value, if it is a whole number from least to most. Raises ConfigurationError."""
    whole: int = typed(file, key, value, int, "a whole number")
    if not least <= whole <= most:
        raise ConfigurationError(file, key, f"{whole} is not between {least} and {most}", "Mend the value.")
    return whole


def _shown(file: str) -> str:
    """The path as a reader knows it: relative to the project, when it lies inside."""
    try:
        return str(Path(file).relative_to(root())) if Path(file).is_absolute() else file
    except ValueError:
        return file
