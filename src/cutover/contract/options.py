"""Validation of the contract gate's files and options before anything is started or sent."""

from __future__ import annotations

import math
from pathlib import Path

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.contract.document import FILES, read_contract
from cutover.contract.known_violations import load_known_violations


def validate(project: Path, minutes: float | None, known_violations: Path | None = None) -> None:
    """Read the project's documents and the known violations. Raises ConfigurationError.

    minutes: --contract-minutes. known_violations: the environment's own file.
    """
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise ConfigurationError(
            "--contract-minutes", "", f"expected minutes above 0, got {minutes:g}", "Give a number like 5."
        )
    for file in FILES.values():
        read_contract(project / file)
    load_known_violations(project, known_violations)


def validate_own_documents(environment: Environment) -> None:
    """Read the environment's own documents. Raises ConfigurationError."""
    for own in environment.contracts.values():
        if own.file is not None:
            read_contract(own.file)
