"""The error of this package: the problem, the last lines of the log, the fix."""

from __future__ import annotations

import sys
from typing import Final

USAGE: Final = 4
"""Exit code: wrong usage or configuration (name, port, missing packages)."""
NOT_UP: Final = 11
"""Exit code: a part of the pair did not start, or has ended."""


class PairError(Exception):
    """An error while a pair is started, switched or stopped. Its text is written for the user.

    exit_code: USAGE (4) if the user can correct it by other arguments or packages, NOT_UP (11) otherwise.
    """

    def __init__(self, problem: str, *, fix: str = "", log: str = "", exit_code: int = NOT_UP) -> None:
        self.exit_code = exit_code
        lines = [problem]
        lines += [f"  | {line}" for line in log.splitlines()]
        lines += [f"Fix: {fix}"] if fix else []
        super().__init__("\n".join(lines))


def require_linux() -> None:
    """Raise PairError on other systems: only Linux has the parent-death signals and pidfd that the pair needs."""
    if not sys.platform.startswith("linux"):
        raise PairError(
            f"The embedded pair: expected Linux, got {sys.platform}.",
            fix="run it in a Linux container or virtual machine, or use another environment",
            exit_code=USAGE,
        )
