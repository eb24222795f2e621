"""Forged and invalid tokens made from a valid one. RFC 7515, 7518, 7519, 8725; OWASP JWT testing guide.

Revoked tokens and tokens of deleted or disabled accounts are made by the checks themselves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from cutover.client.jwt import claims, reissued
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret

_HASHES: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_LIFETIME_S: Final = 300
_LATER_S: Final = 3600


def forged_without_key(token: Secret) -> dict[str, str]:
    """Return name -> forged token that can be made without the signing key."""
    header, payload = claims(token)
    owner = _claims_of_owner(payload)
    raw_header, raw_payload, signature = token.reveal().split(".")
    later = _encode(_json({**payload, "exp": payload["exp"] + 1}))
    other_sub = {name: _another(payload[name]) for name in owner}
    forged = {
        "no token at all": "undefined",
        "three words": "a.b.c",
        "two parts": f"{raw_header}.{raw_payload}",
        "four parts": f"{token.reveal()}.{signature}",
        "no signature": f"{raw_header}.{raw_payload}.",
        "signature cut": token.reveal()[:-6],
        "signature of another text": f"{raw_header}.{later}.{signature}",
        "claims of another user": f"{raw_header}.{_encode(_json({**payload, **other_sub}))}.{signature}",
        "signed with an empty key": _signed(header, payload, b""),
        "signed with a common word": _signed(header, payload, b"secret"),
        "another secret": _signed(header, payload, b"another environment's secret, " * 2),
        "signed with its own header": _signed(header, payload, raw_header.encode()),
    }
    for spelling in ("none", "None", "NONE", "nOnE", ""):
        unsigned = f"{_encode(_json({**header, 'alg': spelling}))}.{raw_payload}"
        forged[f"alg {spelling or 'empty'}"] = f"{unsigned}."
        forged[f"alg {spelling or 'empty'}, old signature"] = f"{unsigned}.{signature}"
    key = {"kty": "oct", "k": _encode(b"brought along"), "alg": "HS256"}
    forged["key in the header"] = _signed({**header, "jwk": key}, payload, b"brought along")
    forged["key from a file"] = _signed({**header, "kid": "../../../../dev/null"}, payload, b"")
    forged["key by SQL"] = _signed({**header, "kid": "x' UNION SELECT 'k"}, payload, b"k")
    return forged


def forged_with_key(token: Secret, key: Secret, issued_for: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> token that is signed with the right key and must be refused.

    issued_for: required claims with their values (issuer, audience).
    """
    header, payload = claims(token)
    now, secret = int(time.time()), key.reveal().encode()
    times = {"iat": now, "exp": now + _LIFETIME_S}
    good = {**payload, **times}
    forged = {
        "expired": reissued(token, key, lifetime_s=-60).reveal(),
        "expired a moment ago": reissued(token, key, lifetime_s=-2).reveal(),
        "never expires": _signed(header, {name: good[name] for name in good if name != "exp"}, secret),
        "expires in words": _signed(header, {**good, "exp": "tomorrow"}, secret),
        "not yet valid": _signed(header, {**good, "nbf": now + _LATER_S, "exp": now + 2 * _LATER_S}, secret),
        "no id": _signed(header, {name: good[name] for name in good if name != "jti"}, secret),
        "no type": _signed(header, {name: good[name] for name in good if name not in ("type", "token_type")}, secret),
        "asks for an extension": _signed({**header, "crit": ["cutover"], "cutover": True}, good, secret),
        "a list for claims": _signed(header, [good], secret),
        "alg HS384": _signed({**header, "alg": "HS384"}, good, secret),
        "alg HS512": _signed({**header, "alg": "HS512"}, good, secret),
        "says RS256, is HS256": _signed({**header, "alg": "RS256"}, good, secret, hash_of="HS256"),
        "no alg": _signed({"typ": "JWT"}, good, secret, hash_of="HS256"),
    }
    for name in _claims_of_owner(payload):
        for what, value in (("unknown", "999999999999"), ("negative", "-1"), ("SQL", "1 OR 1=1"), ("empty", "")):
            forged[f"{name} is {what}"] = _signed(header, {**good, name: value}, secret)
        forged[f"{name} is missing"] = _signed(header, {key: good[key] for key in good if key != name}, secret)
    for name, value in issued_for.items():
        for what, other in (("another", f"{value}-staging"), ("longer", f"x{value}"), ("upper case", value.upper())):
            forged[f"{name} {what}"] = _signed(header, {**good, name: other}, secret)
        forged[f"{name} missing"] = _signed(header, {key: good[key] for key in good if key != name}, secret)
    return forged


def rule_of_claims(kind: str) -> Rule | None:
    """Return the rule that the acceptance of such a token of `forged_with_key` breaks, None for that of the check.

    Every deployment must honour the times of its tokens (RFC 7519 4.1.4, 4.1.5). Which other claims it requires, and
    how much its clocks may differ, is a convention: only the owner of the key can make these tokens.
    """
    return None if kind in ("expired", "not yet valid") else Rule.TOKEN_CLAIMS


def with_identity(token: Secret, old: str, new: str, key: Secret | None) -> Secret:
    """Return the token with another user id, signed with the key, or with a common word if there is no key.

    A system that does not verify signatures accepts the second one as well.
    """
    header, payload = claims(token)
    named = _claims_of_owner(payload)
    changed = {name: new if name in named and str(value) == old else value for name, value in payload.items()}
    return Secret(_signed(header, changed, key.reveal().encode() if key else b"secret"))


def control_token(token: Secret, key: Secret | None) -> Secret:
    """Return a valid token: the same claims, issued now and signed with the key.

    The system must accept it; otherwise the refusals of `forged_with_key` prove nothing. Raises NotVerified without a
    key.
    """
    return reissued(token, key, lifetime_s=_LIFETIME_S)


_OTHER_CLAIMS: Final = frozenset({
    "iss", "aud", "exp", "nbf", "iat", "jti", "typ", "type", "token_type", "use", "token_use", "kind", "scope", "scp",
    "roles", "client_id", "azp", "sid", "session", "version", "ver",
})  # fmt: skip
"""Claims that do not name the owner of a token: RFC 7519 4.1 without `sub`, and usual ones of deployments."""


def _claims_of_owner(payload: Mapping[str, Any]) -> list[str]:
    """Return the claims that name the owner of the token: `sub` or `user_id`, else every other text or number.

    A deployment may use a claim of its own. Without one, "claims of another user" would be the valid token itself.
    """
    known = [name for name in ("sub", "user_id") if name in payload]
    return known or [
        name
        for name, value in payload.items()
        if name not in _OTHER_CLAIMS and isinstance(value, (str, int)) and not isinstance(value, bool)
    ]


def _another(identity: Any) -> Any:
    number = int(identity) + 1 if str(identity).isdecimal() else 1
    return str(number) if isinstance(identity, str) else number


def _signed(header: Mapping[str, Any], payload: Any, key: bytes, *, hash_of: str | None = None) -> str:
    text = f"{_encode(_json(header))}.{_encode(_json(payload))}"
    used = _HASHES[hash_of or str(header.get("alg", "HS256"))]
    return f"{text}.{_encode(hmac.new(key, text.encode(), used).digest())}"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
