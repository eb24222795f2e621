"""The DNS of the deployment: two authoritative servers of the zone and a recursive resolver, on loopback."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from .dns_server import DnsListener, NameServer, Records, Resolver
from .serving import Serving

if TYPE_CHECKING:
    from .presented import Presented

ZONE = "list-cutter.test"
NAMES = (ZONE, f"www.{ZONE}", f"api.{ZONE}")
"""The names in use: apex, www and the API."""
CA_DOMAIN = f"ca.{ZONE}"
"""The domain name of the pair's CA in CAA records."""


def zone() -> Records:
    """Return the records of the honest zone."""
    return {
        (ZONE, "SOA"): (300, [f"ns1.{ZONE}. admin.{ZONE}. 2026112801 7200 900 1209600 300"]),
        (ZONE, "NS"): (86_400, [f"ns1.{ZONE}.", f"ns2.{ZONE}."]),
        (f"ns1.{ZONE}", "A"): (86_400, ["127.0.0.1"]),
        (f"ns2.{ZONE}", "A"): (86_400, ["127.0.0.1"]),
        (ZONE, "A"): (300, ["127.0.0.1"]),
        (f"www.{ZONE}", "CNAME"): (300, [f"{ZONE}."]),
        (f"api.{ZONE}", "A"): (300, ["127.0.0.1"]),
        (ZONE, "CAA"): (3600, [f'0 issue "{CA_DOMAIN}"', '0 issuewild ";"']),
    }


def describe(presented: Presented) -> None:
    """Add the honest content."""
    records = zone()
    servers = [NameServer(ZONE, copy.deepcopy(records)) for _ in range(2)]
    presented.name_servers, presented.resolver = servers, Resolver(servers)
    presented.settings["dns"] = {"names": list(NAMES)}


def present(presented: Presented) -> Callable[[], None]:
    """Start the servers, and name them in the settings."""
    served = [*presented.name_servers, presented.resolver]
    listeners = [DnsListener(server.respond) for server in served]
    running = Serving(listeners)
    for server, listener in zip(served, listeners, strict=True):
        server.port = listener.port
    settings = presented.settings["dns"]
    settings.setdefault("resolver", f"127.0.0.1:{presented.resolver.port}")
    settings.setdefault("authoritative", [f"127.0.0.1:{server.port}" for server in presented.name_servers])
    return running.close
