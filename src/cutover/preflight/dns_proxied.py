"""Names that Cloudflare proxies: DNS shows the addresses of Cloudflare and nothing of the origin."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

_RANGES: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18",
        "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13",
        "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
        "2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29",
        "2c0f:f248::/32",
    )
)  # fmt: skip
"""The addresses of Cloudflare's edge: cloudflare.com/ips-v4 and ips-v6, as published in November 2026."""


def is_proxied(addresses: Iterable[str]) -> bool:
    """Return True if there are addresses and Cloudflare's edge has all of them."""
    parsed = [ipaddress.ip_address(address) for address in addresses]
    return bool(parsed) and all(any(address in network for network in _RANGES) for address in parsed)


def hidden_by_proxy(host: str) -> str:
    """Return what the checks of a proxied name could not detect."""
    return (
        f"{host} is proxied by Cloudflare: its DNS record's own target, TTL and dangling CNAME, and the certificate of "
        "the origin; DNS and TLS show Cloudflare's edge, and a change takes effect without waiting for a TTL"
    )
