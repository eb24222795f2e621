"""Read waivers.toml: accepted findings of single checks, each with an owner and a last day.

Accepted differences between the systems are declared in contracts/accepted_differences.toml.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.config.validation import ConfigurationError, Table, Text, known_keys, read_toml, typed
from cutover.core.requirements import RequiredCheck, Waiver, base_of

FILE: Final = "waivers.toml"
_TEXTS: Final = ("check", "environment", "fingerprint", "reason", "owner")


@dataclass(frozen=True)
class _Day:
    """A rule for a date without a time. A datetime is a date too, but cannot be compared with one."""

    def read(self, file: Path, key: str, value: object) -> datetime.date:
        if type(value) is not datetime.date:
            raise ConfigurationError(file, key, f"expected a date, got {value!r}", "Write it as 2026-12-31.")
        return value


@dataclass(frozen=True)
class _Filled:
    """A rule for a string that is not empty."""

    def read(self, file: Path, key: str, value: object) -> str:
        text = Text().read(file, key, value)
        if not text:
            raise ConfigurationError(file, key, "expected a string, got an empty one", "Fill it in.")
        return text


_WAIVER: Final = Table({**dict.fromkeys(_TEXTS, _Filled()), "expires": _Day()}, required=(*_TEXTS, "expires"))


def load_waivers(
    project: Path, environment: str, manifest: Iterable[RequiredCheck], today: datetime.date
) -> tuple[Waiver, ...]:
    """Return the waivers that are valid for this environment today.

    Waivers of other environments are checked as well. Raises ConfigurationError for a waiver that is expired or
    incomplete, or whose check is unknown or must not be waived.
    """
    file = project / FILE
    tables = read_toml(file)
    known_keys(file, "", tables, {"waiver"})
    by_check: dict[str, RequiredCheck] = {}
    for each in manifest:
        by_check[each.check] = each
        whole = by_check.setdefault(base_of(each.check), each)
        if each.never_waived is not None and whole.never_waived is None:
            by_check[base_of(each.check)] = each  # one part that must not be waived excludes a waiver of all parts
    waivers = []
    for number, row in enumerate(typed(file, "waiver", tables.get("waiver", []), list, "[[waiver]]"), 1):
        key = f"waiver {number}"
        waiver = Waiver(**_WAIVER.read(file, key, row))
        entry = by_check.get(waiver.check)
        if entry is None:
            raise ConfigurationError(file, f"{key}.check", f"no check {waiver.check!r}", "Use a name of manifest.toml.")
        if entry.never_waived is not None:
            raise ConfigurationError(
                file,
                f"{key}.check",
                f"{waiver.check} cannot be waived ({entry.never_waived})",
                "Remove the waiver and correct the deployment.",
            )
        if waiver.environment != environment:
            continue
        if waiver.expires < today:
            raise ConfigurationError(
                file,
                f"{key}.expires",
                f"the waiver of {waiver.check} expired on {waiver.expires}",
                f"Remove it, or ask {waiver.owner} to renew it with a reason.",
            )
        waivers.append(waiver)
    return tuple(waivers)
