"""The running pair `default`, which gates and commands use without --pair if it is this checkout's and honest."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cutover.embedded import packages, state
from cutover.embedded.pair_error import USAGE, PairError

NAME: Final = "default"


def unnamed_pair() -> state.PairState | None:
    """Return the running pair `default`, None if there is none.

    Raises PairError if another checkout started it or it serves a planted fault: its answers are not those of this
    checkout's applications, so the user must name it.
    """
    found = state.read(NAME)
    if found is None:
        return None
    if Path(found.reference_dir).resolve() != packages.reference().resolve():
        why = f"is from another checkout ({found.reference_dir})"
    elif found.fault is not None:
        why = f"serves a planted fault or a variant ({found.fault})"
    else:
        return found
    raise PairError(
        f"The running pair {NAME!r} {why}.",
        fix=f"add --pair {NAME} to use it, name another one, or stop it with `cutover pair down`",
        exit_code=USAGE,
    )
