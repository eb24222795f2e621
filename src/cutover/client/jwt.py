"""JSON Web Tokens as the checks need them: read the claims, sign the same claims anew with other times.

HS256 only (RFC 7515, RFC 7518 3.2), which is what both systems use. Judges no token.
"""

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
    """Header and claims of a signed JWT. Raises CheckFailed when it is none."""
    try:
        header, payload, signature = token.reveal().split(".")
        parts = json.loads(_decode(header)), json.loads(_decode(payload))
        _decode(signature)
        if not all(isinstance(part, dict) for part in parts):
            raise TypeError
    except (ValueError, TypeError):
        raise CheckFailed("token:no-jwt", expected="a signed JWT", got="a text that is none") from None
    return parts


def reissued(
    token: Secret, key: Secret | None, *, lifetime_s: int, claims_instead: Mapping[str, Any] | None = None
) -> Secret:
    """The token's own claims, signed with the key, issued a moment ago and expiring in lifetime_s seconds.

    claims_instead: claims with another value; None takes the claim out.
    A lifetime below 0 makes a token that expired so many seconds ago and was issued 900 s before.
    Raises NotVerified without a key, or when the token is not signed by HS256.
    """
    header, payload = claims(token)
    if key is None:
        raise NotVerified("environments.toml names no secret to sign tokens with (secrets.…_jwt_secret)")
    if header.get("alg") != "HS256":
        raise NotVerified(f"tokens are signed by {header.get('alg')!r}, an expired one can be made for HS256 only")
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
