"""Lines about test data that could not be removed: one for each reason, however many accounts have it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_REQUEST: Final = re.compile(r" \(request [^()]*\)")
"""A request id, which differs although the reason is the same. verdict.json contains it."""


def leftover_lines(leftovers: Iterable[str], file: str = "verdict.json") -> list[str]:
    """Return one line for each reason, in the order of their first leftover.

    leftovers: "WHAT: REASON" each. A reason with several is counted and names the file that lists them all.
    """
    groups: dict[str, list[str]] = {}
    for text in leftovers:
        what, _, reason = text.partition(": ")
        reason = _REQUEST.sub("", reason)
        groups.setdefault(reason, []).append(what)
    return [
        (f"{kinds[0]}: {reason}" if reason else kinds[0])
        if len(kinds) == 1
        else f"{len(kinds):,} items, all listed in {file}, for example {kinds[0]}{reason and ': ' + reason}"
        for reason, kinds in groups.items()
    ]
