"""Names of the planted faults and the variants: the files of reference/faults and reference/variants.

The system "preflight" is what the pair presents to the preflight gate (surroundings.py).

Modules that several faults share are in the folder `lib` next to the faults and are not listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cutover.embedded.pair_error import USAGE, PairError

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMS: Final = {"worker": ".mjs", "legacy": ".py", "preflight": ".py"}
MODES: Final = ("planted", "control")


def names(reference: Path, system: str, kind: str = "faults") -> list[str]:
    """Return the sorted names for a system of SYSTEMS; `kind` is "faults" or "variants"."""
    ending = SYSTEMS[system]
    return sorted(file.name.removesuffix(ending) for file in (reference / kind / system).glob(f"*{ending}"))


def require(reference: Path, system: str, kind: str, name: str) -> None:
    """Raise PairError if there is no such fault or variant; the message lists the existing names."""
    if system not in SYSTEMS:
        raise PairError(f"unknown system {system!r}", fix=f"use one of: {', '.join(SYSTEMS)}", exit_code=USAGE)
    existing = names(reference, system, kind)
    if name not in existing:
        noun = "variant" if kind == "variants" else "planted fault"
        raise PairError(
            f"The {system} has no {noun} {name!r}.",
            fix=f"choose one of: {', '.join(existing) or '(there is none)'}",
            exit_code=USAGE,
        )
