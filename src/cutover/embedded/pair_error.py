"""The one error of this package: what failed, the log's last lines, the fix.

Not for what a deployment answers wrongly: that is cutover.core.errors.
"""

from __future__ import annotations

import sys
from typing import Final

USAGE: Final = 4
"""Exit code: wrong usage or configuration (name, port, missing packages)."""
NOT_UP: Final = 11
"""Exit code: a part of the pair did not come up, or is dead."""


class PairError(Exception):
    """The pair cannot be started, switched or stopped. The text is meant for the user as it stands.

    exit_code: USAGE (4) when the user can put it right by calling differently, NOT_UP (11) otherwise.
    """

    def __init__(self, problem: str, *, fix: str = "", log: str = "", exit_code: int = NOT_UP) -> None:
        self.exit_code = exit_code
        lines = [problem]
        lines += [f"  | {line}" for line in log.splitlines()]
        lines += [f"Fix: {fix}"] if fix else []
        super().__init__("\n".join(lines))


def require_linux() -> None:
    """Raises PairError elsewhere: parent-death signals and pidfd are what leaves no process behind."""
    if not sys.platform.startswith("linux"):
        raise PairError(
            f"The embedded pair runs on Linux only, this is {sys.platform}.",
            fix="run it in a Linux container or virtual machine, or name another environment",
            exit_code=USAGE,
        )
