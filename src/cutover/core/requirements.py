"""The checks that a gate requires, and the waivers that accept single findings: the input of every verdict."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cutover.core.rule_table import HOUSE, Rule
from cutover.core.safety import SafetyLevel


@dataclass(frozen=True)
class RequiredCheck:
    """One check of one gate, as manifest.toml lists it.

    system: the system that it tests, None if it tests none or both. never_waived: why no waiver may cover the check,
    None if one may. needs: capabilities of the environment (environments.CAPABILITIES) that the check needs.
    owns: the shared preconditions that are its subject ("upload on worker", core/preconditions.py).
    rule: the rule that it judges, None for a check that every environment requires.
    """

    gate: str
    check: str
    system: str | None
    level: SafetyLevel
    never_waived: str | None = None
    needs: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    rule: Rule | None = None

    def is_judged(self, profile: str) -> bool:
        """Return True if an environment with this profile of rules requires the check."""
        return profile == HOUSE or self.rule is None or self.rule.is_judged(profile)


@dataclass(frozen=True)
class Waiver:
    """One accepted finding. expires: the last day on which the waiver is valid (UTC).

    check: as in manifest.toml; or without its [parameters], for a finding that a gate reports for many operations
    under fingerprints of its own (contract).
    """

    check: str
    environment: str
    fingerprint: str
    reason: str
    owner: str
    expires: datetime.date


def base_of(check: str) -> str:
    """Return a check's name without its [parameters]."""
    return check.partition("[")[0]
