"""JSON Web Tokens: read the claims, and sign changed claims. HS256 only (RFC 7515, RFC 7518 3.2), as both systems."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.secrets import Secret


def claims(token: Secret) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a signed JWT. Raises CheckFailed if the text is not a JWT."""
    try:
        header, payload, signature = token.reveal().split(".")
        parts = json.loads(_decode(header)), json.loads(_decode(payload))
        _decode(signature)
        if not all(isinstance(part, dict) for part in parts):
            raise TypeError
    except (ValueError, TypeError):
        raise CheckFailed("token:no-jwt", expected="a signed JWT", got="another text") from None
    return parts


def reissued(
    token: Secret, key: Secret | None, *, lifetime_s: int, claims_instead: Mapping[str, Any] | None = None
) -> Secret:
    """Return a token with the same claims, signed with the key, issued now, that expires in lifetime_s seconds.

    A negative lifetime gives a token that expired that many seconds ago and was issued 900 s before. claims_instead:
    claims with other values; the value None removes the claim. Raises NotVerified if there is no key or the token is
    not signed with HS256.
    """
    header, payload = claims(token)
    if key is None:
        raise NotVerified("environments.toml names no secret for signing tokens (secrets.…_jwt_secret)")
    if header.get("alg") != "HS256":
        raise NotVerified(f"expected a token signed with HS256, got {header.get('alg')!r}")
    now = int(time.time())
    times = {"exp": now + lifetime_s, "iat": now + min(0, lifetime_s) - (900 if lifetime_s < 0 else 0)}
    times |= {"nbf": times["iat"]} if "nbf" in payload else {}
    changed = {**payload, **times, **(claims_instead or {})}
    kept = {name: value for name, value in changed.items() if value is not None}
    signed = f"{_encode(_json(header))}.{_encode(_json(kept))}"
    signature = hmac.new(key.reveal().encode(), signed.encode(), hashlib.sha256).digest()
    return Secret(f"{signed}.{_encode(signature)}")


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
