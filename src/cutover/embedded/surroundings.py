"""The surroundings of a pair: what the preflight gate reads besides the two systems.

`python -m surroundings` in reference/ writes the Wrangler configuration and other files of a deployment to a folder and
starts the servers that belong to it. Its first line on stdout says that they answer. It ends when its stdin is closed.
A pair starts it when it is asked for the first time, so only preflight runs pay for it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded.pair_error import PairError
from cutover.embedded.processes import POLL_S, Child, clean_environment, spawn, tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cutover.embedded.processes import Pause

SETTINGS: Final = "settings.json"
"""The file in the folder with the keys of the environment's table that the surroundings set (`preflight`, …)."""
_START_TIMEOUT_S: Final = 20.0
_END_TIMEOUT_S: Final = 5.0


@dataclass
class Surroundings:
    """The running surroundings. folder: the files that they present."""

    child: Child
    folder: Path

    def end(self) -> None:
        """End the process. It undoes its changes of the pair's stores first."""
        if self.child.process.stdin is not None:
            self.child.process.stdin.close()
        self.child.wait(_END_TIMEOUT_S)
        self.child.kill()


def start(
    reference: Path, folder: Path, log: Path, pair: Mapping[str, Any], pause: Pause,
    *, fault: str | None = None, mode: str = "planted",
) -> Surroundings:  # fmt: skip
    """Start the surroundings and wait until they are complete. Raises PairError.

    folder: emptied first. pair: addresses and secrets of the pair (state.PairState as plain data). fault: a module of
    reference/faults/preflight.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    env = clean_environment() | {"PYTHONPATH": str(reference), "TMPDIR": str(folder)}
    if fault is not None:
        env["FAULT"] = mode
    child = spawn(
        "the surroundings (python -m surroundings)",
        [sys.executable, "-m", "surroundings", *([fault] if fault is not None else [])],
        log=log, cwd=reference, env=env, pipes=True,
    )  # fmt: skip
    found = Surroundings(child, folder)
    try:
        if child.process.stdin is not None:
            child.process.stdin.write(json.dumps({"folder": str(folder), "pair": dict(pair)}).encode() + b"\n")
        _until_ready(child, pause)
    except (PairError, OSError) as error:
        found.end()
        problem = str(error) if isinstance(error, PairError) else f"The surroundings do not start: {error}."
        raise PairError(problem, log=tail(log)) from error
    return found


def _until_ready(child: Child, pause: Pause) -> None:
    output, received = child.process.stdout, b""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not received.endswith(b"\n"):
        if output is not None and select.select([output], [], [], 0)[0] and (part := os.read(output.fileno(), 65_536)):
            received += part
            continue
        if (how := child.ended()) is not None:
            raise PairError(f"The surroundings' process {how}.")
        if time.monotonic() > deadline:
            raise PairError(f"The surroundings are not complete after {_START_TIMEOUT_S:g} s.")
        pause(POLL_S)
    if json.loads(received).get("ready") is not True:
        raise PairError(f"The surroundings: expected the line that they are ready, got {received[:200]!r}.")
