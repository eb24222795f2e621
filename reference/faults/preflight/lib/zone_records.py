"""Changes of the records of the zone, on all of its name servers."""

from __future__ import annotations

from surroundings.dns_server import NameServer
from surroundings.presented import Presented


def replace(presented: Presented, name: str, kind: str, ttl: int, *data: str) -> None:
    """Give a name other data of this type on every name server. Raises KeyError if it has none."""
    for server in presented.name_servers:
        del server.records[name, kind]
        add_to(server, name, kind, ttl, *data)


def remove(presented: Presented, name: str, kind: str) -> None:
    """Remove the data of this type of a name from every name server. Raises KeyError if it has none."""
    for server in presented.name_servers:
        del server.records[name, kind]


def add(presented: Presented, name: str, kind: str, ttl: int, *data: str) -> None:
    """Add data of a type that the name does not have, on every name server. Raises ValueError if it has it."""
    for server in presented.name_servers:
        if (name, kind) in server.records:
            raise ValueError(f"expected no {kind} of {name}, got {server.records[name, kind]}")
        add_to(server, name, kind, ttl, *data)


def add_to(server: NameServer, name: str, kind: str, ttl: int, *data: str) -> None:
    """Add data to one name server."""
    server.records[name, kind] = (ttl, list(data))
