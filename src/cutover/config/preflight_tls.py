"""The settings of the preflight checks of TLS: table `preflight.tls` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.certificate_file import read_ca_file
from cutover.config.validation import ConfigurationError, Integer, Items, Number, Table, Text

TLS: Final = Table(
    {
        "port": Integer(1, 65_535),
        "http_port": Integer(1, 65_535),
        "warn_days": Integer(0, 825),
        "fail_days": Integer(0, 825),
        "ca_domains": Items(Text("a domain name"), "an array of domain names"),
        "ca_file": Text("a file's path"),
        "timeout_s": Number(0.05, 120),
    },
    defaults={"http_port": 80, "warn_days": 30, "fail_days": 7, "ca_domains": (), "timeout_s": 5.0},
)
"""The schema of table `preflight.tls`. 30 and 7 days are the limits of the gate (docs/preflight.md, TLS)."""


@dataclass(frozen=True)
class TlsSettings:
    """The settings of the checks of TLS.

    port: port of TLS at the resolved address, that of the URL if None; the name and the URL in requests stay the same.
    http_port: port of plain http. warn_days, fail_days: a certificate with at most that many days left is a warning or
    a failure. ca_domains: domain names by which CAA records allow the CA of the certificates, for a CA that the suite
    does not know. ca_file: certificate authorities in place of the environment's. timeout_s: for one connection with
    its handshake and response, in s.
    """

    port: int | None = None
    http_port: int = 80
    warn_days: int = 30
    fail_days: int = 7
    ca_domains: tuple[str, ...] = ()
    ca_file: str | None = None
    timeout_s: float = 5.0


def read_tls(file: Path, key: str, row: Mapping[str, Any]) -> TlsSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    if row["fail_days"] > row["warn_days"]:
        raise ConfigurationError(
            file,
            f"{key}.fail_days",
            f"expected at most warn_days = {row['warn_days']}, got {row['fail_days']}",
            "Correct one of them.",
        )
    return TlsSettings(
        port=row.get("port"),
        http_port=row["http_port"],
        warn_days=row["warn_days"],
        fail_days=row["fail_days"],
        ca_domains=tuple(name.rstrip(".").lower() for name in row["ca_domains"]),
        ca_file=read_ca_file(file, key, str(file.parent / row["ca_file"]) if "ca_file" in row else None),
        timeout_s=row["timeout_s"],
    )
