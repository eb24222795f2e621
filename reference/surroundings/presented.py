"""The content of the surroundings: data that a planted fault changes before the parts present it.

A fault module in faults/preflight/ has one function:

    def change(presented: Presented, *, planted: bool) -> None

It changes the data if `planted` is true. Otherwise it is the control: it does the same work without effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .certificates import CertificateSpec
from .dns_server import NameServer, Resolver
from .tls_front import TlsFront

REFERENCE = Path(__file__).resolve().parents[1]


@dataclass
class Presented:
    """The content of the surroundings.

    folder: where the parts write their files. pair: addresses and secrets of the pair (PairState as plain data).
    wrangler: text of the Wrangler configuration, wrangler_name: its file name. files: name -> text of further files in
    `folder`. settings: section -> keys of `[embedded.preflight.SECTION]`. environment: further keys of `[embedded]`,
    for example budget. name_servers: the authoritative servers of the zone, each with its own records. resolver: the
    recursive resolver. certificates: host name -> its certificate, "" for all other names. front: TLS versions, headers
    and the redirect from http. migrations: file name -> SQL of D1's migrations. d1_changes, postgres_changes: each a
    statement that changes a store of the pair, and one that undoes it. Django's role executes those of PostgreSQL.
    """

    folder: Path
    pair: dict[str, Any]
    wrangler: str = ""
    wrangler_name: str = "wrangler.toml"
    files: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    name_servers: list[NameServer] = field(default_factory=list)
    resolver: Resolver = field(default_factory=lambda: Resolver(()))
    certificates: dict[str, CertificateSpec] = field(default_factory=dict)
    front: TlsFront = field(default_factory=lambda: TlsFront(""))
    migrations: dict[str, str] = field(default_factory=dict)
    d1_changes: list[tuple[str, str]] = field(default_factory=list)
    postgres_changes: list[tuple[str, str]] = field(default_factory=list)


def exchanged(text: str, old: str, new: str, *, count: int = 1) -> str:
    """Return the text with `old` replaced. Raise ValueError unless it occurs `count` times: the fault had no effect."""
    if (found := text.count(old)) != count:
        raise ValueError(f"expected {old!r} {count} times, got {found} times")
    return text.replace(old, new)
