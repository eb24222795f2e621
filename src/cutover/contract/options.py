"""Whether the contract gate's own files and options are in order, before anything is started or sent.

Not for what a document leaves open (lint.py): that is a check of the gate.
"""

from __future__ import annotations

import math
from pathlib import Path

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.contract.document import FILES, read_contract
from cutover.contract.known_violations import load_known_violations


def judge(project: Path, minutes: float | None) -> None:
    """Read the project's documents and the debts. minutes: of --contract-minutes. Raises ConfigurationError."""
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise ConfigurationError("--contract-minutes", "", f"{minutes:g} is no time", "Minutes above 0, as in 5.")
    for file in FILES.values():
        read_contract(project / file)
    load_known_violations(project)


def judge_own(environment: Environment) -> None:
    """Read the documents that the environment is held to in place of ours. Raises ConfigurationError."""
    for own in environment.contracts.values():
        if own.file is not None:
            read_contract(own.file)
