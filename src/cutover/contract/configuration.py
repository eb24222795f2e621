"""Whether the contract gate's own files and options are in order, before anything is started or sent.

Not for what a document leaves open (lint.py): that is a check of the gate.
"""

from __future__ import annotations

import math
from pathlib import Path

from cutover.configuration import ConfigurationError
from cutover.contract.debts import load_debts
from cutover.contract.document import FILES, read_contract


def judge(project: Path, minutes: float | None) -> None:
    """Read the project's documents and the debts. minutes: of --contract-minutes. Raises ConfigurationError.

    A document of an environment's own is read when the environment is.
    """
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise ConfigurationError("--contract-minutes", "", f"{minutes:g} is no time", "Minutes above 0, as in 5.")
    for file in FILES.values():
        read_contract(project / file)
    load_debts(project)
