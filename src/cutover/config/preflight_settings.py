"""The settings of the preflight gate: table `preflight` of an environment, with one sub-table for each section.

Each section has a module of its own, `preflight_` and the name of the section, with its schema, its settings and its
reader. A section that is missing is None: its checks are not verified and name the table to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.preflight_dns import DNS, DnsSettings, read_dns
from cutover.config.preflight_prerequisites import PREREQUISITES, PrerequisiteSettings, read_prerequisites
from cutover.config.preflight_storage import STORAGE, StorageSettings, read_storage
from cutover.config.preflight_suite import SUITE, SuiteSettings, read_suite
from cutover.config.preflight_tls import TLS, TlsSettings, read_tls
from cutover.config.preflight_wrangler import WRANGLER, WranglerSettings, read_wrangler
from cutover.config.validation import Table

PREFLIGHT: Final = Table(
    {
        "wrangler": WRANGLER,
        "dns": DNS,
        "tls": TLS,
        "storage": STORAGE,
        "prerequisites": PREREQUISITES,
        "suite": SUITE,
    }
)
"""The schema of table `preflight`. docs/preflight.md explains every key."""


@dataclass(frozen=True)
class PreflightSettings:
    """The sections of table `preflight`, None for one that the environment does not have."""

    wrangler: WranglerSettings | None = None
    dns: DnsSettings | None = None
    tls: TlsSettings | None = None
    storage: StorageSettings | None = None
    prerequisites: PrerequisiteSettings | None = None
    suite: SuiteSettings | None = None


_READERS: Final = {
    "wrangler": read_wrangler,
    "dns": read_dns,
    "tls": read_tls,
    "storage": read_storage,
    "prerequisites": read_prerequisites,
    "suite": read_suite,
}


def read_preflight(file: Path, name: str, table: Mapping[str, Any]) -> PreflightSettings:
    """Return the settings of a validated table `preflight`. Raises ConfigurationError.

    file: environments.toml; paths in the table are relative to its folder. name: the environment, for messages.
    """
    sections: dict[str, Any] = {
        section: _READERS[section](file, f"{name}.preflight.{section}", row) for section, row in table.items()
    }
    return PreflightSettings(**sections)
