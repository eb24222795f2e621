"""Normalize host names, so that two spellings of one host are equal.

A request that is wrongly taken for another host is not replayed, and its differences are not found.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import unquote

import idna

_DOTS: Final = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))  # UTS #46, 2.3: full stops of other scripts
_DEFAULT_PORTS: Final = ("", "80", "443")
_PARTS: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?")
_WRITTEN: Final = re.compile(r"[^\s/?#@\\]+")


def normalized_host(text: str) -> str:
    """Return a host with optional port in its normal form: lower case, A-labels, no dot at the end, no default port.

    The ports 80 and 443 are removed for any scheme, because most logs contain none. Never raises: text that is no host
    is returned in lower case.
    """
    text = unquote(text.strip()) if "[" not in text else text.strip()
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"  # an IPv6 address without brackets has no port
    match = _PARTS.fullmatch(text)
    if match is None:
        return text.lower()
    name, port = match[1], match[2] or ""
    host = _address(name) or _name(name)
    port = port.lstrip("0") or port[:1]
    return host if port in _DEFAULT_PORTS else f"{host}:{port}"


def is_host(text: str) -> bool:
    """Return True if the text can be a host with optional port: no URL, no path, no white space."""
    match = _PARTS.fullmatch(text)
    return bool(match and match[1] and _WRITTEN.fullmatch(text)) or bool(_address(text))


def _address(name: str) -> str:
    """Return an IP address in its shortest form, IPv6 in brackets, "" if the name is no address."""
    try:
        address = ipaddress.ip_address(name.strip("[]").rstrip("."))
    except ValueError:
        return ""
    return f"[{address.compressed}]" if address.version == 6 else address.compressed


def _name(name: str) -> str:
    labels = name.translate(_DOTS).lower().rstrip(".").split(".")
    return ".".join(label if label.isascii() else _a_label(label) for label in labels)


def _a_label(label: str) -> str:
    """Return the ASCII form of a label (UTS #46), by Punycode alone if IDNA does not allow the label."""
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return "xn--" + label.lower().encode("punycode", "replace").decode("ascii")
