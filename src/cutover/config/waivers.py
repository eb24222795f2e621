"""Accepted failures, waivers.toml: each names one finding of one check, an owner and a last day.

Not for differences between the systems: those are declared in contracts/accepted_differences.toml.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, typed
from cutover.core.requirements import RequiredCheck, Waiver, base_of

FILE: Final = "waivers.toml"
_KEYS: Final = {"check", "environment", "fingerprint", "reason", "owner", "expires"}


def load_waivers(
    project: Path, environment: str, manifest: Iterable[RequiredCheck], today: datetime.date
) -> tuple[Waiver, ...]:
    """The waivers that hold for this environment today.

    All are checked, also those of other environments. Raises ConfigurationError for one that is
    expired, incomplete, or of a check that is unknown or may not be waived.
    """
    file = project / FILE
    tables = read_toml(file)
    known_keys(file, "", tables, {"waiver"})
    by_check: dict[str, RequiredCheck] = {}
    for each in manifest:
        by_check[each.check] = each
        whole = by_check.setdefault(base_of(each.check), each)
        if each.never_waived is not None and whole.never_waived is None:
            by_check[base_of(each.check)] = each  # what no waiver may cover in one part, none may cover in all
    waivers = []
    for number, row in enumerate(typed(file, "waiver", tables.get("waiver", []), list, "[[waiver]]"), 1):
        key = f"waiver {number}"
        known_keys(file, key, typed(file, key, row, dict, "a table"), _KEYS)
        for name in sorted(_KEYS):
            if name not in row or row[name] == "":
                raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
            if name != "expires":
                typed(file, f"{key}.{name}", row[name], str, "a text")
            elif type(row[name]) is not datetime.date:  # a datetime is one, too, and cannot be compared with a day
                raise ConfigurationError(file, f"{key}.{name}", f"a date is expected, not {row[name]!r}", "2026-12-31")
        waiver = Waiver(**row)
        entry = by_check.get(waiver.check)
        if entry is None:
            raise ConfigurationError(
                file, f"{key}.check", f"no check {waiver.check!r}", "Names stand in manifest.toml."
            )
        if entry.never_waived is not None:
            raise ConfigurationError(
                file,
                f"{key}.check",
                f"{waiver.check} cannot be waived ({entry.never_waived})",
                "Remove the waiver and mend the deployment.",
            )
        if waiver.environment != environment:
            continue
        if waiver.expires < today:
            raise ConfigurationError(
                file,
                f"{key}.expires",
                f"the waiver of {waiver.check} expired on {waiver.expires}",
                f"Remove it, or let {waiver.owner} renew it with a reason.",
            )
        waivers.append(waiver)
    return tuple(waivers)
