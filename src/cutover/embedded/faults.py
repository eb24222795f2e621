"""Which planted defects and variants there are: the files of reference/faults and reference/variants.

Not for what they do, nor for switching them: the supervisor does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cutover.embedded.pair_error import USAGE, PairError

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMS: Final = {"worker": ".mjs", "legacy": ".py"}
MODES: Final = ("planted", "neutral")

# What makes a module one that can be served; others there are shared by several.
_ENTRY: Final = {
    "worker": re.compile(r"^export default\b", re.MULTILINE),
    "legacy": re.compile(r"^(?:from [\w.]+ import .*\bapplication\b|(?:def )?application\b)", re.MULTILINE),
}


def names(reference: Path, system: str, kind: str = "faults") -> list[str]:
    """Names for a system ("worker", "legacy"); `kind` is "faults" or "variants"."""
    ending, entry = SYSTEMS[system], _ENTRY[system]
    found = (reference / kind / system).glob(f"*{ending}")
    return sorted(file.name.removesuffix(ending) for file in found if entry.search(file.read_text(encoding="utf-8")))


def require(reference: Path, system: str, kind: str, name: str) -> None:
    """Raises PairError when there is no such defect or variant; the message lists those there are."""
    if system not in SYSTEMS:
        raise PairError(f"There is no system {system!r}.", fix="worker or legacy", exit_code=USAGE)
    there = names(reference, system, kind)
    if name not in there:
        what = "variant" if kind == "variants" else "planted defect"
        raise PairError(
            f"The {system} has no {what} {name!r}.",
            fix=f"choose one of: {', '.join(there) or 'none is there'}",
            exit_code=USAGE,
        )
